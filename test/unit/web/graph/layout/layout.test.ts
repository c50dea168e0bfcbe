// The layered layout: parents stand left of children or in an earlier band, boxes never overlap, and 10,000 tasks take no time
// that a person notices.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { seed } from "#test/seed";
import { layout } from "#web/graph/layout/layout";
import { box, type GraphInput } from "#web/graph/layout/types";

function inputOf(n: number, edges: readonly (readonly [number, number])[]): GraphInput {
  return {
    ...{ n, width: 1200, height: 700, labelWidth: new Float32Array(n).fill(120) },
    from: Int32Array.from(edges, ([from]) => from),
    to: Int32Array.from(edges, ([, to]) => to),
  };
}

/** Edges go from lower to higher numbers, so there is no circle. */
const graphs = fc.integer({ min: 1, max: 60 }).chain((n) =>
  fc
    .uniqueArray(fc.tuple(fc.nat(n - 1), fc.nat(n - 1)), {
      maxLength: 200,
      selector: ([from, to]) => from * 100 + to,
    })
    .map((pairs) => ({ n, edges: pairs.filter(([from, to]) => from < to) })),
);

const overlaps = ({ x, y, w }: ReturnType<typeof layout>, n: number): [number, number][] => {
  const found: [number, number][] = [];
  for (let a = 0; a < n; a++)
    for (let b = a + 1; b < n; b++) {
      const isBeside = x[a]! + w[a]! <= x[b]! + 0.01 || x[b]! + w[b]! <= x[a]! + 0.01;
      if (!isBeside && Math.abs(y[a]! - y[b]!) < box.h - 0.01) found.push([a, b]);
    }
  return found;
};

it("puts every parent in an earlier rank, and no box on another", () => {
  fc.assert(
    fc.property(graphs, ({ n, edges }) => {
      const laid = layout(inputOf(n, edges));
      for (const [from, to] of edges) expect(laid.rank[from]!).toBeLessThan(laid.rank[to]!);
      expect(overlaps(laid, n)).toEqual([]);
      expect(laid.blocks.reduce((sum, { nodes }) => sum + nodes.length, 0)).toBe(n);
    }),
    { seed },
  );
});

it("leads each edge into a task back to its number", () => {
  const { parents, edgeInto } = layout(
    inputOf(4, [
      [0, 2],
      [1, 2],
      [2, 3],
    ]),
  );
  const into = (v: number) => [...edgeInto.subarray(parents.start[v], parents.start[v + 1])];
  expect([into(2), into(3), into(0)]).toEqual([[0, 1], [2], []]);
});

it("keeps a chain straight, and joins in the middle", () => {
  const { y } = layout(
    inputOf(5, [
      [0, 1],
      [0, 2],
      [0, 3],
      [1, 4],
      [2, 4],
      [3, 4],
    ]),
  );
  expect(y[0]).toBeCloseTo(y[2]!, 1);
  expect(y[4]).toBeCloseTo(y[2]!, 1);
});

describe("a large graph", () => {
  const [levels, wide] = [10, 1_000];
  const edges = Array.from({ length: (levels - 1) * wide * 3 }, (_, i): [number, number] => {
    const child = wide + Math.floor(i / 3);
    const [level, place] = [Math.floor(child / wide), child % wide];
    return [(level - 1) * wide + ((place + (i % 3) * 7) % wide), child];
  });

  it("of 10,000 tasks and 27,000 edges is laid out in blocks, in well under a second", () => {
    const began = performance.now();
    const laid = layout(inputOf(levels * wide, edges));
    // 60 to 110 ms where nothing else runs.
    expect(performance.now() - began).toBeLessThan(1_500);
    expect([laid.wrapped, laid.blocks.length]).toEqual([true, levels]);
    expect(laid.bundles?.length ?? 0).toBeLessThanOrEqual(6_000 * 6);
  });

  it("of one chain of 5,000 flows into bands as words into lines", () => {
    const chain = Array.from({ length: 4_999 }, (_, i): [number, number] => [i, i + 1]);
    const { x, y } = layout(inputOf(5_000, chain));
    const [right, bottom] = [Math.max(...x), Math.max(...y)];
    expect(right / bottom).toBeGreaterThan(0.5);
    expect(right / bottom).toBeLessThan(6);
  });
});
