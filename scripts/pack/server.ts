// Builds the package baton: the server, the command line and `baton dev` as JavaScript, with what they read from disk beside them.
// Effect and XState are part of it, tree-shaken: installed whole they are most of what an installation weighs.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { basename, join, relative } from "node:path";
import { type OutputChunk, type Plugin, rolldown } from "rolldown";

const entries = {
  main: "src/main.ts",
  thread: "src/intake/large/thread.ts",
  cli: "src/cli/main.ts",
  start: "scripts/start.mjs",
} as const;

/** Compiled in. Everything else is a dependency of the package. */
const compiledIn =
  /^(effect|xstate|commander|yaml|standardwebhooks|@stablelib\/base64|fast-sha256|@modelcontextprotocol\/(server|core)|zod)(\/|$)/;

/** All files lie in one folder then, so that places which are found by a file's own place are others. */
const places: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  "src/intake/large/calls.ts": [["./thread.ts", "./thread.js"]],
  "src/store/maintenance/migrate.ts": [["../migrations/", "./migrations/"]],
  "src/roles/api.ts": [
    ["../../dist/console", "./console"],
    ["../../dist/site", "./site"],
  ],
  "src/cli/example.ts": [["../../examples", "../examples"]],
  "src/cli/programs.ts": [
    ["../main.ts", "./main.js"],
    ["../../scripts/start.mjs", "./start.js"],
  ],
  "scripts/home.mjs": [],
};

const copied = [
  ["src/store/migrations", "dist/migrations"],
  ["dist/console", "dist/console"],
  ["dist/site", "dist/site"],
  ["examples", "examples"],
  ["nats.conf", "nats.conf"],
  ["packages/baton/baton.js", "bin/baton.js"],
] as const;

/** Writes it into `out`, an empty folder. Gives the packages that it imports. */
export async function buildServer(root: string, out: string): Promise<ReadonlySet<string>> {
  const bundle = await rolldown({
    cwd: root,
    input: entries,
    platform: "node",
    external: (id) => !/^[.#/]/.test(id) && !compiledIn.test(id),
    plugins: [placed(root)],
    onLog: () => {},
  });
  const { output } = await bundle.write({
    dir: join(out, "dist"),
    format: "esm",
    entryFileNames: "[name].js",
    chunkFileNames: "chunk-[hash].js",
  });
  await bundle.close();
  for (const [from, to] of copied) {
    mkdirSync(join(out, to, ".."), { recursive: true });
    cpSync(join(root, from), join(out, to), { recursive: true });
  }
  const chunks = output.filter((one) => one.type === "chunk");
  writeFileSync(join(out, "THIRD-PARTY-LICENSES.txt"), licences(chunks));
  const imported = chunks.flatMap((chunk) => [...chunk.imports, ...chunk.dynamicImports]);
  const names = imported.filter((id) => !id.startsWith("chunk-") && !isBuiltin(id) && !id.endsWith(".js"));
  return new Set(names.map(packageOf));
}

const isBuiltin = (id: string) => id.startsWith("node:") || builtinModules.includes(id);
const packageOf = (id: string) => id.split("/", id.startsWith("@") ? 2 : 1).join("/");

/** Refuses a file that finds something by its own place and is not in the list: it would look in vain in the package. */
function placed(root: string): Plugin {
  return {
    name: "places",
    transform(code, id) {
      const path = relative(root, id);
      if (id.startsWith("\0") || path.includes("node_modules") || !/\bimport\.meta\b/.test(code)) return null;
      const changes = places[path];
      if (changes === undefined)
        throw new Error(`${path} uses import.meta: say in scripts/pack/server.ts what becomes of it`);
      let text = code;
      for (const [from, to] of changes) {
        if (!text.includes(`"${from}"`)) throw new Error(`${path} no longer names "${from}"`);
        text = text.replace(`"${from}"`, `"${to}"`);
      }
      return text;
    },
  };
}

/** The licences of what is compiled in, as they ask to be shipped. */
function licences(chunks: readonly OutputChunk[]): string {
  const folders = new Set(
    chunks.flatMap(({ moduleIds }) =>
      moduleIds.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(id)?.[0] ?? []),
    ),
  );
  const texts = [...folders].toSorted().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = existsSync(folder) ? readdirSync(folder).find((one) => /^licen[cs]e/i.test(basename(one))) : undefined;
    const text = file === undefined ? `Licence: ${license}` : readFileSync(join(folder, file), "utf8").trim();
    return `${name} ${version}\n\n${text}\n`;
  });
  return texts.join(`\n${"-".repeat(80)}\n\n`);
}
