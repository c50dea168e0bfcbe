// A worker's inside on a real database, without NATS and without calls: batches are created as the door creates them,
// commands are put into the mailbox by hand, and what would follow a commit is written down.
import { randomUUID } from "node:crypto";
import postgres from "postgres";
import { afterAll, onTestFinished } from "vitest";
import type { Slots } from "#actor/claim";
import { type Item, Mailbox } from "#actor/mailbox";
import type { Ground } from "#actor/scene";
import { Worker } from "#actor/worker";
import { Dispatcher } from "#dispatch/dispatcher";
import { planBatch } from "#domain/batch";
import type { Claimed } from "#domain/claimed";
import type { Answer, ClientCommand } from "#domain/command";
import type { TaskEventRow } from "#domain/row";
import { type Db, openDb } from "#store/client";
import { insertBatch } from "#store/create";
import { migrate } from "#store/migrate";
import { makeLogger } from "#telemetry/log";
import { freshDatabase } from "#test/services";
import { within } from "#test/until";

export const log = makeLogger({ logLevel: "silent" }, "test");

export const ground: Ground = {
  actor: "worker:test",
  leaseMs: 30_000,
  deadEnds: true,
  random: () => 0,
  newId: () => randomUUID(),
};

/** A fresh database with the schema; closed after the last test of the file. */
export async function openStage(poolMaxSize = 6): Promise<{ db: Db; url: string }> {
  const url = await freshDatabase();
  const db = openDb(
    {
      databaseUrl: url,
      poolMaxSize,
      poolMinIdle: 0,
      poolAcquireRetries: 3,
      poolTimeoutSecs: 10,
      slowQueryThresholdMs: 60_000,
    },
    log,
  );
  await migrate(db);
  afterAll(() => db.close());
  return { db, url };
}

/** What the table says of these tasks, in their order. */
export async function rowsOf(db: Db, ids: readonly string[]): Promise<Seen[]> {
  const rows = await db.use(
    (sql) => sql<Seen[]>`
      select id, status::text, attempt, success, priority, owner, claim_id as "claimId", failure_reason as reason,
        wait_finished as "waitFinished", (xmin::text)::int as xmin
      from task where id = any(${`{${ids.join(",")}}`}::uuid[])`,
  );
  const of = new Map(rows.map((row) => [row.id, row]));
  return ids.map((id) => of.get(id) as Seen);
}
export interface Seen {
  readonly id: string;
  readonly status: string;
  readonly attempt: number;
  readonly success: number;
  readonly priority: number;
  readonly owner: number | null;
  readonly claimId: number | null;
  readonly reason: string | null;
  readonly waitFinished: number;
  /** The transaction that wrote it last. */
  readonly xmin: number;
}

/** The names of what happened to a task, oldest first. */
export const eventsOf = (db: Db, id: string): Promise<string[]> =>
  db.use(async (sql) => {
    const rows = await sql<{ event: string }[]>`select event from event where task_id = ${id} order by id`;
    return rows.map(({ event }) => event);
  });

/** Somebody else's transaction, such as an operator's: holds what `statement` locks until it is let go. */
export async function holdFrom(url: string, statement: string): Promise<() => Promise<void>> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  await sql.unsafe("begin");
  await sql.unsafe(statement);
  const letGo = () => sql.end({ timeout: 0 });
  onTestFinished(letGo);
  return async () => {
    await sql.unsafe("rollback");
    await letGo();
  };
}

/** How many of Baton's connections wait for a lock now. */
export const waiters = (db: Db): Promise<number> =>
  db.use(
    async (sql) =>
      (
        await sql`
        select from pg_stat_activity where datname = current_database() and application_name = 'baton'
          and wait_event_type = 'Lock'`
      ).length,
  );

export type Sent = Parameters<typeof planBatch>[0]["tasks"][number];

/** Creates a batch; returns its id and the ids of its tasks in order. Tasks have no start action unless they say so. */
export async function create(db: Db, tasks: readonly Partial<Sent>[], more: { onComplete?: never[] } = {}) {
  const batch = {
    tasks: tasks.map((task, i) => ({ id: `t${i}`, name: `t${i}`, kind: "k", ...task })),
    scope: null,
    metadata: null,
    onComplete: [],
    ...more,
  };
  const plan = planBatch(batch as never, randomUUID(), Date.now());
  await insertBatch(db, plan, Date.now());
  return { batch: plan.id, ids: plan.tasks.map(({ id }) => id) };
}

export interface Rig {
  readonly mailbox: Mailbox;
  readonly worker: Worker;
  readonly started: Claimed[];
  readonly parked: { item: Item; reason: string }[];
  /** What follows would tell on NATS. */
  readonly told: (TaskEventRow & { id: number })[];
  look(): void;
  /** Puts a command into the mailbox and resolves with its answer; null: dropped. */
  ask(
    command: Partial<ClientCommand> & Pick<ClientCommand, "verb" | "target">,
    more?: Partial<AskedItem>,
  ): Promise<Answer | null>;
  stop(): Promise<void>;
}
type AskedItem = Extract<Item, { from: "client" }>;

/** A worker that decides but calls nobody. `owner`: its id as a lease would give it. `slots`: a number is never used up. */
export function startRig(db: Db, owner = 1, slots: number | Slots = 64): Rig {
  const mailbox = new Mailbox();
  const dispatcher = new Dispatcher({ mailbox, mayStart: () => true, hasRoom: () => true, ring: () => {} });
  const [started, parked, told]: [Claimed[], Rig["parked"], Rig["told"]] = [[], [], []];
  const noWord = { nothing: () => {}, unknown: () => {} };
  const room: Slots =
    typeof slots === "number" ? { free: () => slots, rooms: () => [], roomMax: 64, room: () => 64 } : slots;
  const worker = new Worker({
    ...{ db, mailbox, log, slots: room, hunger: dispatcher, claimsMax: 256 },
    self: () => ({ id: owner, ground: { ...ground, actor: `worker:${owner}` } }),
    effects: {
      start: (claimed) => started.push(claimed),
      flush: () => {},
      park: (item, reason) => parked.push({ item, reason }),
      ready: () => {},
      armed: () => {},
      deliveries: () => {},
      telling: () => ({
        done: (events, ids) => told.push(...events.map((e, i) => ({ id: ids[i] as number, ...e }))),
        ...noWord,
      }),
    },
  });
  worker.start();
  return {
    ...{ mailbox, worker, started, parked, told },
    look: () => dispatcher.look(),
    ask: (command, more = {}) =>
      new Promise((settle) =>
        mailbox.put({
          ...{
            from: "client",
            command: { id: randomUUID(), ...command },
            storedAt: Date.now(),
            expires: true,
            busy: 0,
          },
          ...{ settle, ...more },
        } as Item),
      ),
    stop: () => within(() => worker.stop(new Promise(() => {})), 5_000).catch(() => {}),
  };
}
