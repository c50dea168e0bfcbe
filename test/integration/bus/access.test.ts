// The shipped nats.conf: a cluster whose processes are its users runs tasks from end to end, and whoever is a client may do
// what docs/nats.md says and nothing else. What is forbidden is tried, refused by name, and leaves nothing behind.
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, headers, type NatsConnection, type Status } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from "vitest";
import { openBus, serversOf } from "#bus/client";
import { makeLogger } from "#telemetry/log";
import { type Cluster, startCluster } from "#test/cluster";
import { reports, startReceiver } from "#test/receiver";
import { type GuardedNats, shippedNats } from "#test/services";
import { until } from "#test/until";
import { startNats } from "../../../scripts/services.mjs";

type User = Parameters<GuardedNats["urlOf"]>[0];
const uuid = "0190b1a2-0000-7000-8000-000000000001";

let nats: GuardedNats;
let cluster: Cluster;
const users = new Map<User, { nc: NatsConnection; refused: string[] }>();

beforeAll(async () => {
  nats = await shippedNats();
  cluster = await startCluster({ nats });
  for (const user of ["api", "worker", "baton", "client"] as const) {
    const nc = await connect({ ...serversOf(nats.urlOf(user)), inboxPrefix: `_INBOX_${user}` });
    const refused: string[] = [];
    void note(nc.status(), refused);
    users.set(user, { nc, refused });
  }
});
afterAll(() => Promise.all([...users.values()].map(({ nc }) => nc.close())));

async function note(statuses: AsyncIterable<Status>, refused: string[]): Promise<void> {
  for await (const status of statuses) if (status.type === "error") refused.push(String(status.error.message));
}

const as = (user: User) => {
  const found = users.get(user);
  if (!found) throw new Error(`${user} is not connected`);
  return found;
};

/** Messages in every stream, by its name. */
async function stored(): Promise<Record<string, number>> {
  const manager = await jetstreamManager(as("worker").nc);
  const names = ["BATON_COMMANDS", "BATON_PROGRESS", "BATON_BELL", "BATON_WORK", "BATON_DEAD"];
  const infos = await Promise.all(names.map((name) => manager.streams.info(name)));
  return Object.fromEntries(infos.map(({ config, state }) => [config.name, state.last_seq]));
}

describe("a cluster of the shipped users", () => {
  it.each(["worker", "baton"] as const)(
    "lets %s look which tasks the messages name that are not settled",
    async (user) => {
      const { nc, refused } = as(user);
      const manager = await jetstreamManager(nc);
      const before = refused.length;
      for (const stream of ["BATON_COMMANDS", "BATON_PROGRESS"])
        await manager.streams
          .getMessage(stream, { seq: 1 })
          .catch((error) => expect(String(error)).toMatch(/no message/));
      expect(refused.slice(before)).toEqual([]);
    },
  );

  it("runs a batch that was created, pulled, reported and counted over NATS by a client", async () => {
    const { nc } = as("client");
    const batch = [
      {
        ...{ id: "a", name: "a", kind: "k", expected_count: 5 },
        on_start: { kind: "Nats", params: { subject: "baton.work.access.a", body: { n: 1 } } },
      },
    ];
    const created = (await nc.request("baton.batch.create", JSON.stringify(batch), { timeout: 5_000 })).json() as {
      status: number;
      tasks: { id: string }[];
    };
    expect(created).toMatchObject({ status: 201, tasks: [{ local_id: "a" }] });
    const id = created.tasks[0]?.id as string;
    const manager = await jetstreamManager(nc);
    await manager.consumers.add("BATON_WORK", {
      ...{ durable_name: "access", ack_policy: "explicit", filter_subject: "baton.work.access.>" },
    });
    const work = await (await jetstream(nc).consumers.get("BATON_WORK", "access")).next({ expires: 10_000 });
    expect(work?.json()).toMatchObject({ task_id: id, trigger: "start", body: { n: 1 } });
    const answers: unknown[] = [];
    nc.subscribe("_INBOX_client.mine", { callback: (_, message) => void answers.push(message.json()) });
    const ask = headers();
    ask.set("Baton-Reply", "_INBOX_client.mine");
    await jetstream(nc).publish(`baton.task.${id}.progress`, '{"new_success":5}', { headers: ask });
    await until(() => answers.length === 1);
    await until(async () => (await cluster.status(id)) === "Running");
    await jetstream(nc).publish(`baton.task.${id}.succeed`, "", { headers: ask });
    await until(() => answers.length === 2);
    expect(answers).toMatchObject([
      { status: 202, id },
      { status: 200, id, state: "Success", attempt: 0 },
    ]);
    work?.ack();
    expect(await cluster.row(id)).toMatchObject({ status: "Success", success: "5" });
    const { num_ack_pending } = await until(async () => {
      const info = await manager.consumers.info("BATON_WORK", "access");
      return info.num_ack_pending === 0 && info;
    });
    expect(num_ack_pending).toBe(0);
    expect(as("client").refused).toEqual([]);
  });

  it("and by HTTP: reports, counters, timers, deliveries; also where one process has both roles", async () => {
    const both = await cluster.start("api,worker");
    const service = await startReceiver();
    service.answer("/run", reports({ status: "Success" }));
    for (const url of [cluster.url, both.url]) {
      const batch = [
        { id: "a", name: "a", kind: "k", on_start: service.action("/run"), on_success: [service.action("/done")] },
        { id: "b", name: "b", kind: "k", delay_secs: 0, on_start: service.action("/wait"), expected_count: 3 },
      ];
      const { body } = await cluster.call("POST", `${url}/task`, batch);
      const [a, b] = (body as { id: string }[]).map(({ id }) => id) as [string, string];
      await until(async () => (await cluster.status(a)) === "Success" && (await cluster.status(b)) === "Running");
      await until(() => service.of(a, "end").length === 1);
      expect((await cluster.call("PUT", `${url}/task/${b}`, { new_success: 3 })).status).toBe(202);
      await until(async () => (await cluster.row(b)).success === "3");
      expect((await cluster.call("DELETE", `${url}/task/${b}`)).status).toBe(200);
    }
    // What a process is refused it says in its log.
    expect(cluster.members.flatMap(({ log }) => log.match(/.*NATS refused something.*/g) ?? [])).toEqual([]);
  });
});

const streamCalls = ["CREATE", "UPDATE", "DELETE", "PURGE", "MSG.GET", "MSG.DELETE"] as const;
const publishing: readonly (readonly [User, string])[] = [
  ...[
    ...["baton.door", "baton.progress", "baton.start.bell", "baton.timer", "baton.circuit", "baton.bulk"],
    ...["baton.dead.task.x", "baton.work.access.a", "baton.schedule"],
    ...[`baton.event.${uuid}.${uuid}.Success`, `baton.task.${uuid}.explode`, `baton.task.${uuid}`],
    ...["_INBOX_api.x", "_INBOX_worker.x", "_INBOX_baton.x", "_INBOX.x", "$SYS.REQ.SERVER.PING", "elsewhere"],
    ...streamCalls.map((call) => `$JS.API.STREAM.${call}.BATON_WORK`),
    ...["$JS.API.STREAM.CREATE.MINE", "$JS.API.STREAM.INFO.BATON_COMMANDS", "$JS.API.STREAM.LIST"],
    ...["$JS.API.CONSUMER.DELETE.BATON_COMMANDS.actors", "$JS.API.CONSUMER.DELETE.BATON_WORK.access"],
    ...["$JS.API.CONSUMER.MSG.NEXT.BATON_COMMANDS.actors", "$JS.API.CONSUMER.INFO.BATON_COMMANDS.actors"],
    ...["$JS.API.CONSUMER.CREATE.BATON_COMMANDS.mine.baton.task.>", "$JS.API.CONSUMER.CREATE.BATON_DEAD.mine"],
    ...["$JS.API.CONSUMER.CREATE.BATON_WORK.all", "$JS.API.CONSUMER.DURABLE.CREATE.BATON_WORK.all"],
    ...["$JS.ACK.BATON_COMMANDS.actors.1.1.1.1.1", "$JS.ACK.BATON_PROGRESS.counters.1.1.1.1.1"],
  ].map((subject) => ["client", subject] as const),
  ...(["api", "worker", "baton"] as const).flatMap((user) =>
    ["DELETE.BATON_COMMANDS", "PURGE.BATON_COMMANDS", "MSG.DELETE.BATON_COMMANDS", "MSG.GET.BATON_WORK"].map(
      (call) => [user, `$JS.API.STREAM.${call}`] as const,
    ),
  ),
  ["api", "$JS.API.STREAM.MSG.GET.BATON_COMMANDS"],
  ["api", "$JS.API.STREAM.MSG.GET.BATON_EVENTS"],
  ...["baton.batch.x", "baton.work.a", "_INBOX_client.x", "_INBOX_worker.x"].map(
    (subject) => ["api", subject] as const,
  ),
  ...["$JS.API.CONSUMER.MSG.NEXT.BATON_COMMANDS.actors", "$JS.ACK.BATON_COMMANDS.actors.1.1.1.1.1"].map(
    (subject) => ["api", subject] as const,
  ),
  ...["baton.door", "baton.progress", "baton.batch.create", `baton.task.${uuid}.succeed`].map(
    (subject) => ["worker", subject] as const,
  ),
  ...["baton.timer", "baton.bulk"].map((subject) => ["worker", subject] as const),
];
const subscribing: readonly (readonly [User, string])[] = [
  ...[
    "_INBOX_api.>",
    "_INBOX_worker.>",
    "_INBOX_baton.>",
    "_INBOX.>",
    ">",
    "baton.>",
    "baton.task.>",
    "baton.door",
    "baton.schedule",
  ].map((subject) => ["client", subject] as const),
  ...["baton.timer", "baton.circuit", "baton.bulk", "baton.dead.>", "baton.work.>", "$JS.API.>", "$SYS.>"].map(
    (subject) => ["client", subject] as const,
  ),
  ["client", "baton.batch.create"],
  ...["_INBOX_client.>", "_INBOX_worker.>", "baton.batch.create", "baton.task.>"].map(
    (subject) => ["api", subject] as const,
  ),
  ...["_INBOX_client.>", "_INBOX_api.>", "baton.batch.create", "baton.door"].map(
    (subject) => ["worker", subject] as const,
  ),
];

describe("what a user may not do", () => {
  it("is refused by name when it publishes, and nothing is stored", async () => {
    const before = await stored();
    for (const [user, subject] of publishing) {
      const { nc, refused } = as(user);
      refused.length = 0;
      nc.publish(subject, "{}");
      await until(() => refused.length > 0, 2_000, `${user} is refused ${subject}`);
      expect(refused, `${user} ${subject}`).toEqual([expect.stringContaining(`Publish to "${subject}"`)]);
    }
    expect(await stored()).toEqual(before);
  });

  it("is refused by name when it subscribes", async () => {
    for (const [user, subject] of subscribing) {
      const errors: string[] = [];
      as(user).nc.subscribe(subject, { callback: (error) => void (error && errors.push(error.message)) });
      await until(() => errors.length > 0, 2_000, `${user} is refused ${subject}`);
      expect(errors, `${user} ${subject}`).toEqual([expect.stringContaining(`Subscription to "${subject}"`)]);
    }
  });

  it("is everything for a stranger", async () => {
    await expect(connect({ servers: nats.url, maxReconnectAttempts: 0 })).rejects.toThrow(/Authorization/i);
    const wrong = nats.urlOf("client").replace(/:p[0-9a-f]+@/, ":wrong@");
    await expect(connect({ ...serversOf(wrong), maxReconnectAttempts: 0 })).rejects.toThrow(/Authorization/i);
  });

  it("is to have an answer sent where the worker may not publish: the command is done all the same", async () => {
    const { body } = await cluster.call("POST", "/task", [{ id: "a", name: "a", kind: "k", delay_secs: 3600 }]);
    const { id } = body[0];
    const ask = headers();
    ask.set("Baton-Reply", "_INBOX_other.x");
    await jetstream(as("client").nc).publish(`baton.task.${id}.cancel`, "", { headers: ask });
    await until(async () => (await cluster.status(id)) === "Canceled");
    await until(async () => cluster.workers.some(({ log }) => log.includes("NATS refused something")));
  });

  it.each(["PURGE", "DELETE", "MSG.DELETE"].map((call) => `$JS.API.STREAM.${call}.BATON_WORK`))(
    "is to have Baton, or the stream, answer to %s",
    async (reply) => {
      const { nc } = as("client");
      const manager = await jetstreamManager(as("worker").nc);
      const [work, commands] = await Promise.all(
        ["BATON_WORK", "BATON_COMMANDS"].map(async (name) => (await manager.streams.info(name)).state),
      );
      const { created } = await manager.streams.info("BATON_WORK");
      const kept = async () => (await manager.streams.info("BATON_WORK")).state.messages;
      // As many as there were commands: the stream's answer names the number of the one that it has stored.
      const wanted = Math.max(1, (commands?.last_seq ?? 0) + 10 - (work?.last_seq ?? 0));
      const on_start = { kind: "Nats", params: { subject: "baton.work.kept" } };
      await cluster.create(Array.from({ length: wanted }, (_, i) => ({ id: `t${i}`, name: "t", kind: "k", on_start })));
      const before = (work?.messages ?? 0) + wanted;
      await until(async () => (await kept()) === before);
      const own = await jetstreamManager(nc);
      await own.consumers.add("BATON_WORK", {
        ...{ durable_name: "none", ack_policy: "explicit", filter_subject: "baton.work.none.>" },
      });
      // Of nothing there is the stream answers without a body, which is what a call to delete looks like.
      const pull = ["$JS.API.CONSUMER.MSG.NEXT.BATON_WORK.none", '{"no_wait":true}'] as const;
      nc.publish(...pull, { reply });
      nc.publish("baton.batch.create", "[]", { reply });
      nc.publish(`baton.task.${uuid}.pause`, "", { reply });
      // Whoever answers has answered when these are.
      await nc.request(...pull, { timeout: 5_000 });
      await nc.request("baton.batch.create", "[]", { timeout: 5_000 });
      const answers: string[] = [];
      nc.subscribe("_INBOX_client.later", { callback: (_, message) => void answers.push(message.string()) });
      const ask = headers();
      ask.set("Baton-Reply", "_INBOX_client.later");
      await jetstream(nc).publish(`baton.task.${uuid}.pause`, "", { headers: ask });
      await until(() => answers.length > 0);
      expect(await kept()).toBe(before);
      expect((await manager.streams.info("BATON_WORK")).created).toBe(created);
    },
  );
});

it("is taken up again when a password was wrong for a while", async () => {
  const dir = mkdtempSync(join(inject("scratchDir"), "nats-"));
  const start = (password: string, port = 0) =>
    startNats({ dir, port, config: `authorization { user: "u", password: "${password}" }` });
  let server = await start("right");
  onTestFinished(() => server.kill());
  const natsUrl = server.url.replace("//", "//u:right@");
  const bus = openBus(
    { natsUrl, natsReplicas: 1, roles: new Set(["api"]) },
    "test",
    makeLogger({ logLevel: "silent" }, "test"),
  );
  onTestFinished(() => bus.close());
  await until(() => bus.up);
  const attempts = { refused: 0 };
  void (async () => {
    for await (const { type } of bus.nc.status()) if (type === "error") attempts.refused++;
  })();
  for (const password of ["wrong", "right"]) {
    await server.kill();
    await until(() => !bus.up);
    server = await start(password, server.port);
    if (password === "wrong") await until(() => attempts.refused > 2);
  }
  await until(() => bus.up);
});

it("makes a dead letter of a creation that is refused where no client waits for the answer", async () => {
  const dead = async () => (await (await jetstreamManager(as("worker").nc)).streams.info("BATON_DEAD")).state.messages;
  const before = await dead();
  as("client").nc.publish("baton.batch.create", "{no");
  await until(async () => (await dead()) === before + 1);
});
