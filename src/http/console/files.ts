// The built console in memory: a few dozen files, read once, each with its compressed forms. Where it was not built there is
// one page that says so, since the API works without it.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { extname, join, relative } from "node:path";

export interface ConsoleFile {
  readonly type: string;
  readonly etag: string;
  /** By content coding; `identity` is always there. */
  readonly forms: Readonly<Partial<Record<Coding, Buffer>>> & { readonly identity: Buffer };
}
export type Coding = "br" | "gzip" | "identity";

export interface Console {
  /** The page for any address that lies so many levels below /view; its links lead to the files beside it. */
  page(depth: number, hasSlash: boolean): ConsoleFile;
  /** By path below /view: `assets/main-abc.js`. */
  readonly files: ReadonlyMap<string, ConsoleFile>;
  readonly isBuilt: boolean;
}

const types: Readonly<Record<string, string>> = {
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};

/** Reads what `npm run console` built. */
export function loadConsole(folder: string): Console {
  const index = join(folder, "index.html");
  if (!existsSync(index)) return { page: () => notBuilt, files: new Map(), isBuilt: false };
  const files = new Map<string, ConsoleFile>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const type = types[extname(entry.name)];
    if (!entry.isFile() || type === undefined) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(relative(folder, path).replaceAll("\\", "/"), read(path, type));
  }
  return { page: pages(readFileSync(index, "utf8")), files, isBuilt: true };
}

function read(path: string, type: string): ConsoleFile {
  const identity = readFileSync(path);
  const forms: { identity: Buffer } & Partial<Record<Coding, Buffer>> = { identity };
  if (existsSync(`${path}.br`)) forms.br = readFileSync(`${path}.br`);
  if (existsSync(`${path}.gz`)) forms.gzip = readFileSync(`${path}.gz`);
  return { type, etag: etagOf(identity), forms };
}

/** All links of the page begin with `./`, as the build writes them. */
function pages(text: string): Console["page"] {
  const made = new Map<string, ConsoleFile>();
  return (depth, hasSlash) => {
    const up = depth === 0 ? (hasSlash ? "./" : "view/") : "../".repeat(depth - 1 + (hasSlash ? 1 : 0)) || "./";
    const known = made.get(up);
    if (known) return known;
    const page = pageOf(text.replace(/(src|href)="\.\//g, `$1="${up}`));
    if (made.size < 32) made.set(up, page);
    return page;
  };
}

function pageOf(text: string): ConsoleFile {
  const identity = Buffer.from(text);
  return { type: "text/html; charset=utf-8", etag: etagOf(identity), forms: { identity } };
}

const etagOf = (body: Buffer): string => `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;

const notBuilt = pageOf(`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Baton</title></head>
<body><h1>Baton</h1><p>The console is not built here. <code>npm run console</code> builds it; then start this process again.</p>
<p>The API works without it: <a href="docs">its documentation</a>.</p></body></html>
`);
