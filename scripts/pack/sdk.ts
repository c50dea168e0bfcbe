// Builds the package @baton/sdk: each file of src/sdk as JavaScript beside its types. What travels imports nothing of the server.
import { spawnSync } from "node:child_process";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Writes it into `out`, an empty folder. */
export function buildSdk(root: string, out: string): void {
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const args = [tsc, "-p", join(root, "packages/sdk/tsconfig.json"), "--outDir", join(out, "dist")];
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`the SDK does not compile by itself:\n${stdout}`);
  // The compiler rewrites the imports of JavaScript only.
  for (const file of globSync("dist/**/*.d.ts", { cwd: out })) {
    const path = join(out, file);
    writeFileSync(path, readFileSync(path, "utf8").replace(/((?:from|import\()\s*"\.[^"]*)\.ts"/g, '$1.js"'));
  }
}
