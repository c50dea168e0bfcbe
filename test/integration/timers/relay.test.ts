// Who publishes the log, on a real one and to a stream that does what the test wants: one process at a time, in the order of
// commits, every transition at least once, whichever process dies and whatever is away.
import { randomUUID } from "node:crypto";
import postgres from "postgres";
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished, vi } from "vitest";
import type { EventStream, PublishedEvent } from "#bus/events";
import { Unavailable } from "#domain/errors";
import type { Db } from "#store/pg/pool";
import { stays, until } from "#test/until";
import { EventRelay } from "#timers/relay";
import { log, openStage } from "../actor/stage.ts";
import { open } from "./event-stream.ts";

const leaseMs = 1_000;
vi.mock("#config", async (original) => {
  const config = await original<typeof import("#config")>();
  const fast = { eventPageRows: 4, eventPollMs: 10, eventRelayIdleMs: 30, eventRelayLeaseMs: 1_000 };
  return { ...config, limits: { ...config.limits, ...fast } };
});

let db: Db;
let sql: postgres.Sql;
beforeAll(async () => {
  const stage = await openStage();
  db = stage.db;
  const bigint = { to: 20, from: [20], serialize: String, parse: Number };
  sql = postgres(stage.url, { max: 3, onnotice: () => {}, types: { bigint } }) as unknown as postgres.Sql;
});
afterAll(() => sql.end());
beforeEach(async () => {
  await sql`truncate event`;
  await sql`
    update event_relay set owner = null, until = now(),
      upto = (select case when is_called then last_value else 0 end from event_id_seq), sequence = null`;
});

let processes = 0;
function start(stream: EventStream, seen: Db = db) {
  const self = ++processes;
  const relay = new EventRelay({ db: seen, stream, self: () => self, log });
  onTestFinished(() => relay.stop());
  return { relay, self };
}
const relayRow = async () => {
  const [row] = await sql<{ owner: number | null; upto: number }[]>`select owner, upto from event_relay`;
  return row as { owner: number | null; upto: number };
};
const notes = (upto: number | undefined) => until(async () => (await relayRow()).upto === upto);

/** So many events of one task; their ids. */
async function write(n: number, to = "Claimed", on = sql, task = randomUUID()): Promise<number[]> {
  const ids: number[] = [];
  for (let i = 0; i < n; i++) {
    const [row] = await on<{ id: number }[]>`
      insert into event (task_id, batch_id, "from", "to", event, at, attempt, actor)
      values (${task}, ${randomUUID()}, 'Pending', ${to}, 'claim', now(), 0, 'worker:1') returning id`;
    ids.push((row as { id: number }).id);
  }
  return ids;
}

it("publishes every transition as it is listed, in order, and no refusal", async () => {
  const stream = open();
  const before = await write(9);
  start(stream);
  await until(() => stream.stored.length === 9);
  const refused = await write(1, "Pending");
  const after = await write(2);
  await until(() => stream.stored.length === 11);
  expect(stream.ids()).toEqual([...before, ...after]);
  const [first] = await sql`
    select id, task_id, batch_id, "from", "to", event, at, attempt, reason, actor from event where id = ${before[0] as number}`;
  expect(stream.stored[0]).toEqual({ ...first });
  await notes(after[1]);
  expect(stream.ids()).not.toContain(refused[0]);
});

it("passes nothing over that drew its id before others and commits after them", async () => {
  const stream = open();
  start(stream);
  const first = await write(1);
  await until(() => stream.stored.length === 1);
  const [late, early]: [number[], number[]] = [[], []];
  await sql.begin(async (own) => {
    late.push(...(await write(2, "Claimed", own as never)));
    early.push(...(await write(3)));
    await stays(() => stream.stored.length === 1, 300);
  });
  await until(() => stream.stored.length === 6);
  expect(stream.ids()).toEqual([...first, ...late, ...early]);
});

it("goes on where ids were drawn for nothing", async () => {
  const stream = open();
  start(stream);
  const rolledBack = sql.begin(async (own) => {
    await write(2, "Claimed", own as never);
    throw new Error("rolled back");
  });
  await expect(rolledBack).rejects.toThrow("rolled back");
  const ids = await write(2);
  await until(() => stream.stored.length === 2);
  expect(stream.ids()).toEqual(ids);
});

it("of several processes one publishes", async () => {
  const streams = [open(), open(), open()];
  for (const stream of streams) start(stream);
  const ids = await write(30);
  await until(() => streams.some(({ stored }) => stored.length === 30));
  await stays(() => streams.filter(({ stored }) => stored.length > 0).length === 1, 200);
  expect(streams.flatMap((stream) => stream.ids())).toEqual(ids);
});

it("one that dies in the middle is followed by another: nothing is missing, and a task's events keep their order", async () => {
  const [dying, successor] = [open(), open(100)];
  const line = { isAway: false };
  const use: Db["use"] = (...args) => (line.isAway ? Promise.reject(new Unavailable("away")) : db.use(...args));
  const { self } = start(dying, { use } as Db);
  const task = randomUUID();
  const noted = await write(6, "Claimed", sql, task);
  await notes(noted[5]);
  // It publishes more, and is not able to say so any more.
  const { publish } = dying;
  dying.publish = async (events) => {
    // It looks for more all the time, and hands on nothing where there is nothing.
    if (events.length > 0) line.isAway = true;
    return publish(events);
  };
  const more = await write(10, "Claimed", sql, task);
  await until(() => dying.stored.length > 6);
  start(successor);
  await until(() => successor.stored.length === more.length, 10 * leaseMs);
  expect(successor.ids()).toEqual(more);
  expect((await relayRow()).owner).not.toBe(self);
});

it("one that lost the row stops publishing, and is fenced off from it", async () => {
  const slow = open();
  const { self } = start(slow);
  const first = await write(1);
  await notes(first[0]);
  // Another process takes the row while a page is on its way to the stream.
  const { publish } = slow;
  slow.publish = async (events) => {
    if (events.length > 0) {
      await sql`update event_relay set owner = ${self + 1_000}, until = now() + interval '1 hour'`;
      slow.publish = publish;
    }
    return publish(events);
  };
  const more = await write(8);
  await until(() => slow.stored.length > 1);
  const page = slow.stored.length;
  expect(page).toBeLessThan(1 + more.length);
  await stays(() => slow.stored.length === page, 500);
  expect(await relayRow()).toEqual({ owner: self + 1_000, upto: first[0] });
  await sql`update event_relay set until = now()`;
  await until(() => slow.ids().includes(more.at(-1) as number));
});

it("waits while NATS refuses, repeats what was not answered, and lets a process go on that still reaches NATS", async () => {
  const [stream, other] = [open(), open(100)];
  start(stream);
  const ids = await write(2);
  await notes(ids[1]);
  stream.mode = "refusing";
  ids.push(...(await write(5)));
  await stays(() => stream.stored.length === 2, 200);
  stream.mode = "silent";
  await until(() => stream.stored.length > 2);
  stream.mode = "fine";
  await notes(ids.at(-1));
  // What was stored without an answer is found there, and not published again.
  expect(stream.ids()).toEqual(ids);
  stream.mode = "away";
  start(other);
  const more = await write(3);
  await until(() => other.stored.length === 3, 10 * leaseMs);
  expect(other.ids()).toEqual(more);
});

it("one that stops gives the row up, so that another goes on at once", async () => {
  const [stopping, next] = [open(), open(100)];
  const { relay } = start(stopping);
  const first = await write(3);
  await notes(first[2]);
  await relay.stop();
  expect((await relayRow()).owner).toBeNull();
  start(next);
  const ids = await write(2);
  await until(() => next.stored.length === 2);
  expect(next.ids()).toEqual(ids);
});

it("publishes again what a stream lost that died, also while nothing new happens", async () => {
  const stream = open();
  start(stream);
  const ids = await write(10);
  await notes(ids[9]);
  stream.lose(3);
  await until(() => stream.stored.length === 10);
  expect(stream.ids()).toEqual(ids);
});

it("publishes again all that a stream lost, and none of those that were in one that was emptied", async () => {
  const stream = open();
  start(stream);
  const emptied = await write(6);
  await notes(emptied[5]);
  stream.purge();
  const ids = await write(10);
  // Refused reports are not published, and so none of them is lost.
  await write(2, "Pending");
  const after = await write(1);
  await notes(after[0]);
  stream.lose(0);
  await until(() => stream.stored.length === 11);
  expect(stream.ids()).toEqual([...ids, ...after]);
  stream.purge();
  // One that somebody made with a lower sequence lost nothing of this log.
  stream.removed = -900;
  stream.lose(0);
  const more = await write(1);
  await notes(more[0]);
  expect(stream.ids()).toEqual(more);
});

it("counts each once of those that it publishes again in one page with new ones", async () => {
  await sql`truncate event_tally`;
  const stream = open();
  start(stream);
  const ids = await write(10, "Success");
  await notes(ids[9]);
  stream.mode = "away";
  ids.push(...(await write(2, "Success")));
  stream.lose(3);
  stream.mode = "fine";
  await notes(ids[11]);
  expect(stream.ids()).toEqual(ids);
  const [sum] = await sql`select sum(successes)::int as successes from event_tally`;
  expect(sum).toEqual({ successes: 12 });
});

it("counts what a process published and did not note, and does not publish it again", async () => {
  await sql`truncate event_tally`;
  const stream = open();
  const ids = await write(9, "Success");
  const rows = await sql<PublishedEvent[]>`
    select id, task_id, batch_id, "from", "to", event, at, attempt, reason, actor from event order by id limit 6`;
  stream.stored.push(...rows);
  start(stream);
  await notes(ids[8]);
  expect(stream.ids()).toEqual(ids);
  const [sum] = await sql`select sum(successes)::int as successes from event_tally`;
  expect(sum).toEqual({ successes: 9 });
});

it.each([
  ["empty", null],
  ["of another database", randomUUID()],
])("goes on after what is noted where the stream is %s", async (_, task) => {
  const stream = open();
  const [first, second] = await write(2);
  await sql`update event_relay set upto = ${first as number}`;
  const [row] = await sql<PublishedEvent[]>`
      select id, task_id, batch_id, "from", "to", event, at, attempt, reason, actor from event where id = ${second as number}`;
  if (task !== null) stream.stored.push({ ...(row as PublishedEvent), task_id: task });
  start(stream);
  await notes(second);
  expect(stream.ids().slice(task === null ? 0 : 1)).toEqual([second]);
});
