// `npm run client`: generates a client from the OpenAPI document by orval, compiles it under --strict and creates a batch with it, at
// BATON_URL (http://127.0.0.1:8085). Not a test of `npm test`, since orval is 60 MB; it is installed here when it is first asked for.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { openApi } from "../../src/http/docs/openapi.ts";

const here = import.meta.dirname;
const root = join(here, "../..");
const out = join(root, "dist/client");
const url = process.env.BATON_URL ?? "http://127.0.0.1:8085";

// npm leaves out, and says nothing, what does not run on the Node that it runs on itself.
const env = { ...process.env, PATH: [join(root, "node_modules/.bin"), process.env.PATH].join(delimiter) };

function run(what: string, command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8", env });
  if (status !== 0) throw new Error(`${what} failed:\n${stdout}${stderr}`);
  console.log(what);
  return stdout;
}

const use = `import { createBatch, getBatch } from "./client.ts";
const made = await createBatch([{ id: "hello", name: "Hello", kind: "client" }]);
if (made.status !== 201) throw new Error(JSON.stringify(made));
const [task] = made.data;
const { status, data } = await getBatch(task!.batch_id);
console.log(made.status, task!.local_id, status, status === 200 ? data.total_tasks : data);
`;

if (!existsSync(join(here, "node_modules/orval")))
  run("installed orval", "npm", ["ci", "--include=optional", "--ignore-scripts", "--no-audit", "--no-fund"], here);
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
writeFileSync(join(out, "openapi.json"), JSON.stringify(openApi()));
writeFileSync(join(out, "package.json"), '{ "type": "module" }');
const config = {
  baton: { input: "./openapi.json", output: { target: "./client.ts", client: "fetch", baseUrl: url, mode: "single" } },
};
writeFileSync(join(out, "orval.config.mjs"), `export default ${JSON.stringify(config)};`);
writeFileSync(join(out, "use.ts"), use);
const orval = join(here, "node_modules/orval/dist/bin/orval.mjs");
run("generated a client", process.execPath, [orval, "--config", "orval.config.mjs"], out);
const flags = [
  "--ignoreConfig",
  "--strict",
  "--noEmit",
  "--skipLibCheck",
  "--module",
  "nodenext",
  "--target",
  "esnext",
];
const more = ["--lib", "esnext,dom", "--types", "node", "--typeRoots", join(root, "node_modules/@types")];
const tsc = join(root, "node_modules/typescript/bin/tsc");
run("compiled it", process.execPath, [tsc, ...flags, ...more, "--allowImportingTsExtensions", "use.ts"], out);
console.log(run("created a batch with it", process.execPath, ["use.ts"], out).trim());
