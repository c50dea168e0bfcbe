// The state diagram of a page as a picture: which state follows which. The page's tables say by which events.

/** Columns and rows of the states; where a state is missing here, the picture cannot be drawn. */
const places: Readonly<Record<string, readonly [column: number, row: number]>> = {
  Waiting: [0, 1],
  Pending: [1, 1],
  Claimed: [2, 1],
  Running: [3, 1],
  Paused: [1, 3],
  Retrying: [2, 2.2],
  Success: [4, 0],
  Skipped: [4, 1],
  Failure: [4, 2.2],
  Canceled: [4, 3.2],
};
const [wide, high, stepX, stepY] = [104, 34, 170, 84];

/** Every state that is not final may end; only the usual way is drawn. */
const ends = new Set(["Success", "Failure", "Skipped"]);

/** Of the lines `A --> B: events` of a Mermaid diagram. */
export function drawStates(mermaid: string): string {
  const all = [...mermaid.matchAll(/^\s*(\w+) --> (\w+)/gm)].map(([, from = "", to = ""]) => [from, to] as const);
  for (const name of all.flat()) if (!(name in places)) throw new Error(`no place for the state ${name}`);
  const arrows = all.filter(([from, to]) => from === "Running" || !ends.has(to));
  const lines = arrows.map(([from, to]) => `<path class="arrow" marker-end="url(#tip)" d="${wayOf(from, to)}"/>`);
  const boxes = Object.keys(places).map((name) => {
    const [x, y] = middleOf(name);
    return `<rect class="state" x="${x - wide / 2}" y="${y - high / 2}" width="${wide}" height="${high}" rx="17"/><text x="${x}" y="${y + 5}">${name}</text>`;
  });
  return `<figure class="states"><svg viewBox="0 0 ${4 * stepX + wide + 20} ${3.2 * stepY + high + 30}" role="img" aria-label="Which state follows which">
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="tip" d="M0 0 8 4 0 8z"/></marker></defs>
${lines.join("")}${boxes.join("")}</svg><figcaption>Which state follows which, and the usual way to an end. The tables below have the others, and by which events.</figcaption></figure>\n`;
}

function middleOf(name: string): readonly [x: number, y: number] {
  const [column, row] = places[name] as readonly [number, number];
  return [column * stepX + wide / 2 + 10, row * stepY + high / 2 + 15];
}

/** Neighbours in a row by a straight line, others by a bow from edge to edge. */
function wayOf(from: string, to: string): string {
  const [[x1, y1], [x2, y2]] = [middleOf(from), middleOf(to)];
  if (y1 === y2) {
    const right = x2 > x1 ? 1 : -1;
    const [start, end, lift] = [x1 + (right * wide) / 2, x2 - (right * wide) / 2, right * -6];
    if (Math.abs(x2 - x1) === stepX) return `M${start} ${y1 + lift}L${end} ${y2 + lift}`;
    return `M${x1} ${y1 - high / 2}C${x1 + 40} ${y1 - 62} ${x2 - 40} ${y2 - 62} ${x2} ${y2 - high / 2}`;
  }
  if (x1 === x2)
    return `M${x1 + (y2 > y1 ? -8 : 8)} ${y1 + ((y2 > y1 ? 1 : -1) * high) / 2}V${y2 - ((y2 > y1 ? 1 : -1) * high) / 2}`;
  const right = x2 > x1 ? 1 : -1;
  const [sx, ex] = [x1 + (right * wide) / 2, x2 - (right * wide) / 2];
  return `M${sx} ${y1}C${sx + right * 60} ${y1} ${ex - right * 60} ${y2} ${ex} ${y2}`;
}
