// Owns how something is built into dist/: only when its sources differ from those of the last build, each file plain, as .br and as
// .gz. `--best` on the command line compresses as well as can be, for images and packages. Two builds at once are harmless: each
// swaps in a whole one.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const best = process.argv.includes("--best");

/** Calls `build` with the folder to write into; `sources`: files and folders, from the root. */
export async function buildOnce({ name, dist, sources, build }) {
  const stamp = `${hashOf([...sources, "scripts/build-once.mjs"])}${best ? " best" : ""}`;
  if (isFresh(dist, stamp)) return;
  const began = performance.now();
  process.stderr.write(`baton: building ${name} ...\n`);
  const built = `${dist}-${process.pid}`;
  try {
    await build(built);
    compress(built);
    writeFileSync(join(built, "stamp"), stamp);
    swap(built, dist, stamp);
  } finally {
    rmSync(built, { recursive: true, force: true });
  }
  process.stderr.write(`baton: built in ${((performance.now() - began) / 1000).toFixed(1)} s\n`);
}

/** One that is compressed better is as good. */
function isFresh(dist, stamp) {
  const file = join(dist, "stamp");
  if (!existsSync(file)) return false;
  const seen = readFileSync(file, "utf8");
  return seen === stamp || seen === `${stamp} best`;
}

function hashOf(paths) {
  const hash = createHash("sha256");
  for (const path of paths.flatMap(filesIn)) hash.update(`${path}\0`).update(readFileSync(join(ROOT, path)));
  return hash.digest("hex");
}

/** Of a file or folder, from the root. */
export function filesIn(path) {
  if (!statSync(join(ROOT, path)).isDirectory()) return [path];
  return readdirSync(join(ROOT, path))
    .sort()
    .flatMap((name) => filesIn(`${path}/${name}`));
}

function compress(folder) {
  const level = { [constants.BROTLI_PARAM_QUALITY]: best ? 11 : 5 };
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !/\.(js|css|svg|html|json|md|txt)$/.test(entry.name)) continue;
    const file = join(entry.parentPath, entry.name);
    const text = readFileSync(file);
    writeFileSync(`${file}.br`, brotliCompressSync(text, { params: level }));
    writeFileSync(`${file}.gz`, gzipSync(text, { level: 9 }));
  }
}

function swap(built, dist, stamp) {
  mkdirSync(dirname(dist), { recursive: true });
  rmSync(dist, { recursive: true, force: true });
  try {
    renameSync(built, dist);
  } catch (error) {
    // Another run was quicker by a moment.
    if (!isFresh(dist, stamp)) throw error;
  }
}
