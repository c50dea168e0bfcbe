// The services of docs/write-a-service.md, as they stand on the page, against a Baton that signs calls and handles: they do each task once,
// refuse what Baton did not make, and one that is killed loses nothing and does nothing twice.
import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { loadConfig } from "#config";
import { type Cluster, startCluster } from "#test/cluster";
import { bring, bringLimitMs } from "#test/programs";
import { until, within } from "#test/until";
import { handler } from "../../../src/sdk/index.ts";
import { callOf } from "../../unit/sdk/service/stage.ts";

const root = join(import.meta.dirname, "../../..");
const page = readFileSync(join(root, "docs/write-a-service.md"), "utf8");
const block = (language: string, begins: string) =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm"))]
    .map(([, text = ""]) => text)
    .find((text) => text.startsWith(begins)) ?? "";

const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
let cluster: Cluster;
let folder: string;
const children: ChildProcess[] = [];

beforeAll(() => bring("python3", "curl"), bringLimitMs);
beforeAll(async () => {
  cluster = await startCluster({
    together: true,
    env: { WEBHOOK_SIGNING_SECRET: secret, HANDLE_SECRET: "for the handles of this test" },
  });
  folder = mkdtempSync(join(inject("scratchDir"), "service-"));
  writeFileSync(join(folder, "service.mjs"), block("js", "// service.mjs"));
  writeFileSync(join(folder, "works.ts"), block("ts", "// works.ts"));
  writeFileSync(join(folder, "service.py"), block("python", "# service.py"));
  copyFileSync(join(root, "examples/python/baton.py"), join(folder, "baton.py"));
  const sdk = join(folder, "node_modules/@baton/sdk");
  mkdirSync(sdk, { recursive: true });
  const exports = { ".": "./index.ts", "./testing": "./testing.ts", "./nats": "./nats.ts" };
  writeFileSync(join(sdk, "package.json"), JSON.stringify({ name: "@baton/sdk", type: "module", exports }));
  for (const file of ["index.ts", "testing.ts", "nats.ts"]) symlinkSync(join(root, "src/sdk", file), join(sdk, file));
});
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
});

async function start(command: string, file: string, port = 0) {
  const env = { PATH: process.env.PATH ?? "", BATON_URL: cluster.url, BATON_SECRET: secret, PORT: `${port}` };
  const child = spawn(command, [file], { cwd: folder, env });
  children.push(child);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (said += text));
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const [, at = ""] = await until(() => /^listens on (\d+)$/m.exec(said), 10_000, `${file} listens`).catch((error) => {
    throw new Error(`${error.message}\n${said}`);
  });
  return {
    ...{ child, exited, port: Number(at), url: `http://127.0.0.1:${at}` },
    did: () => [...said.matchAll(/^(\S+) did (\S+)$/gm)].map(([, key, word]) => `${key?.slice(36)} ${word}`),
    said: () => said,
  };
}

const task = (url: string, body: object, more: object = {}) => ({
  ...{ id: "t", name: "t", kind: "words", timeout: 2 },
  on_start: { kind: "Webhook", params: { url: `${url}/work`, verb: "Post", body } },
  ...more,
});
const taskOf = async (id: string) => (await cluster.call("GET", `/task/${id}`)).body;
const ended = (id: string) =>
  until(async () => {
    const { ended_at, ...rest } = await taskOf(id);
    return ended_at === null ? undefined : rest;
  }, 20_000);

async function run(...args: string[]) {
  const env = { PATH: process.env.PATH ?? "", BATON_URL: cluster.url, NATS_URL: cluster.nats.url };
  const child = spawn(process.execPath, args, { cwd: folder, env });
  children.push(child);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (said += text));
  return { code: await within(() => new Promise((resolve) => child.once("close", resolve)), 20_000), said };
}

/** By the strict compiler of this checkout. */
function compiled(file: string) {
  const forms = ["--module", "nodenext", "--target", "esnext", "--allowImportingTsExtensions", "--erasableSyntaxOnly"];
  const types = ["--typeRoots", join(root, "node_modules/@types"), "--types", "node"];
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  return run(tsc, "--ignoreConfig", "--strict", "--noEmit", ...forms, ...types, file);
}

const services = [
  ["node", process.execPath, "service.mjs"],
  ["python3", "python3", "service.py"],
] as const;

it("shows the Python service that is among the examples", () => {
  expect(readFileSync(join(root, "examples/python/service.py"), "utf8")).toBe(block("python", "# service.py"));
});

it.each(services)("says by itself in %s that long work goes on", async (_, command, file) => {
  const service = await start(command, file);
  const { t = "" } = await cluster.create([task(service.url, { words: ["a"], pause: 4_000 })]);
  expect(await ended(t)).toMatchObject({ status: "Success", attempt: 0, result: { count: 1 } });
});

it.each(services)(
  "is a service in %s that does each task once and refuses what Baton did not make",
  async (_, command, file) => {
    const service = await start(command, file);
    const { t = "" } = await cluster.create([task(service.url, { words: ["a", "b"] })]);
    expect(await ended(t)).toMatchObject({ status: "Success", result: { count: 2 } });
    expect(service.did()).toEqual([":start a", ":start b"]);
    await until(async () => (await taskOf(t)).success === 2);

    const status = async (sent: Parameters<typeof callOf>[1], change: { text?: string; url?: string } = {}) => {
      const { url, headers, text } = callOf(cluster.url, { body: { words: ["x"] }, ...sent });
      const response = await fetch(service.url + (change.url ?? url), {
        method: "POST",
        headers,
        body: change.text ?? text,
      });
      return response.status;
    };
    expect(await status({}, { text: '{"words":["y"]}' })).toBe(401);
    expect(await status({ at: new Date(Date.now() - 301_000) })).toBe(401);
    expect(await status({ handle: `https://evil.example/task/${t}` })).toBe(401);
    expect(await status({}, { url: "/work" })).toBe(401);
    expect([200, 202]).toContain(await status({ task: t }));
    expect(service.did()).toEqual([":start a", ":start b"]);
  },
);

it.each(services)(
  "loses nothing and does nothing twice in %s when it is killed and started again",
  async (name, command, file) => {
    const first = await start(command, file);
    const body = { words: ["a", "b", "c"], pause: 300 };
    const retry = { max_retries: 3, initial_delay_secs: 0 };
    const { t = "" } = await cluster.create([task(first.url, body, { retry })]);
    await until(() => first.did().length === 1);
    first.child.kill("SIGKILL");
    await first.exited;
    const second = await start(command, file, first.port);
    // The same call again, as Baton makes it where its own worker died: the key is in the ledger of the killed process.
    const { url, headers, text } = callOf(cluster.url, { task: t, body });
    const again = await fetch(second.url + url, { method: "POST", headers, body: text });
    expect(again.ok).toBe(true);
    if (name === "node") expect(await again.json()).toEqual({ repeated: true });
    expect(await ended(t)).toMatchObject({ status: "Success", attempt: 1, result: { count: 3 } });
    expect(second.did()).toEqual([":start:1 a", ":start:1 b", ":start:1 c"]);
    second.child.kill("SIGTERM");
    // Node's waits for what it has; Python's ends.
    expect(await within(() => second.exited, 10_000)).toBe(name === "node" ? 0 : null);
  },
);

it.each(services)(
  "stops in %s when its task is canceled, also without a cancel action",
  async (name, command, file) => {
    const service = await start(command, file);
    const body = { words: ["a", "b"], pause: 60_000 };
    const cancel = { on_cancel: [{ kind: "Webhook", params: { url: `${service.url}/stop`, verb: "Post" } }] };
    const running = async (id: string) => (await taskOf(id)).status === "Running";
    for (const more of [cancel, {}]) {
      const { t = "" } = await cluster.create([task(service.url, body, more)]);
      await until(() => running(t));
      await cluster.call("DELETE", `/task/${t}`);
    }
    // It ends at once when nothing runs.
    service.child.kill("SIGTERM");
    expect(await within(() => service.exited, 4_500)).toBe(name === "node" ? 0 : null);
    expect(service.did()).toEqual([]);
  },
);

it("serves several kinds of work by one handler, in TypeScript that a strict compiler takes", async () => {
  expect(await compiled("works.ts")).toEqual({ code: 0, said: "" });
  const service = await start(process.execPath, "works.ts");
  const to = (path: string) => ({
    on_start: { kind: "Webhook", params: { url: service.url + path, verb: "Post", body: { words: ["a", "b"] } } },
  });
  const {
    c = "",
    j = "",
    x = "",
  } = await cluster.create([
    { ...task(service.url, {}), id: "c", ...to("/count") },
    { ...task(service.url, {}), id: "j", ...to("/join") },
    { ...task(service.url, {}), id: "x", ...to("/other") },
  ]);
  expect(await ended(c)).toMatchObject({ status: "Success", result: { count: 2 } });
  expect(await ended(j)).toMatchObject({ status: "Success", result: "a b" });
  const failure_reason = "there is no work at /other, only at /count, /join";
  expect(await ended(x)).toMatchObject({ status: "Failure", failure_reason });
});

it("has a recipe for a secret that both sides take", async () => {
  const [line = ""] = block("sh", "echo").split("\n");
  const env = { PATH: process.env.PATH ?? "" };
  const shell = spawn("sh", ["-e", "-c", line], { cwd: folder, env });
  children.push(shell);
  expect(await within(() => new Promise((resolve) => shell.once("exit", resolve)), 15_000)).toBe(0);
  const made = readFileSync(join(folder, "baton-secret"), "utf8").trim();
  const settings = { DATABASE_URL: "postgres://h/d", NATS_URL: "nats://h", HOST_URL: "http://h" };
  expect(loadConfig({ ...settings, WEBHOOK_SIGNING_SECRET: made }).webhookSigningSecret).toEqual([made]);
  expect(() => handler({ secrets: made, baton: "http://h" }, () => {})).not.toThrow();
});

it("has a page on the SDK whose blocks are a program that compiles and runs", async () => {
  const blocks = readFileSync(join(root, "docs/sdk.md"), "utf8").matchAll(/^```ts\n([\s\S]*?)^```$/gm);
  writeFileSync(join(folder, "sdk.ts"), [...blocks].map(([, text]) => text).join("\n"));
  expect(await compiled("sdk.ts")).toEqual({ code: 0, said: "" });
  const { code, said } = await run("sdk.ts");
  expect({ code, said }).toEqual({
    code: 0,
    said: expect.stringContaining("[ [ 'extract' ], [ 'load' ], [ 'alarm' ] ]"),
  });
  expect(said).toContain("extract { rows: 3 }");
  expect(said).toContain("not_in_this_state");
  expect(said.trim().split("\n").slice(-6)).toEqual([
    ...["2", "The header webhook-id is missing", "Post"],
    "{ copy: 'Success', release: 'Running' } 2026-01-01T00:01:35.000Z",
    ...["success 1", "{ rung: true }"],
  ]);
});

it("reports with curl as the page says", async () => {
  const handles: string[] = [];
  const receiver = createServer((request, response) => {
    handles.push(new URL(request.url ?? "", "http://r").searchParams.get("handle") ?? "");
    response.end();
  }).listen(0, "127.0.0.1");
  await until(() => receiver.listening);
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
  const { t = "" } = await cluster.create([task(url, {})]);
  await until(async () => (await taskOf(t)).status === "Running");
  const env = { PATH: process.env.PATH ?? "", HANDLE: handles[0] ?? "" };
  const shell = spawn("sh", ["-e", "-c", block("sh", "curl")], { env });
  children.push(shell);
  expect(await within(() => new Promise((resolve) => shell.once("exit", resolve)), 15_000)).toBe(0);
  expect(await ended(t)).toMatchObject({ status: "Success", result: { count: 3 } });
  await until(async () => (await taskOf(t)).success === 3);
  receiver.closeAllConnections();
  receiver.close();
});
