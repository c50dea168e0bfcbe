// Which values are exported though no other file takes them: such an export is dead, or needs no export. Types are left alone,
// since they name what functions take and give.
import { posix } from "node:path";
import { type File, single } from "./tidy.ts";

const exported = /^export (?:async )?(?:const|function\*?|(?:abstract )?class) (\w+)/gm;
const taken = /^\s*(?:import|export)\s+(?:type\s+)?([\w$*\s,]*(?:\{[^}]*\})?)\s*from\s*["']([^"']+)["']/gm;
const takenLate = /(?:const\s*(\{[^}]*\}|\w+)\s*=\s*)?await import\(\s*["']([^"']+)["']\s*\)/g;

const takenLazily = /import\("([^"]+)"\)(?:,\s*"(\w+)"|\.then\(\(\{ (\w+) \}\))/g;

/** Of files of ours, as their imports spell them. */
const roots: Readonly<Record<string, string>> = { "#machines/": "machines/", "#test/": "test/support/", "#": "src/" };

function pathOf(from: string, by: string): string {
  const one = single[by.slice(1)];
  if (by.startsWith("#") && one !== undefined) return `src/${one}.ts`;
  const [alias, root] = Object.entries(roots).find(([start]) => by.startsWith(start)) ?? [];
  if (alias !== undefined) return `${root}${by.slice(alias.length)}.ts`;
  return by.startsWith(".") ? posix.join(posix.dirname(from), by) : by;
}

export function exportFaults(files: readonly File[]): string[] {
  const code = files.filter(({ path }) => /\.m?tsx?$|\.mjs$/.test(path));
  const used = new Set<string>();
  for (const { path, text } of code)
    for (const [, names = "*", from = ""] of [...text.matchAll(taken), ...text.matchAll(takenLate)])
      for (const name of namesIn(names)) used.add(`${pathOf(path, from)} ${name}`);
  for (const { path, text } of code)
    for (const [, from = "", late, then] of text.matchAll(takenLazily))
      used.add(`${pathOf(path, from)} ${late ?? then}`);
  return code
    .filter(({ path }) => /^(src|machines|scripts)\//.test(path) && !path.endsWith(".d.mts"))
    .flatMap(({ path, text }) => {
      const names = [...text.matchAll(exported)].map(([, name = ""]) => name);
      const isUsed = (name: string) => used.has(`${path} ${name}`) || used.has(`${path} *`);
      return names.filter((name) => !isUsed(name)).map((name) => `${path}: no other file takes ${name}`);
    });
}

/** As the file that exports them calls them. */
function namesIn(clause: string): string[] {
  const inner = /\{([^}]*)\}/.exec(clause)?.[1];
  if (inner === undefined) return ["*"];
  return inner.split(",").map((name) =>
    name
      .trim()
      .replace(/^type\s+/, "")
      .replace(/\s*(\bas\b|:).*$/, ""),
  );
}
