// Counter updates from the API and from clients, through JetStream into the table: each counts exactly once, whoever dies
// and whatever comes again; what is no update becomes a dead letter, and the others go on.
import { randomUUID } from "node:crypto";
import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { Counters } from "#actor/counters/counters";
import type { Bus } from "#bus/client";
import { takeCommands } from "#bus/commands/commands";
import { openPublisher } from "#bus/commands/publisher";
import { setAsideProgress, takeProgress } from "#bus/counters/progress";
import { payloadOf, textOf } from "#bus/counters/progress-message";
import { headers, subjects } from "#bus/subjects";
import type { Progress } from "#domain/command";
import type { Db } from "#store/pg/pool";
import { metrics } from "#telemetry/metrics";
import { stays, until } from "#test/until";
import { create, openStage } from "../actor/stage.ts";
import { log, openStand, openTestBus, type Stand } from "./stand.ts";

let db: Db;
let ids: string[];
beforeAll(async () => {
  ({ db } = await openStage());
});
beforeEach(async () => {
  ({ ids } = await create(db, [{}, {}, {}, {}]));
});

/** What a worker does with counters. `settles` false: it dies after the commit, before the ack. */
function count(bus: Bus, settles = true) {
  const counters = new Counters({
    ...{ db, flushMs: 0, log, signaled: () => {}, armed: () => {} },
    deadLetter: (item, reason) => setAsideProgress(bus, item, reason, log),
  });
  let applied = 0;
  const acking = (ack: () => void) => () => {
    applied++;
    if (settles) ack();
  };
  const whenFree = async () => {};
  const sources = [
    takeProgress(
      bus,
      (brought) =>
        counters.put({ ...brought, storedAt: null, acceptedMs: brought.storedMs, settle: acking(brought.settle) }),
      whenFree,
      log,
    ),
    takeCommands(
      bus,
      {
        command: () => {},
        delivery: () => {},
        progress: (asked) =>
          counters.put({
            ...asked,
            acceptedMs: asked.storedAt,
            settle: (answer) => acking(() => asked.settle(answer))(),
          }),
        whenFree,
        toPostgresMs: (ms) => ms,
      },
      log,
    ),
  ];
  const close = async () => {
    for (const source of sources) source.close();
    await Promise.all(sources.map((source) => source.stop()));
  };
  onTestFinished(close);
  return { close, applied: () => applied, idle: () => counters.idle() };
}

const sums = async () => {
  const rows = await db.use(
    (sql) => sql<{ id: string; success: number; failures: number }[]>`select id, success, failures from task`,
  );
  const of = new Map(rows.map(({ id, success, failures }) => [id, [success, failures]]));
  return ids.map((id) => of.get(id));
};
const publisherOf = ({ bus }: Stand) => openPublisher(bus, { channelCapacity: 500, decidable: () => true });
const update = (n: number, success = 1, failures = 0): Progress => {
  const task = ids[n % ids.length] as string;
  return { id: randomUUID(), task, success, failures };
};
/** How many updates were counted as dead letters in this process. */
const deadLetters = () => {
  const sample = metrics.commands.samples().find((line) => line.includes('{kind="progress",outcome="dead_letter"}'));
  return Number(sample?.split(" ").at(-1) ?? 0);
};
const left = async (stand: Stand) => (await stand.count("BATON_PROGRESS")) + (await stand.count("BATON_COMMANDS"));
const bare = (stand: Stand, id: string, body: object, more = {}) =>
  stand.publish(subjects.taskOf(id, "progress"), JSON.stringify(body), more);

describe("an update", () => {
  it("counts once though its worker dies between commit and ack", async () => {
    const stand = await openStand();
    const publisher = publisherOf(stand);
    const dying = count(await openTestBus(stand.nats.url), false);
    // Half of them under keys of their own, the others by the messages that they went in.
    const own = (n: number) => (n % 8 < 4 ? {} : { id: undefined });
    await Promise.all(Array.from({ length: 200 }, (_, n) => publisher.progress({ ...update(n, 2, 1), ...own(n) })));
    for (const id of ids) await bare(stand, id, { new_success: 100 });
    await until(() => dying.applied() >= 204);
    await dying.close();
    expect(await sums()).toEqual(ids.map(() => [200, 50]));
    const next = count(stand.bus);
    await until(async () => (await left(stand)) === 0, 20_000);
    expect(next.applied()).toBeGreaterThanOrEqual(204);
    expect(await sums()).toEqual(ids.map(() => [200, 50]));
  });

  it("counts once under the same id, in one message, in two, and in two workers", async () => {
    const stand = await openStand();
    const publisher = publisherOf(stand);
    const workers = [count(stand.bus), count(await openTestBus(stand.nats.url))];
    const updates = Array.from({ length: 40 }, (_, n) => update(n));
    for (let time = 0; time < 3; time++)
      await Promise.all([...updates, ...updates].map((one) => publisher.progress(one)));
    await until(async () => (await left(stand)) === 0, 20_000);
    expect(workers.reduce((sum, { applied }) => sum + applied(), 0)).toBeGreaterThanOrEqual(240);
    expect(await sums()).toEqual(ids.map(() => [10, 0]));
  });

  it("that cannot be applied is a dead letter, once, in the words of a client; the others of its message count", async () => {
    const stand = await openStand();
    const [poison = "", ...others] = ids;
    await db.use((sql) =>
      sql.unsafe(`
        create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no more of these'; end $$;
        create trigger refuse before update on task for each row when (new.id = '${poison}') execute function refuse()`),
    );
    onTestFinished(() => db.use((sql) => sql.unsafe("drop function refuse() cascade")).then(() => {}));
    const updates = [...others, poison].map((task): Progress => ({ task, success: 3, failures: 1, attempt: 0 }));
    const bundle = { id: randomUUID(), texts: updates.map(textOf) };
    const send = () => stand.publish(subjects.progress, payloadOf(bundle.id, bundle.texts));
    const before = deadLetters();
    await send();
    const worker = count(stand.bus);
    await until(async () => worker.applied() === 4 && (await left(stand)) === 0);
    await send();
    await until(async () => worker.applied() === 8 && (await left(stand)) === 0);
    expect(await sums()).toEqual([[0, 0], ...others.map(() => [3, 1])]);
    expect(await stand.count("BATON_DEAD")).toBe(1);
    expect(deadLetters() - before).toBe(2);
    const manager = await stand.bus.manager();
    const letter = await manager.streams.getMessage("BATON_DEAD", { last_by_subj: "baton.dead.>" });
    expect(letter?.subject).toBe(subjects.deadOf(subjects.taskOf(poison, "progress")));
    expect(letter?.header.get(headers.reason)).toContain("no more of these");
    expect(letter?.json()).toEqual({ new_success: 3, new_failures: 1, attempt: 0 });
  });

  it("counts once under the same Nats-Msg-Id, also when the server has forgotten that", async () => {
    const stand = await openStand();
    count(stand.bus);
    const [id] = ids as [string];
    const publish = (key: string) => bare(stand, id, { new_success: 1 }, { [headers.msgId]: key });
    await publish("a");
    await publish("a");
    await until(async () => (await left(stand)) === 0);
    await stand.nats.stop();
    await stand.nats.start();
    // The server forgets over a restart the ids of messages that were taken.
    await until(() => publish("a").then(() => true), 20_000);
    await publish("b");
    await until(async () => (await left(stand)) === 0, 20_000);
    await until(async () => (await sums())[0]?.[0] === 2);
    await stays(async () => (await sums())[0]?.[0] === 2, 200);
  });

  it("of a client counts if it was stored before the end, and is refused later; one of the API counts always", async () => {
    const stand = await openStand();
    const publisher = publisherOf(stand);
    const [id] = ids as [string];
    const inbox = stand.inbox();
    await bare(stand, id, { new_success: 1 }, { [headers.reply]: inbox.subject });
    const stored = await stand.bus
      .manager()
      .then((manager) =>
        manager.streams.getMessage("BATON_COMMANDS", { last_by_subj: subjects.taskOf(id, "progress") }),
      );
    expect(stored).not.toBeNull();
    await until(() => Date.now() > (stored?.time.getTime() ?? 0) + 5);
    await db.use((sql) => sql`update task set status = 'Success', ended_at = now() where id = ${id}`);
    await until(async () => {
      const [row] = await db.use(
        (sql) => sql`select from task where id = ${id} and ended_at < now() - interval '5 ms'`,
      );
      return row;
    });
    await bare(stand, id, { new_success: 10 }, { [headers.reply]: inbox.subject });
    await publisher.progress({ id: randomUUID(), task: id, success: 100, failures: 0 });
    count(stand.bus);
    await until(async () => (await left(stand)) === 0);
    await until(() => inbox.got.length === 2);
    expect(inbox.got.map(({ status }) => status).sort()).toEqual([202, 409]);
    expect((await sums())[0]).toEqual([101, 0]);
  });

  it("of an unknown task is answered 404, and one beyond what JSON can carry 400; neither counts", async () => {
    const stand = await openStand();
    count(stand.bus);
    const [id] = ids as [string];
    await db.use((sql) => sql`update task set success = ${Number.MAX_SAFE_INTEGER - 5} where id = ${id}`);
    const [unknown, beyond] = [stand.inbox(), stand.inbox()];
    await bare(stand, randomUUID(), { new_success: 1 }, { [headers.reply]: unknown.subject });
    await bare(stand, id, { new_success: 6 }, { [headers.reply]: beyond.subject });
    await until(() => unknown.got.length + beyond.got.length === 2);
    expect((await sums())[0]).toEqual([Number.MAX_SAFE_INTEGER - 5, 0]);
    expect([unknown.got[0]?.status, beyond.got[0]?.status]).toEqual([404, 400]);
  });
});

describe("a Nats-Msg-Id that comes again", () => {
  it("gets the first answer after the end too, 422 with another update, and the same refusal where it was refused", async () => {
    const stand = await openStand();
    count(stand.bus);
    const [id, full] = ids as [string, string];
    await db.use((sql) => sql`update task set success = ${Number.MAX_SAFE_INTEGER} where id = ${full}`);
    const ask = async (task: string, body: object, key: string) => {
      const inbox = stand.inbox();
      const more = { [headers.msgId]: key, [headers.reply]: inbox.subject };
      // Within a tenth of a second the server itself takes it for the same message.
      await until(async () => !((await bare(stand, task, body, more)) as { duplicate: boolean }).duplicate);
      await until(() => inbox.got.length === 1);
      return inbox.got[0]?.status;
    };
    expect(await ask(id, { new_success: 1 }, "a")).toBe(202);
    await db.use((sql) => sql`update task set status = 'Success', ended_at = now() where id = ${id}`);
    expect(await ask(id, { new_success: 1 }, "a")).toBe(202);
    expect(await ask(id, { new_success: 2 }, "a")).toBe(422);
    expect(await ask(id, { new_success: 1 }, "b")).toBe(409);
    for (let time = 0; time < 2; time++) expect(await ask(full, { new_success: 1 }, "c")).toBe(400);
    expect(await ask(full, { new_failures: 1 }, "c")).toBe(202);
    expect((await sums()).slice(0, 2)).toEqual([
      [1, 0],
      [Number.MAX_SAFE_INTEGER, 1],
    ]);
  });
});

describe("what is no update", () => {
  const task = randomUUID();
  const id = randomUUID();
  const sent = (...updates: unknown[]) => JSON.stringify({ id, updates });
  const wrong: readonly string[] = [
    ...["", "{", "null", "7", "{}", "[]", JSON.stringify({ id }), JSON.stringify({ id, updates: {} })],
    ...[7, "me", "", null, {}].map((other) => JSON.stringify({ id: other, updates: [[task, 1, 0]] })),
    ...[null, 7, {}, [], [task], [task, 1], [task, 1, 0, "a", 1], [task, 1, 0, 1, "a", 1]].map((one) => sent(one)),
    ...[-1, 0.5, "1", 1e300, null].flatMap((n) => [sent([task, n, 0]), sent([task, 0, n])]),
    ...[sent(["me", 1, 0]), sent([task, 1, 0, 0, 7]), sent([task, 1, 0], ["me", 1, 0])],
  ];
  /** Ids that only Postgres refuses: each alone is dropped. */
  const unkeepable = ["a\0b", Array.from({ length: 200 }, () => randomUUID()).join()];

  it("becomes a dead letter, message by message, and the others go on", async () => {
    const stand = await openStand();
    const publisher = publisherOf(stand);
    count(stand.bus);
    for (const data of wrong) await stand.publish(subjects.progress, data);
    for (const own of unkeepable) {
      const updates = [
        [ids[1], 1, 0, null, own],
        [ids[0], 1, 0],
      ];
      await stand.publish(subjects.progress, JSON.stringify({ id: randomUUID(), updates }));
    }
    await Promise.all(Array.from({ length: 8 }, (_, n) => publisher.progress(update(n))));
    await until(async () => (await left(stand)) === 0, 15_000);
    expect((await sums()).map((sum) => sum?.[0])).toEqual([4, 2, 2, 2]);
    const dead = await stand.dead();
    expect(dead.map(({ data }) => data)).toEqual(expect.arrayContaining([...wrong]));
    const own = unkeepable.map(() => subjects.deadOf(subjects.taskOf(ids[1] as string, "progress")));
    expect(dead.map(({ subject }) => subject).sort()).toEqual(
      [...wrong.map(() => "baton.dead.progress"), ...own].sort(),
    );
    for (const { reason } of dead) expect(reason).toMatch(/./);
  });

  it("an empty list is nothing", async () => {
    const stand = await openStand();
    count(stand.bus);
    await stand.publish(subjects.progress, JSON.stringify({ id: randomUUID(), updates: [] }));
    await until(async () => (await left(stand)) === 0);
    expect(await stand.dead()).toEqual([]);
  });
});
