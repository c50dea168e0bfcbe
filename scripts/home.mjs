// Owns where this program lies and where it keeps its data: a checkout keeps both in one folder; an installed package keeps its
// data below the folder that it was started in. No dependencies.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout, or the folder of the installed package. */
export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

export const isInstalled = !existsSync(join(ROOT, "src/main.ts"));

/** Data, logs and fetched programs. */
export const BATON = join(isInstalled ? process.cwd() : ROOT, ".baton");

/** What `serve` runs. */
export const MAIN = join(ROOT, isInstalled ? "dist/main.js" : "src/main.ts");

/** The folder of an installed package, beside this one or beside what the user works on; undefined: there is none. */
export function packageFolder(name) {
  for (const start of [ROOT, process.cwd()]) {
    for (let at = start; ; at = dirname(at)) {
      const folder = join(at, "node_modules", name);
      if (existsSync(join(folder, "package.json"))) return folder;
      if (dirname(at) === at) break;
    }
  }
  return undefined;
}
