// The built docs in memory. Where they were not built there is one page that says so, since the API works without them.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pageOf, readFolder, type StaticFile } from "#http/files/read";

export interface Site {
  /** The first page, for the address without a slash at its end: its links lead through `docs/`. */
  readonly first: StaticFile;
  /** By path below /docs: `calls.html`, `calls.md`, `assets/page.js`. */
  readonly files: ReadonlyMap<string, StaticFile>;
}

/** Reads what `npm run site` built. */
export function loadSite(folder: string): Site {
  if (!existsSync(join(folder, "index.html"))) return { first: notBuilt, files: new Map([["index.html", notBuilt]]) };
  const files = readFolder(folder);
  const text = String(files.get("index.html")?.forms.identity);
  return {
    first: pageOf(text.replace(/(src|href|data-docs)="\.\//g, '$1="docs/').replace(/href="\.\.\//g, 'href="')),
    files,
  };
}

const notBuilt = pageOf(`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Baton</title></head>
<body><h1>Baton</h1><p>The docs are not built here. <code>npm run site</code> builds them; then start this process again.</p>
<p>The API works without them: it is described at <code>/openapi.json</code>.</p></body></html>
`);
