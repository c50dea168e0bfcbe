// Draws what was found, a line each, as it is found. Pure.
import type { Finding } from "../doctor/finding.ts";
import { type Terminal, width } from "./terminal.ts";

const styles = { ok: "green", warning: "yellow", wrong: "red", unseen: "dim" } as const;
const icons = { ok: "✔", warning: "!", wrong: "✘", unseen: "·" } as const;
const whatColumns = 21;

export const findingLine = ({ what, state, says }: Finding, { paint }: Pick<Terminal, "paint">): string =>
  `${paint(styles[state], `${icons[state]} ${state.padEnd(7)}`)} ${what.padEnd(whatColumns)} ${says}`;

/** How to mend it, below what it belongs to, in lines that fit. */
export function mendLine({ mend, state }: Finding, { paint, columns }: Pick<Terminal, "paint" | "columns">): string[] {
  if (mend === undefined || state === "ok") return [];
  const before = " ".repeat(10);
  const lines: string[] = [];
  let line = "";
  for (const word of mend.split(" ")) {
    if (line !== "" && width(line) + 1 + width(word) > columns - before.length) {
      lines.push(line);
      line = "";
    }
    line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].map((one) => `${before}${paint("dim", one)}`);
}
