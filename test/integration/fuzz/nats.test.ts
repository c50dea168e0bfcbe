// 1,000 messages that no client of ours would send, to a real cluster: none stops a process or a consumer, each that is refused
// is answered, becomes a dead letter and has changed nothing, and what is sound among them is done. SEED=<seed> repeats a run.
import { connect as connectTcp } from "node:net";
import { jetstreamManager } from "@nats-io/jetstream";
import {
  connect,
  createInbox,
  type MsgHdrs,
  type NatsConnection,
  headers as newHeaders,
} from "@nats-io/transport-node";
import { expect, it, onTestFinished } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { seeded } from "#test/dags";
import { leftInStreams } from "#test/invariants";
import { damaged, mutated } from "#test/mutate";
import { until, within } from "#test/until";

const random = seeded("NATS fuzz");
const stranger = "0190b1a2-0000-7000-8000-000000000001";

const payloads: Readonly<Record<string, unknown>> = {
  succeed: { new_success: 2, result: { a: [1] }, attempt: 0 },
  fail: { failure_reason: "broken", new_failures: 1 },
  skip: { failure_reason: "nothing to do" },
  update: { metadata: { a: { b: 1 } }, priority: 3, expected_count: 4 },
  cancel: {},
  pause: { attempt: 0 },
  resume: {},
  override: { status: "Skipped", reason: "by hand", result: [1] },
  progress: { new_success: 3, new_failures: 1 },
};
const verbs = Object.keys(payloads);

interface Answer {
  readonly status: number;
  readonly error?: string;
  readonly details?: readonly string[];
  readonly state?: string;
}
/** One message to one task of its own, and what came back. */
interface Asked {
  readonly target: string;
  readonly said: string;
  readonly got: Answer[];
}

/** Row and specification of each task; refused reports only leave an event. */
async function pictures(cluster: Cluster): Promise<Map<string, string>> {
  const rows = await cluster.sql<{ id: string; picture: string }[]>`
    select t.id, md5((to_jsonb(t) - 'rejected')::text || to_jsonb(s)::text) as picture from task t join task_spec s using (id)`;
  return new Map(rows.map(({ id, picture }) => [id, picture]));
}

/** Some are sound, so that what is accepted is looked at as well. */
const garble = (value: unknown): Uint8Array | string => {
  if (random.chance(0.2)) return JSON.stringify(value);
  const text = mutated(random, value);
  return random.chance(0.15) ? damaged(random, text) : text;
};

/** Commands and counter updates with a way back: each is answered, whatever it is. */
function ask(nc: NatsConnection, target: string): Asked {
  const verb = random.pick(verbs);
  const payload = garble(payloads[verb]);
  const inbox = createInbox();
  const got: Answer[] = [];
  nc.subscribe(inbox, { callback: (error, message) => void (error ?? got.push(message.json())) });
  const h = newHeaders();
  h.set("Baton-Reply", inbox);
  if (random.chance(0.4)) h.set("Nats-Msg-Id", random.pick(keys)(target));
  nc.publish(`baton.task.${target}.${verb}`, payload, { headers: h });
  return { target, said: `${verb} ${payload}`, got };
}
const keys: readonly ((target: string) => string)[] = [
  (target) => target,
  (target) => `é😀${target}`,
  (target) => `${target}\0`,
  (target) => `${target}'; --`,
  (target) => target.padEnd(255, "k"),
  (target) => target.padEnd(3_000, "k"),
];

/** Answers go where none may go, or nowhere. Half of the commands are sound: they are done. */
const replies = ["$SYS.REQ.SERVER.PING", "$JS.API.STREAM.PURGE.BATON_WORK", "$JS.API.STREAM.DELETE.BATON_COMMANDS"]
  .concat([
    "baton.door",
    "baton.progress",
    "baton.dead.x",
    `baton.task.${stranger}.cancel`,
    "baton.work.x",
    "baton.batch.create",
  ])
  .concat(["a b", "a..b", ".", ">", "a.*", "\t", "x".repeat(5_000), "ünïcödé", "a\0b", "_INBOX.nobody"]);
function askInVain(nc: NatsConnection, target: string): { readonly target: string; readonly sound: boolean } {
  const sound = random.chance(0.5);
  const h = newHeaders();
  h.set("Baton-Reply", random.pick(replies));
  nc.publish(`baton.task.${target}.pause`, sound ? "{}" : '{"new_success":"x"}', { headers: h });
  return { target, sound };
}

/** What only Baton's own processes send: taken apart as carefully as everything else. */
function forge(nc: NatsConnection, target: string): void {
  const inbox = createInbox();
  const command = { id: `c-${target}`, verb: random.pick(verbs.slice(0, 7)), target, fields: {}, attempt: 0, key: "k" };
  const rules = { ...command, verb: "set_rules", rules: { kind: "k", rules: [] } };
  const whole = { ...command, verb: random.pick(["stop_batch", "pause_batch", "resume_batch"]) };
  const updates = [
    [target, 1, 0],
    [target, 0, 1, `u-${target}`],
  ];
  const forged: readonly (readonly [string, unknown])[] = [
    ["baton.door", { inbox, commands: [command] }],
    [
      "baton.door",
      { inbox, commands: [{ ...command, fields: { metadata: { a: 1 }, priority: 1, result: 1 } }, whole] },
    ],
    ["baton.door", { inbox, commands: [rules, command] }],
    ["baton.progress", { id: target, updates: updates.slice(1) }],
    ["baton.progress", { id: target, updates: [...updates, ...updates] }],
    ["baton.start.bell", "x"],
    ["baton.timer", 5],
    ["baton.schedule", "x"],
    [`baton.dead.task.${target}`, {}],
    ["baton.work.fuzz.x", { task_id: target }],
    [`baton.event.${target}.${target}.Success`, {}],
  ];
  const [subject, value] = random.pick(forged);
  nc.publish(subject, garble(value));
}

/** Subjects and headers that the client library does not let through, as bytes on a connection of their own. */
function publishRaw(port: number, target: string): Promise<void> {
  const subjects = [`baton.task.${target}`, `baton.task.${target}.explode`, `baton.task.${target}.succeed.now`]
    .concat([`baton.task..succeed`, "baton.task.*.cancel", "baton.task.>", `baton.task.${target.slice(1)}.cancel`])
    .concat([
      `baton.task.${"x".repeat(900)}.cancel`,
      "baton.task.\u{1f600}.cancel",
      "baton.task.null.pause",
      "baton.task.__proto__.cancel",
    ])
    .concat([
      `baton.task.${target}.CANCEL`,
      `baton.task.{${target}}.cancel`,
      `baton.task.${target}\0.cancel`,
      "baton.task.%2e.cancel",
    ]);
  const heads = [
    "NATS/1.0\r\n\r\n",
    "NATS/1.0\r\nBaton-Reply: x.y\r\n\r\n",
    "NATS/1.0\r\nNats-Msg-Id:\r\nBaton-Reply:\r\n\r\n",
  ]
    .concat([
      `NATS/1.0\r\nBaton-Reply: a\r\nBaton-Reply: b\r\n\r\n`,
      "NATS/1.0\r\n: x\r\nno colon\r\n\r\n",
      "NATS/1.0 503\r\n\r\n",
      "HTTP/1.1\r\n\r\n",
    ])
    .concat([
      `NATS/1.0\r\n${"a".repeat(5_000)}: ${"b".repeat(5_000)}\r\n\r\n`,
      "NATS/1.0\r\nNats-Expected-Stream: X\r\n\r\n",
      "\r\n",
    ]);
  const [subject, head, body] = [random.pick(subjects), random.pick(heads), Buffer.from(garble({}))];
  const size = Buffer.byteLength(head);
  const publish = Buffer.concat([
    Buffer.from(`HPUB ${subject} ${size} ${size + body.length}\r\n${head}`),
    body,
    Buffer.from("\r\nPING\r\n"),
  ]);
  return within(
    () =>
      new Promise<void>((resolve) => {
        const socket = connectTcp(port, "127.0.0.1");
        socket.on("data", (data) => String(data).includes("PONG") && socket.end());
        socket.once("error", () => {});
        socket.once("close", () => resolve());
        socket.write('CONNECT {"headers":true,"verbose":false,"pedantic":false}\r\n');
        socket.write(publish);
      }),
    10_000,
  );
}

const task = (id: string) => ({ id, name: "n", kind: "k", delay_secs: 86_400, expected_count: 5 });

async function createByNats(nc: NatsConnection, body: Uint8Array | string, headers?: MsgHdrs): Promise<Answer> {
  const answer = await nc.request("baton.batch.create", body, { timeout: 10_000, ...(headers ? { headers } : {}) });
  return answer.json<Answer>();
}

it("1,000 wrong messages stop no worker, and are answered and set aside", { timeout: 120_000 }, async () => {
  const cluster = await startCluster({ env: { LOG_LEVEL: "error" } });
  const pids = cluster.members.map(({ pid }) => pid);
  const nc = await connect({ servers: cluster.nats.url });
  onTestFinished(() => nc.close());
  const manager = await jetstreamManager(nc);
  const targets = Object.values(await cluster.create(Array.from({ length: 1_000 }, (_, i) => task(`t${i}`))));
  const next = () => targets.pop() as string;
  const before = await pictures(cluster);

  const asked = Array.from({ length: 500 }, () => ask(nc, next()));
  await until(
    () => asked.every(({ got }) => got.length > 0),
    20_000,
    "every message with an address is answered",
  ).catch((error) => {
    throw new Error(
      `${error.message}; not: ${asked
        .filter(({ got }) => got.length === 0)
        .slice(0, 3)
        .map(({ said }) => said.slice(0, 300))}`,
    );
  });
  const after = await pictures(cluster);
  expect(asked.filter(({ got }) => got.length !== 1 || (got[0]?.status ?? 500) >= 500)).toEqual([]);
  const refused = asked.filter(({ got }) => (got[0]?.status ?? 0) >= 400);
  expect(refused.filter(({ target }) => before.get(target) !== after.get(target))).toEqual([]);
  // A refusal names the task's state; what has none could not be read, says why, and becomes a dead letter.
  const malformed = refused
    .map(({ got }) => got[0] as Answer)
    .filter(({ details }) => !/does not allow/.test(details?.[0] ?? ""))
    .filter(({ status }) => status === 400);
  expect(malformed.filter(({ error, details }) => !error || !details?.every((one) => /^.+?: \S/su.test(one)))).toEqual(
    [],
  );
  const dead = async () => (await manager.streams.info("BATON_DEAD")).state.messages;
  await until(async () => (await dead()) === malformed.length, 5_000, `${malformed.length} messages are dead letters`);
  expect([malformed.length > 100, asked.length - refused.length > 50]).toEqual([true, true]);

  const inVain = Array.from({ length: 100 }, () => askInVain(nc, next()));
  await Promise.all(
    Array.from({ length: 150 }, () => publishRaw(cluster.nats.port, random.chance(0.5) ? stranger : next())),
  );
  for (let i = 0; i < 180; i++) forge(nc, next());
  const created = await Promise.all(
    Array.from({ length: 70 }, (_, i) => {
      const h = newHeaders();
      if (random.chance(0.3)) h.set("Nats-Msg-Id", random.pick(keys)(`b${i}`));
      return createByNats(nc, garble([task("a"), { ...task("b"), dependencies: [{ id: "a" }] }]), h);
    }),
  );
  expect(created.filter(({ status, error }) => status >= 500 || (status >= 400 && !error))).toEqual([]);

  await until(async () => (await leftInStreams(cluster.nats.url)).length === 0, 20_000, "the streams are empty");
  for (const { target, sound } of inVain) expect(await cluster.status(target)).toBe(sound ? "Paused" : "Pending");
  expect(cluster.members.map(({ pid, alive }) => alive && pid)).toEqual(pids);
  const { tasks } = (await createByNats(nc, JSON.stringify([task("a")]))) as unknown as { tasks: { id: string }[] };
  const id = tasks[0]?.id as string;
  expect((await cluster.call("PATCH", `/task/pause/${id}`)).status).toBe(200);
  expect((await cluster.call("PUT", `/task/${id}`, { new_success: 3 })).status).toBe(202);
  await until(async () => (await cluster.row(id)).success === "3");
});
