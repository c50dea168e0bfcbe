// From a JSON pointer to the line of the text where it stands: where a fault is shown. A small reader of JSON that keeps places; the
// text has been parsed before, so it is sound.

/** Lines from 1, by pointer; `""` is the whole. */
export function linesOf(text: string): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  let at = 0;
  let line = 1;
  const skip = () => {
    for (; at < text.length && /\s/.test(text[at]!); at++) if (text[at] === "\n") line++;
  };
  const string = (): string => {
    const from = at++;
    for (; at < text.length && text[at] !== '"'; at++) if (text[at] === "\\") at++;
    return JSON.parse(text.slice(from, ++at)) as string;
  };
  const value = (pointer: string): void => {
    skip();
    lines.set(pointer, line);
    if (text[at] === "{") members(pointer, "}", (name) => name);
    else if (text[at] === "[") members(pointer, "]", (_, i) => String(i));
    else if (text[at] === '"') string();
    else while (at < text.length && !/[\s,\]}]/.test(text[at]!)) at++;
  };
  const members = (pointer: string, end: string, nameOf: (name: string, i: number) => string): void => {
    at++;
    for (let i = 0; ; i++) {
      skip();
      if (at >= text.length || text[at] === end) break;
      let name = "";
      const began = line;
      if (end === "}") {
        name = string();
        skip();
        at++;
      }
      const below = `${pointer}/${nameOf(name, i).replaceAll("~", "~0").replaceAll("/", "~1")}`;
      value(below);
      if (end === "}") lines.set(below, began);
      skip();
      if (text[at] === ",") at++;
    }
    at++;
  };
  value("");
  return lines;
}

/** The line of a pointer, or of the nearest thing round it: a missing member has no line of its own. */
export function lineAt(lines: ReadonlyMap<string, number>, pointer: string): number {
  for (let path = pointer; ; path = path.slice(0, path.lastIndexOf("/"))) {
    const line = lines.get(path);
    if (line !== undefined || path === "") return line ?? 1;
  }
}

/** Of what `JSON.parse` says, which names a place or a line. */
export function lineOfSyntax(text: string, message: string): number {
  const line = /line (\d+)/.exec(message)?.[1];
  if (line !== undefined) return Number(line);
  const position = /position (\d+)/.exec(message)?.[1];
  return position === undefined ? text.split("\n").length : text.slice(0, Number(position)).split("\n").length;
}
