// A worker's inside on a real database, without NATS and without calls: batches are created as the API creates them,
// commands are put into the mailbox by hand, and what would follow a commit is written down.
import { randomUUID } from "node:crypto";
import postgres from "postgres";
import { afterAll, onTestFinished } from "vitest";
import type { CallSlots } from "#actor/claim/round";
import { Mailbox } from "#actor/mailbox";
import { WorkLoop } from "#actor/portions/work-loop";
import { Worker } from "#actor/worker";
import type { Claimed } from "#domain/calls/claimed";
import type { Answer, ClientCommand } from "#domain/command";
import { planBatch } from "#domain/create/batch";
import type { Part } from "#domain/portions/part";
import type { Item } from "#domain/turn/items";
import type { TurnEnv } from "#domain/turn/state";
import { ClaimTrigger } from "#flow/claim-trigger";
import { insertBatch } from "#store/create/create";
import { migrate } from "#store/maintenance/migrate";
import { type Db, openDb } from "#store/pg/pool";
import { makeLogger } from "#telemetry/log";
import { freshDatabase } from "#test/services";
import { within } from "#test/until";

export const log = makeLogger({ logLevel: "silent" }, "test");

export const env: TurnEnv = {
  actor: "worker:test",
  leaseMs: 30_000,
  deadEnds: true,
  startRetryMs: 60_000,
  probeMs: 15_000,
  random: () => 0,
  newId: () => randomUUID(),
};

/** A fresh database with the schema; closed after the last test of the file. */
export async function openStage(poolMaxSize = 6): Promise<{ db: Db; url: string }> {
  const url = await freshDatabase();
  const db = openAs(url, poolMaxSize);
  await migrate(db);
  return { db, url };
}

/** A database as one more process has it. */
export function openAs(databaseUrl: string, poolMaxSize = 6): Db {
  const pool = { poolMaxSize, poolMinIdle: 0, poolAcquireRetries: 3, poolTimeoutSecs: 10 };
  const db = openDb({ databaseUrl, ...pool, slowQueryThresholdMs: 60_000 }, log);
  afterAll(() => db.close());
  return db;
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
export async function create(
  db: Db,
  tasks: readonly Partial<Sent>[],
  more: { onComplete?: never[]; deadlineSecs?: number } = {},
) {
  const batch = {
    tasks: tasks.map((task, i) => ({ id: `t${i}`, name: `t${i}`, kind: "k", ...task })),
    scope: null,
    metadata: null,
    onComplete: [],
    paused: false,
    deadEnd: null,
    ...more,
  };
  const plan = { ...planBatch(batch as never, randomUUID(), Date.now()), createdBy: "token" };
  await insertBatch(db, plan, Date.now());
  return { batch: plan.id, ids: plan.tasks.map(({ id }) => id) };
}

export interface Rig {
  readonly mailbox: Mailbox;
  readonly worker: Worker;
  readonly works: WorkLoop;
  readonly started: Claimed[];
  readonly deadLetters: { item: Item; reason: string }[];
  /** What of its work in portions became a dead letter. */
  readonly aside: { batch: string; part: Part; reason: string }[];
  look(): void;
  /** Puts a command into the mailbox and resolves with its final answer, as who asked would get it; null: dropped. */
  ask(command: Command, more?: Partial<AskedItem>): Promise<Answer | null>;
  /** The same; resolves when the turn has answered, with that and with the final answer to come. */
  begin(command: Command, more?: Partial<AskedItem>): Promise<{ first: Answer | null; final: Promise<Answer | null> }>;
  stop(): Promise<void>;
}
type Command = Partial<ClientCommand> & Pick<ClientCommand, "verb" | "target">;
type AskedItem = Extract<Item, { from: "client" }>;

/** Who waits for an answer that comes later, also from another worker. */
const inboxes = new Map<string, (answer: Answer) => void>();

/**
 * A worker that decides but calls nobody. `owner`: its id as a lease would give it. `slots`: a number is never used up.
 * `hasLoop`: without it what a turn leaves is done by nobody, or by whom the test asks.
 */
export function startRig(db: Db, owner = 1, slots: number | CallSlots = 64, hasLoop = true, leaseSecs = 30): Rig {
  const mailbox = new Mailbox();
  const dispatcher = new ClaimTrigger({
    nudge: () => mailbox.nudge("task"),
    mayStart: () => true,
    hasCapacity: () => true,
    notify: () => {},
  });
  const [started, deadLetters]: [Claimed[], Rig["deadLetters"]] = [[], []];
  const aside: Rig["aside"] = [];
  const capacity: CallSlots =
    typeof slots === "number" ? { free: () => slots, limited: () => [], freeMax: 64, freeFor: () => 64 } : slots;
  const ownEnv = { ...env, actor: `worker:${owner}`, leaseMs: leaseSecs * 1_000 };
  const works = new WorkLoop({
    ...{ db, log, env: () => ownEnv },
    reply: (to, answer) => inboxes.get(to)?.(answer),
    follow: (state) => worker.followChanges(state),
    deadLetter: (batch, part, reason) => aside.push({ batch, part, reason }),
  });
  const worker: Worker = new Worker({
    ...{ db, mailbox, log, slots: capacity, trigger: dispatcher, claimsMax: 256 },
    self: () => ({ id: owner, env: ownEnv }),
    effects: {
      start: (claimed) => started.push(claimed),
      flush: () => {},
      deadLetter: (item, reason) => deadLetters.push({ item, reason }),
      ready: () => {},
      armed: () => {},
      opens: dispatcher.opens,
      deliveries: () => {},
      works: (batches) => works.nudge(batches),
      ended: (ended) => void works.answer(ended),
    },
  });
  worker.start();
  if (hasLoop) works.start();
  const begin: Rig["begin"] = (command, more = {}) =>
    new Promise((resolve) => {
      // Not a direct inbox: it waits for the final answer alone.
      const replyTo = `test ${randomUUID()}`;
      const final = new Promise<Answer>((settle) => inboxes.set(replyTo, settle));
      const settle = (first: Answer | null) =>
        resolve({ first, final: first?.propagating ? final : Promise.resolve(first) });
      mailbox.put({
        ...{
          from: "client",
          command: { id: randomUUID(), actor: "token", ...command },
          storedAt: Date.now(),
          expires: true,
        },
        ...{ replyTo, settle, ...more },
      } as Item);
    });
  return {
    ...{ mailbox, worker, works, started, deadLetters, aside, begin },
    look: () => dispatcher.look(),
    ask: async (command, more = {}) => (await begin(command, more)).final,
    stop: async () => {
      dispatcher.stop();
      const stopped = Promise.all([hasLoop && works.stop(), worker.stop(new Promise(() => {}))]);
      await within(() => stopped, 5_000).catch(() => {});
    },
  };
}
