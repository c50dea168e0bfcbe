// `baton mcp` against a real Baton, asked by the protocol's own client: over stdio and HTTP, in the present revision and in the one before.
import { join } from "node:path";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { until } from "#test/until";
import { serveHttp } from "../../../src/cli/mcp/http.ts";
import { connect } from "../../../src/sdk/client.ts";

const root = join(import.meta.dirname, "../../..");
const token = "a-token-of-two-dozen-letters";
let cluster: Cluster;
const open: { close(): unknown }[] = [];

beforeAll(async () => {
  cluster = await startCluster({ together: true });
  // A process is listed a moment after it is ready.
  await until(async () => (await cluster.sql`select from process where 'worker' = any(roles)`).length > 0);
});
afterAll(async () => void (await Promise.all(open.map((one) => one.close()))));

const revisions = [
  ["2026-07-28", "auto"],
  ["2025-11-25", "legacy"],
] as const;

async function client(mode: "auto" | "legacy", transport: Parameters<Client["connect"]>[0]): Promise<Client> {
  const made = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode } });
  await made.connect(transport);
  open.unshift(made);
  return made;
}

const overStdio = (mode: "auto" | "legacy", ...args: string[]) =>
  client(
    mode,
    new StdioClientTransport({
      command: process.execPath,
      args: ["src/cli/main.ts", "--url", cluster.url, "mcp", ...args],
      cwd: root,
      stderr: "pipe",
      env: { PATH: process.env.PATH ?? "" },
    }),
  );

async function overHttp(mode: "auto" | "legacy", isWriting: boolean): Promise<Client> {
  const served = await serveHttp(connect(cluster.url), isWriting, { host: "127.0.0.1", port: 0, token, names: [] });
  open.push(served);
  const requestInit = { headers: { authorization: `Bearer ${token}` } };
  return client(mode, new StreamableHTTPClientTransport(new URL(served.url), { requestInit }));
}

const reading = ["overview", "search", "list", "get", "why", "events", "dry_run"];
const writing = ["submit", "rerun", "cancel", "pause", "resume"];
const names = async (one: Client) => (await one.listTools()).tools.map(({ name }) => name);

/** What a tool answers, as JSON; its text where it refuses. */
async function call(one: Client, name: string, args: Record<string, unknown> = {}) {
  const { content, structuredContent, isError } = (await one.callTool({ name, arguments: args })) as {
    content: { text: string }[];
    structuredContent?: unknown;
    isError?: boolean;
  };
  const texts = content.map(({ text }) => text);
  if (isError) return { refused: texts.join("\n") };
  expect(JSON.parse(texts.at(-1) ?? "")).toEqual(structuredContent);
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  return { ...(structuredContent as any), text: texts[0] };
}

const batch = {
  scope: "agents",
  tasks: [
    { id: "gate", name: "Gate", kind: "mcp", on_start: { kind: "Wait" } },
    { id: "after", name: "After", kind: "mcp", dependencies: [{ id: "gate", requires_success: true }] },
  ],
};

it.each(revisions)("only reads over stdio unless it may write (revision %s)", async (revision, mode) => {
  const one = await overStdio(mode);
  expect(one.getNegotiatedProtocolVersion()).toBe(revision);
  expect(await names(one)).toEqual(reading);
  expect(one.getInstructions()).toContain("why");
  expect(await call(one, "overview")).toMatchObject({ workers: 1, health: { database: "up" } });
  await expect(call(one, "submit", { batch })).rejects.toThrow(/submit/);
});

it.each(revisions)("checks, creates, explains, changes and runs again (revision %s)", async (_, mode) => {
  const one = await overStdio(mode, "--write");
  const { tools } = await one.listTools();
  expect(tools.map(({ name }) => name)).toEqual([...reading, ...writing]);
  expect(await call(one, "dry_run", { batch })).toMatchObject({ levels: [["gate"], ["after"]] });

  const made = await call(one, "submit", { batch, key: `agents-${mode}` });
  expect((await call(one, "submit", { batch, key: `agents-${mode}` })).batch_id).toBe(made.batch_id);
  const [gate, after] = made.tasks.map(({ id }: { id: string }) => id);
  await until(async () => (await cluster.status(gate)) === "Running");
  const why = await call(one, "why", { id: after });
  expect(why.text).toBe(`after is Waiting. It waits for:\n  gate, which is Running: why with ${gate}`);
  expect(why.blocked_by).toEqual([{ type: "dependency", task_id: gate }]);
  expect((await call(one, "why", { id: gate })).text).toContain(
    "gate is a gate, and waits for somebody's word\nTry: ask a person",
  );

  expect(await call(one, "get", { id: made.batch_id })).toMatchObject({
    batch: { status: "running" },
    tasks: [{ local_id: "gate" }, { local_id: "after" }],
  });
  expect(await call(one, "get", { id: gate.slice(0, 23) })).toMatchObject({ task: { local_id: "gate" } });
  expect((await call(one, "list", { what: "tasks", batch_id: made.batch_id, status: ["Running"] })).rows).toHaveLength(
    1,
  );
  const page = await call(one, "list", { what: "tasks", batch_id: made.batch_id, limit: 1 });
  const rest = await call(one, "list", { what: "tasks", batch_id: made.batch_id, limit: 1, after: page.after });
  expect([...page.rows, ...rest.rows].map(({ local_id }) => local_id).toSorted()).toEqual(["after", "gate"]);
  expect((await call(one, "search", { q: "agents" })).found.map(({ id }: { id: string }) => id)).toContain(
    made.batch_id,
  );

  expect(await call(one, "pause", { id: made.batch_id, reason: "look" })).toMatchObject({ paused: 1 });
  expect(await call(one, "resume", { id: after })).toMatchObject({ task_id: after, status: "Waiting" });
  expect(await call(one, "cancel", { id: gate, reason: "asked to" })).toMatchObject({ status: "Canceled" });
  const { events, attempts } = await call(one, "events", { id: gate });
  expect(events.at(-1)).toMatchObject({ to: "Canceled", reason: "asked to" });
  expect(attempts).toHaveLength(1);
  expect((await call(one, "why", { id: after })).text).toContain("Required parent task gate failed");
  const again = await call(one, "rerun", { id: made.batch_id });
  expect(again.tasks.map(({ local_id }: { local_id: string }) => local_id)).toEqual(["gate", "after"]);
  expect(await call(one, "cancel", { id: again.batch_id })).toMatchObject({ batch_id: again.batch_id });
});

it.each(revisions)("serves over HTTP (revision %s)", async (revision, mode) => {
  const one = await overHttp(mode, false);
  expect(one.getNegotiatedProtocolVersion()).toBe(revision);
  expect(await names(one)).toEqual(reading);
  expect((await call(one, "list", { what: "workers" })).rows).toHaveLength(1);
});

it("says all that is wrong, so that a model can mend it, and nothing of its inside", async () => {
  const one = await overHttp("auto", true);
  const { refused } = await call(one, "list", { what: "things", limit: 0, colour: "red" });
  expect(refused).toContain("what: must be one of batches, tasks");
  expect(refused).toContain("limit: must be an integer from 1 to 100, not 0");
  expect(refused).toContain("colour: is not a known argument");
  const bad = { tasks: [{ id: "a", name: "a", kind: "k", dependencies: [{ id: "ghost" }], priority: 5_000 }] };
  const faults = (await call(one, "dry_run", { batch: bad })).refused;
  expect(faults).toContain('tasks[0].dependencies[0].id: no task of this call has the id "ghost"');
  expect(faults).toContain("tasks[0].priority");
  expect((await call(one, "get", { id: "01a229af-5ff1-7014-8527-d4846a3e0956" })).refused).toBe(
    "there is no task or batch with the id 01a229af-5ff1-7014-8527-d4846a3e0956",
  );
  expect((await call(one, "list", { what: "schedules", kind: "x" })).refused).toContain("kind");
});

it("says where it looked when no Baton answers", async () => {
  const served = await serveHttp(connect("http://127.0.0.1:9", { retries: 0 }), false, {
    host: "127.0.0.1",
    port: 0,
    token,
    names: [],
  });
  open.push(served);
  const requestInit = { headers: { authorization: `Bearer ${token}` } };
  const one = await client("auto", new StreamableHTTPClientTransport(new URL(served.url), { requestInit }));
  expect((await call(one, "overview")).refused).toMatch(/^No Baton answers at http:\/\/127\.0\.0\.1:9/);
});
