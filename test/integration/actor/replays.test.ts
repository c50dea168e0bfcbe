// Replays on a real Postgres: what is answered and written, once whatever is delivered twice, in turn with whoever else
// deletes or replays, and never late.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Replays } from "#actor/deliveries/replays";
import { loadConfig } from "#config";
import { type Answer, anyDelivery, type DeliveryCommand } from "#domain/command";
import { Unavailable } from "#domain/errors";
import { migrate } from "#store/maintenance/migrate";
import { type Db, openDb } from "#store/pg/pool";
import { takeSettled } from "#store/turn/replays";
import { makeLogger } from "#telemetry/log";
import { freshDatabase } from "#test/services";
import { stays, until } from "#test/until";

let db: Db;
const log = makeLogger({ logLevel: "silent" }, "test");

beforeAll(async () => {
  const env = { DATABASE_URL: await freshDatabase(), NATS_URL: "nats://127.0.0.1:1", HOST_URL: "http://baton" };
  db = openDb(loadConfig(env), log);
  await until(() => migrate(db).then(() => true));
});
afterAll(() => db.close());
beforeEach(() => db.use((sql) => sql`truncate delivery, command`).then(() => {}));

/** Deliveries that are settled, or wait for a time to come. */
async function write(status: string, count = 1, doneAt = "now"): Promise<string[]> {
  const rows = await db.use(
    (sql) => sql<{ id: string }[]>`
      insert into delivery (id, key, batch_id, trigger, action, facts, status, attempts, next_at, done_at, last_status)
      select id, id::text, id, 'end', '{}', '{}', ${status}::delivery_status, 10, now() + interval '1 day',
        case when ${status} <> 'pending' then ${doneAt}::text::timestamptz end, 500
      from (select gen_random_uuid() as id from generate_series(1, ${count})) u returning id`,
  );
  return rows.map(({ id }) => id);
}
const one = async (status: string) => (await write(status))[0] as string;
const row = async (id: string) => (await db.use((sql) => sql`select * from delivery where id = ${id}`))[0];
const due = async () => {
  const [found] = await db.use(
    (sql) =>
      sql<{ n: number }[]>`select count(*)::int as n from delivery where status = 'pending' and next_at <= now()`,
  );
  return found?.n;
};

function stage(own: Pick<Db, "tx"> = db) {
  const said: (Answer | null)[] = [];
  const deadLetters: DeliveryCommand[] = [];
  const counts = { due: 0, flush: 0 };
  const replays = new Replays({
    ...{ db: own, log },
    due: () => void counts.due++,
    flush: () => void counts.flush++,
    deadLetter: (command) => void deadLetters.push(command),
  });
  const ask = (more: Partial<DeliveryCommand>, storedAt = Date.now()) => {
    const command = { id: randomUUID(), verb: "replay", target: anyDelivery, ...more } as DeliveryCommand;
    replays.put({ command, storedAt, settle: (answer) => void said.push(answer) });
  };
  return { ...{ replays, said, deadLetters, counts, ask }, idle: () => replays.idle() };
}

describe("one delivery", () => {
  it("that is exhausted is due at once with all its attempts; the deliverer is nudged after the commit", async () => {
    const id = await one("exhausted");
    const { ask, idle, said, counts } = stage();
    ask({ target: id });
    await idle();
    expect(said).toEqual([{ status: 202, id, state: "pending" }]);
    expect([counts, await due()]).toEqual([{ due: 1, flush: 1 }, 1]);
    expect(await row(id)).toMatchObject({ status: "pending", attempts: 0, done_at: null, last_status: 500 });
  });

  it("that arrived is due as well", async () => {
    const id = await one("success");
    const { ask, idle, said, counts } = stage();
    ask({ target: id });
    await idle();
    expect([said, counts.due]).toEqual([[{ status: 202, id, state: "pending" }], 1]);
    expect(await row(id)).toMatchObject({ status: "pending", attempts: 0, done_at: null });
  });

  it("that is pending is left as it is, and one that is not there is not remembered", async () => {
    const [waiting, nobody] = [await one("pending"), randomUUID()];
    const before = await row(waiting);
    const { ask, idle, said, counts } = stage();
    for (const target of [waiting, nobody]) ask({ target });
    await idle();
    const refused = { status: 409, error: expect.any(String), allowed: [], code: "delivery_pending" };
    expect(said).toEqual([
      { ...refused, id: waiting, state: "pending" },
      { status: 404, id: nobody, error: "No such delivery", code: "unknown_delivery" },
    ]);
    expect(await row(waiting)).toEqual(before);
    expect(counts).toEqual({ due: 0, flush: 1 });
    expect(await db.use((sql) => sql`select from command`)).toHaveLength(1);
  });

  it("asked for twice at once is replayed once", async () => {
    const id = await one("exhausted");
    const { ask, idle, said } = stage();
    ask({ target: id });
    ask({ target: id });
    await idle();
    expect(said.map((answer) => answer?.status)).toEqual([202, 409]);
  });
});

describe("a command that comes again", () => {
  it("gets its first answer, from this process and from another, and takes no effect", async () => {
    const id = await one("exhausted");
    const [first, second] = [stage(), stage()];
    const command = { id: "c1", target: id };
    for (const { ask } of [first, second, first]) ask(command);
    await Promise.all([first.idle(), second.idle()]);
    expect([...first.said, ...second.said]).toEqual(Array(3).fill({ status: 202, id, state: "pending" }));
    await db.use((sql) => sql`update delivery set status = 'exhausted', done_at = now() where id = ${id}`);
    first.ask(command);
    await first.idle();
    expect([first.said.at(-1)?.status, (await row(id))?.status]).toEqual([202, "exhausted"]);
  });

  it("is decided anew where it was refused, also under the same key", async () => {
    const id = await one("pending");
    const { ask, idle, said } = stage();
    ask({ id: "c1", target: id, key: "k" });
    await idle();
    await db.use((sql) => sql`update delivery set status = 'exhausted', done_at = now() where id = ${id}`);
    ask({ id: "c1", target: id, key: "k" });
    ask({ id: "c2", target: id, key: "k" });
    await idle();
    expect(said.map((answer) => answer?.status)).toEqual([409, 409, 202]);
  });

  it("under a client's key as well, and with another body it is refused", async () => {
    await write("exhausted", 2);
    const { ask, idle, said } = stage();
    const [old, all] = ["2020-01-01T00:00:00Z", "2019-01-01T00:00:00Z"];
    ask({ verb: "replay_since", since: old, key: "k" });
    ask({ verb: "replay_since", since: old, key: "k" });
    ask({ verb: "replay_since", since: all, key: "k" });
    await idle();
    const counted = { status: 202, id: anyDelivery, counts: { replayed: 2 } };
    expect(said).toEqual([
      counted,
      counted,
      { status: 422, id: anyDelivery, error: expect.any(String), code: "key_reused" },
    ]);
  });
});

it("all since some time are many thousands, in one go, and none from before", async () => {
  const early = await write("exhausted", 3, "2026-01-01T11:59:59.999Z");
  await write("exhausted", 5_000, "2026-01-01T12:00:00Z");
  await write("success", 3);
  const { ask, idle, said, counts } = stage();
  ask({ verb: "replay_since", since: "2026-01-01T13:00:00+01:00" });
  ask({ target: early[0] as string });
  await idle();
  expect(said).toEqual([
    { status: 202, id: anyDelivery, counts: { replayed: 5_000 } },
    { status: 202, id: early[0], state: "pending" },
  ]);
  expect([await due(), counts.due]).toEqual([5_001, 2]);
});

it("waits for a process that deletes or replays", async () => {
  const id = await one("exhausted");
  const { ask, idle, said } = stage();
  await db.tx(async (sql) => {
    expect((await takeSettled(sql)).mine).toBe(true);
    ask({ target: id });
    await stays(() => said.length === 0, 200);
  });
  await idle();
  expect(said).toEqual([{ status: 202, id, state: "pending" }]);
});

it("does nothing for a caller that may have given up, and answers that", async () => {
  const id = await one("exhausted");
  const { ask, idle, said } = stage();
  ask({ target: id }, Date.now() - 60_000);
  await idle();
  expect([said, (await row(id))?.status]).toMatchObject([[{ status: 503, id }], "exhausted"]);
});

it("does not wait longer than its caller for a process that deletes or replays, and takes no effect afterwards", async () => {
  const [late, fresh] = await write("exhausted", 2);
  const { ask, idle, said } = stage();
  await db.tx(async (sql) => {
    expect((await takeSettled(sql)).mine).toBe(true);
    ask({ target: late as string }, Date.now() - 60_000);
    ask({ verb: "replay_since", since: "2020-01-01T00:00:00Z" }, Date.now() - 60_000);
    ask({ target: fresh as string });
    await until(() => said.length === 2);
  });
  await idle();
  expect(said).toMatchObject([
    { status: 503, id: late },
    { status: 503 },
    { status: 202, id: fresh, state: "pending" },
  ]);
  expect((await row(late as string))?.status).toBe("exhausted");
});

it("waits while Postgres is away; what is a fault of Baton becomes a dead letter, and the next one is decided", async () => {
  const id = await one("exhausted");
  const faults: Error[] = [new Unavailable("away"), Object.assign(new Error("broken"), { code: "23514" })];
  const { ask, idle, said, deadLetters } = stage({
    tx: (work, timeoutMs) => {
      const fault = faults.shift();
      return fault ? Promise.reject(fault) : db.tx(work, timeoutMs);
    },
  });
  ask({ target: id });
  await idle();
  expect([said, deadLetters]).toMatchObject([[{ status: 503, id }], [{ verb: "replay", target: id }]]);
  ask({ target: id });
  await idle();
  expect(said.at(-1)).toMatchObject({ status: 202 });
});

it("makes a dead letter of the one at fault alone, and decides the others of its transaction", async () => {
  const [first, last] = [await one("exhausted"), await one("exhausted")];
  const { ask, idle, said, deadLetters } = stage();
  for (const target of [first, "no id", last]) ask({ target });
  await idle();
  expect(said).toMatchObject([{ status: 202, id: first }, { status: 503 }, { status: 202, id: last }]);
  expect(deadLetters).toMatchObject([{ target: "no id" }]);
});
