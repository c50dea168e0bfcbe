// Whoever tells transitions, on a real log and with a wire to NATS that does what the test wants: each is told at least once,
// what is noted as told was confirmed, and what a dead worker owes is told by one heir.
import { randomUUID } from "node:crypto";
import postgres from "postgres";
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished, vi } from "vitest";
import type { EventWire, ToldEvent } from "#bus/events";
import { Unavailable } from "#domain/errors";
import type { TaskEventRow } from "#domain/row";
import type { Db } from "#store/client";
import * as due from "#store/due";
import { stays, until } from "#test/until";
import { Teller, type Telling } from "#timers/teller";
import { log, openStage } from "../actor/stage.ts";

vi.mock("#config", async (original) => {
  const config = await original<typeof import("#config")>();
  return { ...config, limits: { ...config.limits, eventTellMs: 40, eventPageRows: 4, eventDoubtMs: 400 } };
});

let url: string;
let db: Db;
let sql: postgres.Sql;
beforeAll(async () => {
  ({ db, url } = await openStage());
  const bigint = { to: 20, from: [20], serialize: String, parse: Number };
  sql = postgres(url, { max: 3, onnotice: () => {}, types: { bigint } }) as unknown as postgres.Sql;
});
afterAll(() => sql.end());
beforeEach(() => sql`truncate event, worker`);

/** A wire that takes all, nothing, or all without ever confirming it. */
function wire() {
  let lost = () => {};
  const line = {
    mode: "fine" as "fine" | "away" | "silent",
    told: [] as ToldEvent[],
    get up() {
      return line.mode !== "away";
    },
    publish: (event: ToldEvent) => line.mode !== "away" && line.told.push(event) > 0,
    flush: async () => line.mode === "fine",
    onLost: (callback: () => void) => {
      lost = callback;
    },
    lose: () => lost(),
    ids: () => line.told.map(({ id }) => id),
  };
  return line satisfies EventWire;
}

/** A registered worker that tells. */
async function start(own = wire(), seen = db) {
  const { id, drawn } = await due.register(db, "w", 30);
  const teller = new Teller({ db: seen, log, wire: own, actor: () => `worker:${id}` });
  onTestFinished(async () => void (await teller.stop()));
  teller.registered(drawn);
  return { id, teller, wire: own, drawn };
}

/** A turn of that worker that writes so many events; it is committed, and not yet told. */
async function turn(worker: number, n: number, to = "Claimed", on = sql) {
  const rows = Array.from({ length: n }, () => ({ task_id: randomUUID(), batch_id: randomUUID() }));
  const ids: number[] = [];
  const events: TaskEventRow[] = [];
  for (const { task_id, batch_id } of rows) {
    const [row] = await on<{ id: number; at: Date }[]>`
      insert into event (task_id, batch_id, "from", "to", event, at, attempt, actor)
      values (${task_id}, ${batch_id}, 'Pending', ${to}, 'claim', now(), 0, ${`worker:${worker}`}) returning id, at`;
    const { id, at } = row as { id: number; at: Date };
    ids.push(id);
    const rest = { event: "claim", at, attempt: 0, reason: null, actor: `worker:${worker}` };
    events.push({ task_id, batch_id, from: "Pending", to: to as "Claimed", ...rest });
  }
  return { ids, tell: (telling: Telling) => telling.done(events, ids) };
}

it("tells a turn's transitions when they are committed, and no refusal", async () => {
  const { id, teller, wire } = await start();
  const { ids, tell } = await turn(id, 3);
  tell(teller.begin());
  const refused = await turn(id, 1, "Pending");
  refused.tell(teller.begin());
  expect(wire.ids()).toEqual(ids);
  expect(wire.told[0]).toEqual({
    ...(
      await sql`select id, task_id, batch_id, "from", "to", event, at, attempt, reason, actor from event where id = ${ids[0] as number}`
    )[0],
  });
  await until(() => teller.told === refused.ids[0]);
  expect(wire.ids()).toEqual(ids);
});

it("notes as told only what was confirmed, and nothing that a turn under way may lie below", async () => {
  const { id, teller, wire, drawn } = await start();
  wire.mode = "silent";
  const open = teller.begin();
  const first = await turn(id, 2);
  const second = await turn(id, 2);
  second.tell(teller.begin());
  await stays(() => teller.told === drawn, 200);
  wire.mode = "fine";
  await stays(() => teller.told === drawn, 200);
  first.tell(open);
  await until(() => teller.told === second.ids[1]);
  expect(wire.ids()).toEqual([...second.ids, ...first.ids]);
});

it("tells from the log what it could not tell, what got lost, and what may have been committed", async () => {
  const { id, teller, wire } = await start();
  const all: number[] = [];
  const tell = async (n: number, what: "done" | "unknown") => {
    const telling = teller.begin();
    const made = await turn(id, n);
    all.push(...made.ids);
    if (what === "done") made.tell(telling);
    else telling.unknown();
  };
  await tell(1, "done");
  wire.mode = "away";
  await tell(9, "done");
  await tell(1, "unknown");
  wire.mode = "fine";
  await until(() => teller.told === all.at(-1));
  expect(new Set(wire.ids())).toEqual(new Set(all));
  wire.told.length = 0;
  await tell(2, "done");
  wire.told.length = 0;
  wire.lose();
  await until(() => teller.told === all.at(-1));
  expect(wire.ids()).toEqual(all.slice(-2));
});

it("waits for a turn of unknown outcome that Postgres is still at", async () => {
  const { id, teller, wire } = await start();
  const telling = teller.begin();
  const later: number[] = [];
  await sql.begin(async (own) => {
    const made = await turn(id, 2, "Claimed", own as never);
    later.push(...made.ids);
    telling.unknown();
    const next = await turn(id, 1);
    later.push(...next.ids);
    next.tell(teller.begin());
    await stays(() => teller.told < (later[0] as number), 300);
  });
  await until(() => teller.told === later[2]);
  expect(new Set(wire.ids())).toEqual(new Set(later));
});

/** A worker with a turn of unknown outcome that wrote nothing as far as the log says; it has told all that is there. */
async function inDoubt() {
  const line = { isAway: false };
  const use: Db["use"] = (...args) => (line.isAway ? Promise.reject(new Unavailable("away")) : db.use(...args));
  const worker = await start(undefined, { use } as Db);
  const { ids } = await turn(worker.id, 1);
  worker.teller.begin().unknown();
  await until(() => worker.teller.told === ids[0]);
  // However long it takes now: Postgres may have stood still.
  line.isAway = true;
  return { ...worker, line, ids };
}

it("tells a turn of unknown outcome that Postgres begins only when others have been told", async () => {
  const { id, teller, wire, line, ids } = await inDoubt();
  const late = await turn(id, 2);
  const next = await turn(id, 1);
  next.tell(teller.begin());
  await stays(() => teller.told === ids[0], 1_000);
  expect(teller.quiet()).toBeNull();
  line.isAway = false;
  await until(() => teller.told === next.ids[0]);
  expect(new Set(wire.ids())).toEqual(new Set([...ids, ...late.ids, ...next.ids]));
  expect(teller.quiet()).not.toBeNull();
});

it("owes what a turn of unknown outcome may still write when it stops", async () => {
  const { teller } = await inDoubt();
  expect(await teller.stop()).toBe(false);
});

it("follows the end of the log while it has nothing to tell, unless a turn was under way", async () => {
  const { teller } = await start();
  const quiet = teller.quiet();
  const { ids } = await turn(999, 3);
  teller.endsAt(ids[2] as number, quiet);
  await until(() => teller.told === ids[2]);
  const before = teller.quiet();
  const open = teller.begin();
  expect(teller.quiet()).toBeNull();
  const more = await turn(999, 1);
  teller.endsAt(more.ids[0] as number, before);
  open.nothing();
  teller.endsAt(more.ids[0] as number, before);
  await stays(() => teller.told === ids[2], 200);
});

it("has all told when it stops, and says so; or that it has not", async () => {
  const one = await start();
  (await turn(one.id, 1)).tell(one.teller.begin());
  expect(await one.teller.stop()).toBe(true);
  const other = await start();
  other.wire.mode = "away";
  (await turn(other.id, 1)).tell(other.teller.begin());
  expect(await other.teller.stop()).toBe(false);
});

it("what dead workers owe is told by one of those who outlive them; of the living nothing", async () => {
  const dead = await start();
  const told = await turn(dead.id, 2);
  await due.renew(db, dead.id, 30, told.ids[1] as number);
  const owed = await turn(dead.id, 10);
  const living = await start();
  await turn(living.id, 3);
  await sql`update worker set alive_until = now() - interval '1 hour' where id = ${dead.id}`;
  const shared = wire();
  const heirs = [await start(shared), await start(shared), await start(shared)];
  const owes = async () => (await sql`select from worker where id = ${dead.id} and told is not null`).length > 0;
  await until(async () => {
    for (const { teller } of heirs) teller.inherit();
    return !(await owes());
  });
  await Promise.all(heirs.map(({ teller }) => teller.stop()));
  expect(shared.ids()).toEqual(owed.ids);
  const [row] = await sql`select told from worker where id = ${living.id}`;
  expect(row?.told).toBe(living.drawn);
});

it("leaves what a dead worker owes where it cannot be told now", async () => {
  const dead = await start();
  const owed = await turn(dead.id, 3);
  await sql`update worker set alive_until = now() - interval '1 hour' where id = ${dead.id}`;
  const heir = await start();
  heir.wire.mode = "silent";
  heir.teller.inherit();
  await until(() => heir.wire.told.length === 3);
  await heir.teller.stop();
  const [row] = await sql`select told from worker where id = ${dead.id}`;
  expect(row?.told).toBe((owed.ids[0] as number) - 1);
});
