// The built console in memory. Where it was not built there is one page that says so, since the API works without it.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pageOf, readFolder, type StaticFile } from "#http/files/read";

export interface Console {
  /** The page for any address that lies so many levels below /view; its links lead to the files beside it. */
  page(depth: number, hasSlash: boolean): StaticFile;
  /** By path below /view: `assets/main-abc.js`. */
  readonly files: ReadonlyMap<string, StaticFile>;
  readonly isBuilt: boolean;
}

/** Reads what `npm run console` built. */
export function loadConsole(folder: string): Console {
  const index = join(folder, "index.html");
  if (!existsSync(index)) return { page: () => notBuilt, files: new Map(), isBuilt: false };
  const files = readFolder(folder, [".js", ".css", ".svg", ".woff2"]);
  return { page: pages(readFileSync(index, "utf8")), files, isBuilt: true };
}

/** All links of the page begin with `./`, as the build writes them. */
function pages(text: string): Console["page"] {
  const made = new Map<string, StaticFile>();
  return (depth, hasSlash) => {
    const up = depth === 0 ? (hasSlash ? "./" : "view/") : "../".repeat(depth - 1 + (hasSlash ? 1 : 0)) || "./";
    const known = made.get(up);
    if (known) return known;
    const page = pageOf(text.replace(/(src|href)="\.\//g, `$1="${up}`));
    if (made.size < 32) made.set(up, page);
    return page;
  };
}

const notBuilt = pageOf(`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Baton</title></head>
<body><h1>Baton</h1><p>The console is not built here. <code>npm run console</code> builds it; then start this process again.</p>
<p>The API works without it: <a href="docs">its documentation</a>.</p></body></html>
`);
