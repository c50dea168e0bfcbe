// What the site has: docs/README.md is its first page, and its lists of links are the contents, in the order of reading.
import { posix } from "node:path";

export interface Entry {
  readonly title: string;
  /** Below docs/: `reference/http.md`. */
  readonly path: string;
  readonly says: string;
}

export interface Group {
  readonly title: string;
  readonly entries: readonly Entry[];
}

/** Of the lines `- [title](path): what it says` under each heading. */
export function contentsOf(readme: string): Group[] {
  return readme
    .split(/^## /m)
    .slice(1)
    .map((part) => ({
      title: part.split("\n", 1)[0] as string,
      entries: [...part.matchAll(/^- \[([^\]]+)\]\(([^)]+\.md)\): (.+(?:\n {2}.+)*)/gm)].map(
        ([, title = "", path = "", says = ""]) => ({ title, path, says: says.replace(/\n */g, " ") }),
      ),
    }))
    .filter(({ entries }) => entries.length > 0);
}

/** Where a page of docs/ is on the site: `calls.md` is `calls`, `decisions/README.md` is `decisions`, the first is ``. */
export const addressOf = (path: string): string => path.replace(/\.md$/, "").replace(/(^|\/)README$/, "");

/** From one address to another, both below /docs/: links must hold under any path of a proxy. */
export function linkFrom(address: string, to: string): string {
  const way = posix.relative(posix.dirname(`/docs/${address || "index"}`), posix.join("/docs", to));
  if (way === "") return to === "" ? "./" : `../${posix.basename(to)}`;
  return way.startsWith(".") ? way : `./${way}`;
}

/** llms.txt: the same contents for programs, with links to the Markdown. */
export function llmsText(readme: string): string {
  const [, summary = ""] = /^# .+\n\n([\s\S]+?)\n\n/.exec(readme) ?? [];
  const lines = ["# Baton", "", `> ${summary.replace(/\n/g, " ")}`];
  for (const { title, entries } of contentsOf(readme)) {
    lines.push("", `## ${title}`, "");
    for (const entry of entries) lines.push(`- [${entry.title}](docs/${entry.path}): ${entry.says}`);
  }
  lines.push("", "## Machine-readable", "", "- [OpenAPI 3.1](openapi.json): every call, with schemas and examples");
  lines.push("- [AsyncAPI 3.0](asyncapi.json): every NATS subject");
  return `${lines.join("\n")}\n`;
}
