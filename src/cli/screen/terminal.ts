// Owns the terminal: colours (none with NO_COLOR or without a terminal), widths, and a screen that is redrawn in place.
// Whatever happens, the cursor is shown again when the process ends.
import { stripVTControlCharacters, styleText } from "node:util";

export type Style = Parameters<typeof styleText>[0];

export interface Terminal {
  /** Whether lines can be redrawn in place. */
  readonly live: boolean;
  readonly columns: number;
  readonly rows: number;
  paint(style: Style, text: string): string;
  /** Draws these lines over the ones drawn last. Without a live terminal it does nothing. */
  draw(lines: readonly string[]): void;
  /** Writes a line that stays; what is drawn next comes below it. */
  print(line?: string): void;
}

/** `plain`: no redrawing, also on a terminal. */
export function openTerminal(out: NodeJS.WriteStream = process.stdout, plain = false): Terminal {
  const colours = out.isTTY ? !process.env.NO_COLOR : Boolean(process.env.FORCE_COLOR);
  const live = Boolean(out.isTTY) && !plain && process.env.TERM !== "dumb";
  let drawn = 0;
  if (live) process.once("exit", () => out.write("\x1b[?25h"));
  return {
    live,
    get columns() {
      // A pseudo terminal of which nobody knows the size says 0.
      return Math.max(out.columns || 100, 40);
    },
    get rows() {
      return out.rows || 50;
    },
    paint: (style, text) => (colours && text ? styleText(style, text, { validateStream: false }) : text),
    draw(lines) {
      if (!live) return;
      const left = Math.max((out.rows || 50) - 1, 1);
      const shown = lines.length > left ? lines.slice(0, left) : lines;
      const up = drawn > 0 ? `\x1b[${drawn}A` : "\x1b[?25l";
      // Between the two codes a terminal that knows them shows nothing, so that no half of a picture is seen.
      out.write(`\x1b[?2026h${up}\r${shown.map((line) => `${line}\x1b[K`).join("\n")}\n\x1b[J\x1b[?2026l`);
      drawn = shown.length;
    },
    print(line = "") {
      drawn = 0;
      out.write(`${line}\n`);
    },
  };
}

/** What takes two columns: East Asian letters and most emoji. */
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
/** What takes none: marks on the letter before, and what joins letters. */
const narrow = /^[\p{Mark}\p{Format}\p{Control}]$/u;

const columnsOf = (letter: string): number => (narrow.test(letter) ? 0 : wide.test(letter) ? 2 : 1);

/** The number of columns a text takes, colours aside. */
export const width = (text: string): number => {
  let columns = 0;
  for (const letter of stripVTControlCharacters(text)) columns += columnsOf(letter);
  return columns;
};

/** The same text with spaces after it, as wide as `columns`. */
export const padded = (text: string, columns: number): string =>
  `${text}${" ".repeat(Math.max(0, columns - width(text)))}`;

/** Cuts a text without colours to `columns`, the last one an ellipsis. */
export function cut(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  let left = columns - 1;
  let shown = "";
  for (const letter of text) {
    left -= columnsOf(letter);
    if (left < 0) break;
    shown += letter;
  }
  return columns < 1 ? "" : `${shown}…`;
}

/** A bar of `columns`, filled from the left to `share` (0..1) in eighths of a column. */
export function bar(share: number, columns: number): { readonly full: string; readonly rest: string } {
  const eighths = Math.round(Math.min(Math.max(share, 0), 1) * columns * 8);
  const full = "█".repeat(eighths >> 3) + (" ▏▎▍▌▋▊▉"[eighths & 7] ?? "").trim();
  return { full, rest: "░".repeat(columns - full.length) };
}

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;

/** 1234567 as "1,234,567". */
export const thousands = (n: number): string => n.toLocaleString("en-US");
