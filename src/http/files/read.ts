// Built files in memory: a few dozen, read once, each with its compressed forms.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { extname, join, relative } from "node:path";

export interface StaticFile {
  readonly type: string;
  readonly etag: string;
  /** By content coding; `identity` is always there. */
  readonly forms: Readonly<Partial<Record<Coding, Buffer>>> & { readonly identity: Buffer };
}
export type Coding = "br" | "gzip" | "identity";

const types: Readonly<Record<string, string>> = {
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".md": "text/markdown; charset=utf-8",
  ".txt": "text/plain; charset=utf-8",
  ".ts": "text/plain; charset=utf-8",
  ".py": "text/plain; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".woff2": "font/woff2",
};

/** By path below the folder; of files whose names end so, if `ends` is given. */
export function readFolder(folder: string, ends: readonly string[] = Object.keys(types)): Map<string, StaticFile> {
  const files = new Map<string, StaticFile>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const end = extname(entry.name);
    const type = types[end];
    if (!entry.isFile() || type === undefined || !ends.includes(end)) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(relative(folder, path).replaceAll("\\", "/"), read(path, type));
  }
  return files;
}

function read(path: string, type: string): StaticFile {
  const identity = readFileSync(path);
  const forms: { identity: Buffer } & Partial<Record<Coding, Buffer>> = { identity };
  if (existsSync(`${path}.br`)) forms.br = readFileSync(`${path}.br`);
  if (existsSync(`${path}.gz`)) forms.gzip = readFileSync(`${path}.gz`);
  return { type, etag: etagOf(identity), forms };
}

/** A page that is made here. */
export function pageOf(text: string): StaticFile {
  const identity = Buffer.from(text);
  return { type: types[".html"] as string, etag: etagOf(identity), forms: { identity } };
}

const etagOf = (body: Buffer): string => `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
