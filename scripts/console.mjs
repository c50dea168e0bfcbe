// Owns the build of the console: from src/web to dist/console, which role api serves. Built only when its sources, the SDK or
// the locked dependencies differ from those of the last build. Each file lies there plain, as .br and as .gz.
// `--best` compresses as well as can be, for images and packages. Two at once are harmless: each swaps in a whole build.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const DIST = join(ROOT, "dist", "console");
const SOURCES = ["src/web", "src/sdk", "package-lock.json", "scripts/console.mjs"];
const best = process.argv.includes("--best");

const stamp = `${hashOf(SOURCES)}${best ? " best" : ""}`;
if (!isFresh()) {
  const began = performance.now();
  process.stderr.write("baton: building the console ...\n");
  const built = `${DIST}-${process.pid}`;
  try {
    await bundle(built);
    compress(built);
    writeFileSync(join(built, "stamp"), stamp);
    swap(built);
  } finally {
    rmSync(built, { recursive: true, force: true });
  }
  process.stderr.write(`baton: built in ${((performance.now() - began) / 1000).toFixed(1)} s\n`);
}

/** One that is compressed better is as good. */
function isFresh() {
  const file = join(DIST, "stamp");
  if (!existsSync(file)) return false;
  const seen = readFileSync(file, "utf8");
  return seen === stamp || seen === `${stamp} best`;
}

function hashOf(paths) {
  const hash = createHash("sha256");
  for (const path of paths.flatMap(filesIn)) hash.update(`${path}\0`).update(readFileSync(join(ROOT, path)));
  return hash.digest("hex");
}

function filesIn(path) {
  if (!statSync(join(ROOT, path)).isDirectory()) return [path];
  return readdirSync(join(ROOT, path))
    .sort()
    .flatMap((name) => filesIn(`${path}/${name}`));
}

async function bundle(outDir) {
  const { build } = await import("vite");
  await build({
    configFile: false,
    root: join(ROOT, "src", "web"),
    // Relative, so that the console also works under a path of a proxy.
    base: "./",
    logLevel: "warn",
    build: {
      outDir,
      emptyOutDir: true,
      target: "es2023",
      cssTarget: ["chrome123", "firefox120", "safari17.5"],
      assetsInlineLimit: 0,
      manifest: true,
      modulePreload: { polyfill: false },
      // A note in libraries for servers that render; there is none here.
      rolldownOptions: { onwarn: (warning, warn) => warning.code !== "MODULE_LEVEL_DIRECTIVE" && warn(warning) },
    },
    worker: { format: "es" },
  });
}

function compress(folder) {
  const level = { [constants.BROTLI_PARAM_QUALITY]: best ? 11 : 5 };
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !/\.(js|css|svg|html)$/.test(entry.name)) continue;
    const file = join(entry.parentPath, entry.name);
    const text = readFileSync(file);
    writeFileSync(`${file}.br`, brotliCompressSync(text, { params: level }));
    writeFileSync(`${file}.gz`, gzipSync(text, { level: 9 }));
  }
}

function swap(built) {
  mkdirSync(dirname(DIST), { recursive: true });
  rmSync(DIST, { recursive: true, force: true });
  try {
    renameSync(built, DIST);
  } catch (error) {
    // Another run was quicker by a moment.
    if (!isFresh()) throw error;
  }
}
