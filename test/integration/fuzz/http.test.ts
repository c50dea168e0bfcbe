// Thousands of requests that no client of ours would send, to a real cluster over many connections: none is answered 5xx, each that
// is refused says why and where and has changed nothing, and the processes are the same as before. SEED=<seed> repeats a run.
import { connect } from "node:net";
import { Pool } from "undici";
import { expect, it } from "vitest";
import { type ErrorCode, errorCodes } from "#domain/errors";
import { type Cluster, startCluster } from "#test/cluster";
import { type Random, seeded } from "#test/dags";
import { isLong } from "#test/long";
import { damaged, mutated } from "#test/mutate";
import { startReceiver } from "#test/receiver";
import { until, within } from "#test/until";
import { type Aim, aimOf, aimsAt } from "./aims.ts";

const random = seeded("http fuzz");
const [requests, liesTotal] = isLong ? [9_600, 400] : [3_800, 200];
const connections = 48;

interface Sent {
  readonly aim: Aim;
  readonly target: string;
  readonly body: string | Buffer;
  readonly type: string;
}
interface Got extends Sent {
  readonly status: number;
  readonly text: string;
  readonly batch: string | undefined;
}

const types = [
  "text/plain",
  "application/xml",
  "application/json; charset=utf-16",
  "application/json;charset=latin1",
  "application/jsonp",
].concat([
  "multipart/form-data; boundary=x",
  "application/json\t;x",
  "json",
  "*/*",
  "application/json, text/plain",
  "",
]);

/** Ids of targets, each for one request. */
interface Targets {
  readonly task: string[];
  readonly batch: string[];
  readonly ended: string[];
}

async function makeTargets(cluster: Cluster, tasks: number, batches: number, runUrl: string): Promise<Targets> {
  const on_start = { kind: "Webhook", params: { url: runUrl, verb: "Post" } };
  const more = (i: number) => (i % 2 === 0 ? { on_start, expected_count: 5 } : { delay_secs: 86_400 });
  const made: Targets = { task: [], batch: [], ended: [] };
  for (let n = 0; n < tasks; n += 1_000) {
    const body = Array.from({ length: 1_000 }, (_, i) => ({
      ...{ id: `t${i}`, name: "target", kind: "target", timeout: 86_400, metadata: { a: i } },
      ...more(i),
    }));
    made.task.push(...Object.values(await cluster.create(body)));
  }
  const one = async (ended: boolean) => {
    const task = { id: "a", name: "a", kind: "fuzz", metadata: { tenant: 1 }, delay_secs: 86_400 };
    const { headers } = await cluster.call("POST", "/task", [task]);
    const id = headers.get("x-batch-id") as string;
    if (ended) await cluster.call("DELETE", `/batch/${id}`);
    made[ended ? "ended" : "batch"].push(id);
  };
  for (let n = 0; n < batches; n += 50) await Promise.all(Array.from({ length: 50 }, (_, i) => one((n + i) % 3 === 0)));
  await until(async () => {
    const [row] = await cluster.sql`
      select count(*)::int as n from task where kind = 'target' and status <> 'Running' and run_at is null`;
    return row?.n === 0;
  }, 20_000);
  return made;
}

/** Every hot and cold column of each task; what a refused report leaves is one event, which is counted. */
async function pictures(cluster: Cluster): Promise<Map<string, string>> {
  const rows = await cluster.sql<{ id: string; picture: string }[]>`
    select t.id, md5((to_jsonb(t) - 'rejected')::text || to_jsonb(s)::text) as picture from task t join task_spec s using (id)`;
  return new Map(rows.map(({ id, picture }) => [id, picture]));
}

function requestFor(aims: readonly Aim[], targets: Targets): Sent {
  const aim = aimOf(random, aims);
  const target = aim.target === "none" ? "" : (targets[aim.target].pop() ?? "0190b1a2-0000-7000-8000-000000000001");
  const text = mutated(random, random.pick(aim.bodies));
  const body = random.chance(0.06) ? damaged(random, random.chance(0.5) ? JSON.stringify(aim.bodies[0]) : text) : text;
  return { aim, target, body, type: random.chance(0.03) ? random.pick(types) : "application/json" };
}

async function sendAll(url: string, all: readonly Sent[]): Promise<Got[]> {
  const pool = new Pool(url, { connections, pipelining: 1 });
  const queue = [...all];
  const got: Got[] = [];
  const client = async () => {
    for (let next = queue.pop(); next; next = queue.pop()) {
      const [method = "", path = ""] = next.aim.route.split(" ");
      const answer = await pool.request({
        ...{
          method: method as "POST",
          path: path.replace("{id}", next.target).replace("{name}", "fuzz"),
          body: next.body,
        },
        headers: next.type === "" ? {} : { "content-type": next.type },
      });
      const batch = answer.headers["x-batch-id"] as string | undefined;
      got.push({ ...next, status: answer.statusCode, text: await answer.body.text(), batch });
    }
  };
  await within(() => Promise.all(Array.from({ length: connections }, client)), 120_000, "all requests are answered");
  await pool.close();
  return got;
}

/** What is wrong with an answer; undefined: nothing. */
function faultOf({ status, text }: { readonly status: number; readonly text: string }): string | undefined {
  if (status >= 500) return "is our own fault";
  if (status < 400) return undefined;
  if (![400, 404, 405, 409, 413, 415].includes(status)) return "is no answer to this";
  const { error, code, details, faults, current_status, allowed } = parsed(text);
  if (typeof error !== "string" || error === "") return "has no error";
  if (!(errorCodes[code as ErrorCode]?.statuses as readonly number[] | undefined)?.includes(status))
    return "has no code of its status";
  if (!Array.isArray(faults)) return "has no faults";
  if (code === "validation_failed" && faults.length === 0) return "has no fault for programs";
  if (status === 409 && current_status !== undefined)
    return Array.isArray(allowed) ? undefined : "does not say what is allowed";
  if (!Array.isArray(details)) return "has no details";
  const named = details.every((detail) => typeof detail === "string" && /^.+?: \S/su.test(detail));
  return status === 400 && (details.length === 0 || !named) ? "does not name what is at fault" : undefined;
}

function parsed(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

const shown = ({ aim, status, text, body, type }: Got) =>
  `${aim.route} ${type} ${String(body).slice(0, 300)} → ${status} ${text.slice(0, 300)}`;

/** Requests whose frame lies about the body: lengths, chunks, ends. Some are followed by a sound one on the same connection. */
function lie(random: Random, path: string, body: string): Buffer {
  const head = (...lines: string[]) =>
    `PATCH ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${lines.join("\r\n")}\r\n\r\n`;
  const n = Buffer.byteLength(body);
  const chunk = `${n.toString(16)}\r\n${body}\r\n`;
  const chunked = head("transfer-encoding: chunked");
  const lies: readonly string[] = [
    ...[0, 1, n - 1, n + 1, n + 1000].map((length) => head(`content-length: ${length}`) + body),
    ...["-1", "x", "1e9", "99999999999999999999", "", `${n}, ${n}`, `+${n}`].map(
      (length) => head(`content-length: ${length}`) + body,
    ),
    head(`content-length: ${n}`, "content-length: 0") + body,
    head(`content-length: ${n}`, "transfer-encoding: chunked") + body,
    ...["", "0\r\n\r\n", "0\r\n", chunk, `${chunk}0\r\n`, `${chunk}0\r\n\r\n`, `zz\r\n${body}\r\n0\r\n\r\n`].map(
      (text) => chunked + text,
    ),
    ...[
      `ffffffffffffffffff\r\n${body}`,
      `-1\r\n${body}`,
      `${n + 5};ext=1\r\n${body}\r\n0\r\n\r\n`,
      `1\r\n${body}\r\n0\r\n\r\n`,
    ].map((text) => chunked + text),
    head("transfer-encoding: gzip, chunked") + chunk,
    head("transfer-encoding: identity") + body,
    head("expect: 100-continue", `content-length: ${n}`) + body,
    head("expect: nonsense", `content-length: ${n}`) + body,
    head(`x: ${"y".repeat(20_000)}`) + body,
    `PATCH ${path} HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: ${n}\r\n\r\n${body}`,
    `PATCH ${path} HTTP/9.9\r\nhost: x\r\n\r\n${body}`,
    (head(`content-length: ${n}`) + body).repeat(8),
    `${head(`content-length: ${n}`) + body}GET /health HTTP/1.1\r\nhost: x\r\n\r\n`,
  ];
  const text = random.pick(lies);
  return random.chance(0.1) ? damaged(random, text) : Buffer.from(text);
}

/** Everything that comes back until the server ends the connection; its own end is sent at once. */
function sendRaw(url: string, bytes: Buffer): Promise<string> {
  const { port } = new URL(url);
  return within(
    () =>
      new Promise<string>((resolve) => {
        const socket = connect(Number(port), "127.0.0.1");
        let said = "";
        socket.on("data", (data) => {
          said += data;
        });
        // The server may hang up while something is still being sent.
        socket.once("error", () => {});
        socket.once("close", () => resolve(said));
        socket.end(bytes);
      }),
    15_000,
    `the connection ends: ${bytes.toString("latin1").slice(0, 300)}`,
  );
}

it(`answers ${requests + liesTotal} wrong requests, and survives them`, { timeout: 180_000 }, async () => {
  const service = await startReceiver();
  const cluster = await startCluster({ env: { LOG_LEVEL: "error" } });
  const pids = cluster.members.map(({ pid }) => pid);
  const aims = aimsAt(service);
  const { paths } = (await cluster.call("GET", "/openapi.json")).body;
  const bodied = Object.entries(paths as Record<string, Record<string, { requestBody?: object }>>).flatMap(
    ([path, item]) =>
      Object.entries(item).flatMap(([method, { requestBody }]) =>
        requestBody ? `${method.toUpperCase()} ${path}` : [],
      ),
  );
  expect(new Set(aims.map(({ route }) => route.replace(/\?.*/, "")))).toEqual(new Set(bodied));

  const targets = await makeTargets(cluster, 6_500, 1_900, `${service.url}/run`);
  const before = await pictures(cluster);
  const batchesBefore = new Set((await cluster.sql`select id from batch`).map(({ id }) => id as string));
  const sent = Array.from({ length: requests }, () => requestFor(aims, targets));
  const got = await sendAll(cluster.url, sent);
  const faults = got.flatMap((one) => {
    const fault = faultOf(one);
    return fault === undefined ? [] : [`${fault}: ${shown(one)}`];
  });
  expect(faults.slice(0, 5)).toEqual([]);

  // Each target was asked once: where that was refused it is as it was. The counters of what was accepted may still come.
  const after = await pictures(cluster);
  const tasksOf = new Map<string, string[]>();
  for (const { id, batch_id } of await cluster.sql`select id, batch_id from task`)
    tasksOf.set(batch_id, [...(tasksOf.get(batch_id) ?? []), id]);
  const refused = got.filter(({ status }) => status >= 400);
  const changed = refused.filter(({ aim, target }) => {
    const ids = aim.target === "task" ? [target] : (tasksOf.get(target) ?? []);
    return ids.some((id) => before.get(id) !== after.get(id));
  });
  expect(changed.slice(0, 5).map(shown)).toEqual([]);
  // No batch came of a refusal or a rehearsal, and all of those that were promised are there.
  const promised = got
    // A new schedule is 201 as well.
    .flatMap(({ status, batch }) => (batch !== undefined && (status === 201 || status === 204) ? [batch] : []))
    .filter((id) => !batchesBefore.has(id ?? ""));
  const made = (await cluster.sql`select id from batch`)
    .map(({ id }) => id as string)
    .filter((id) => !batchesBefore.has(id));
  expect(new Set(made)).toEqual(new Set(promised));

  const victims = (await cluster.create([{ id: "a", name: "a", kind: "k", delay_secs: 86_400 }])).a as string;
  const path = `/task/${victims}`;
  const said = await Promise.all(
    Array.from({ length: liesTotal }, () =>
      sendRaw(cluster.url, lie(random, path, mutated(random, { new_success: 1, priority: 2 }))),
    ),
  );
  const statuses = said.flatMap((text) =>
    [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status)),
  );
  expect(statuses.length).toBeGreaterThan(liesTotal / 2);
  expect(statuses.filter((status) => status >= 500)).toEqual([]);
  for (const text of said) {
    if (!/^HTTP\/1\.1 4/.test(text)) continue;
    expect(text).toMatch(/content-type: application\/json/i);
    expect(text).toMatch(/\{"error":/);
  }

  const counts = Object.groupBy(got, ({ status }) => String(status));
  console.log(
    Object.entries(counts)
      .map(([status, list]) => `${status}: ${list?.length}`)
      .join(", "),
  );
  expect(refused.length).toBeGreaterThan(requests / 3);
  expect(got.length - refused.length).toBeGreaterThan(requests / 20);
  expect(cluster.members.map(({ pid, alive }) => alive && pid)).toEqual(pids);
  const sound = (await cluster.create([{ id: "a", name: "a", kind: "sound", on_start: service.action("/run") }]))
    .a as string;
  await until(async () => (await cluster.status(sound)) === "Running");
  expect((await cluster.call("PATCH", `/task/${sound}`, { status: "Success" })).status).toBe(200);
  expect(cluster.said()).not.toMatch(/for a reason of ours/);
});
