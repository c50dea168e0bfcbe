// Lays rows out in columns that fit the terminal: the widest columns give way first, and what does not fit is cut. Pure.
import { cut, type Terminal, width } from "./terminal.ts";

const gap = 2;
const leastColumns = 6;

/** Rows of texts without colours; `paint` colours one cell of a row, by its column. */
export function columns(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  terminal: Pick<Terminal, "columns" | "paint">,
  paint: (text: string, row: number, column: number) => string = (text) => text,
): string[] {
  const widths = heads.map((head, i) => Math.max(width(head), ...rows.map((row) => width(row[i] ?? ""))));
  const total = () => widths.reduce((sum, one) => sum + one, 0) + gap * (widths.length - 1);
  while (total() > terminal.columns) {
    const widest = widths.indexOf(Math.max(...widths));
    if ((widths[widest] ?? 0) <= leastColumns) break;
    widths[widest] = Math.max(leastColumns, (widths[widest] ?? 0) - (total() - terminal.columns > 8 ? 4 : 1));
  }
  const line = (cells: readonly string[], painted: (text: string, column: number) => string) =>
    cells
      .map((cell, i) => {
        const text = cut(cell, widths[i] ?? 0);
        const pad = i === cells.length - 1 ? "" : " ".repeat((widths[i] ?? 0) - width(text));
        return `${painted(text, i)}${pad}`;
      })
      .join(" ".repeat(gap))
      .trimEnd();
  return [
    line(heads, (text) => terminal.paint("dim", text)),
    ...rows.map((row, n) => line(row, (text, i) => paint(text, n, i))),
  ];
}

/** How long ago, in one unit: "42 s", "3 min", "5 h", "2 d". */
export function ago(at: string, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - Date.parse(at)) / 1000));
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129_600) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}
