/**
 * Makes the two packages that others install: `npm run pack` writes dist/baton-<version>.tgz (server and command line) and
 * dist/baton-sdk-<version>.tgz. Their manifests are in packages/.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { buildSdk } from "./pack/sdk.ts";
import { buildServer } from "./pack/server.ts";

const root = join(import.meta.dirname, "..");

/** Builds and packs into `to`; gives the paths of the tarballs, and the packages that the server imports. */
export async function pack(to: string) {
  const sdk = empty(to, "sdk");
  buildSdk(root, sdk);
  for (const build of ["scripts/console.mjs", "scripts/site/main.ts"])
    run(process.execPath, [join(root, build), "--best"], root);
  const server = empty(to, "baton");
  const imports = await buildServer(root, server);
  return { sdk: packed("sdk", sdk, to), baton: packed("baton", server, to), imports };
}

function empty(to: string, name: string): string {
  const folder = join(to, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}

function packed(name: "sdk" | "baton", folder: string, to: string): string {
  for (const file of ["package.json", "README.md"])
    copyFileSync(join(root, "packages", name, file), join(folder, file));
  copyFileSync(join(root, "packages/LICENSE"), join(folder, "LICENSE"));
  const [{ filename }] = JSON.parse(run("npm", ["pack", "--json", "--pack-destination", to], folder));
  return join(to, filename);
}

/** What it wrote to stdout. */
function run(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed:\n${stderr}`);
  return stdout;
}

if (import.meta.main) {
  const to = join(root, "dist");
  const { sdk, baton } = await pack(to);
  for (const path of [baton, sdk]) console.log(`wrote ${path}`);
}
