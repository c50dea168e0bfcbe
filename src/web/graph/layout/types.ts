// What the layout takes and gives: flat arrays, which pass between threads without a copy.

export interface GraphInput {
  readonly n: number;
  readonly from: Int32Array;
  readonly to: Int32Array;
  /** Pixels that the box of each task wants. */
  readonly labelWidth: Float32Array;
  /** Of the window, in pixels. */
  readonly width: number;
  readonly height: number;
}

/** Neighbours of v: `list[start[v]..start[v + 1]]`. */
export interface Adjacency {
  readonly start: Int32Array;
  readonly list: Int32Array;
}

/** The tasks of one rank, as a grid filled row by row. */
export interface Block {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly columns: number;
  readonly rows: number;
  readonly nodes: Int32Array;
}

export interface Layout {
  /** Left edge and middle of each box; cut points of long edges come after the tasks. */
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly w: Float32Array;
  readonly rank: Int32Array;
  readonly blocks: readonly Block[];
  /** Per edge the places that it passes; null where edges go straight. */
  readonly routes: readonly Int32Array[] | null;
  readonly wrapped: boolean;
  /** Of a wrapped layout, lines for many edges: x1, y1, x2, y2, how many, 1 where single edges can be drawn instead. */
  readonly bundles: Float32Array | null;
  readonly children: Adjacency;
  readonly parents: Adjacency;
  /** For each place in `parents.list`, which edge it is. */
  readonly edgeInto: Int32Array;
}

export const box = { w: 168, h: 30, gapX: 56, gapY: 12, cellX: 8, cellY: 6, bandY: 44 } as const;
