// Inserts a planned batch: one transaction that changes no row of another batch. All or none.
// Throws `Unavailable` when Postgres cannot be reached: then nothing was created, unless only the answer to the commit
// was lost. Times count from the clock of Postgres; the answer says which time that was.
import { limits } from "#config";
import { type AskedPlan, type BatchPlan, isNothing } from "#domain/create/batch";
import type { Lock, Probe } from "#domain/create/dedupe";
import type { Rule } from "#domain/rules/rule";
import { groupOf } from "#store/create/group";
import { type CreateKey, type Kept, remember, take } from "#store/create/key";
import { linksInOne } from "#store/create/links";
import { hasRules, makeQueues } from "#store/create/queues";
import { insertPlans } from "#store/create/rows";
import { findTwins, takeLocks } from "#store/create/twins";
import type { Db, Sql } from "#store/pg/pool";
import { ensureKeyTemplates } from "#store/rules/key-templates";

export type { CreateKey, Kept } from "#store/create/key";

/** Of all tasks of a plan. */
export const rulesOf = (plan: BatchPlan): readonly Rule[] =>
  plan.specs.flatMap(({ rules }) => rules as readonly Rule[]);

/** Returns the time of creation. `now`: wall clock in ms, for the ids of deliveries. */
export async function insertBatch(db: Db, plan: AskedPlan, now: number): Promise<Date> {
  const n = plan.tasks.length;
  await ensureKeyTemplates(db, rulesOf(plan));
  if (n <= bulkTasksMin && plan.links.length <= linksInOne && !plan.copied && !hasRules([plan]))
    return groupOf(db).insert(plan, now);
  if (n > bulkTasksMin) await makeQueues(db, plan);
  const created = await db.tx((sql) => {
    void allow(sql, bulkMs);
    return insertPlans(sql, [plan], now);
  }, bulkMs);
  await settle(db, n);
  return created;
}

/** What the database is asked before a call is planned; locks and probes are empty where no task may be left out. */
export interface Asked {
  readonly locks: readonly Lock[];
  /** Of each task that has some. */
  readonly probes: readonly (readonly Probe[])[];
  /** Of all tasks. */
  readonly rules: readonly Rule[];
  /** What is created if no task is left out. */
  readonly whole: () => BatchPlan;
  /** How many tasks were sent, or links are copied. */
  readonly tasks: number;
  readonly now: number;
}
/** Gets the keys of the probes that found a task. */
export type Decide = (hits: ReadonlySet<string>) => AskedPlan;

export interface Creation {
  readonly plan: BatchPlan;
  readonly created: Date;
}

/**
 * The same where some task may be left out: calls that may find each other's tasks take turns, so that of two equal tasks
 * sent at once one is created.
 */
export async function insertDeduplicated(db: Db, asked: Asked, decide: Decide): Promise<Creation> {
  await ensureKeyTemplates(db, asked.rules);
  await makeTheirQueues(db, asked);
  const made = await db.tx((sql) => {
    void allow(sql, bulkMs);
    return insertInTurn(sql, asked, decide);
  }, bulkMs);
  await settle(db, made.plan.tasks.length);
  return made;
}

/**
 * The same under a key, in a transaction of its own: what the key stands for already, or "in_flight" while another call with
 * it is on its way.
 */
export async function insertKeyed(
  db: Db,
  key: CreateKey,
  asked: Asked,
  decide: Decide,
): Promise<Creation | Kept | "in_flight"> {
  await ensureKeyTemplates(db, asked.rules);
  await makeTheirQueues(db, asked);
  const isBulk = asked.locks.length > 0 || asked.tasks > bulkTasksMin;
  const made = await db.tx(
    async (sql, send) => {
      if (isBulk) void allow(sql, bulkMs);
      // Before its locks, for which it may have to wait.
      const before = await take(sql, key);
      if (before !== "taken") return before;
      const creation = await insertInTurn(sql, asked, decide);
      send(remember(sql, key, creation.plan));
      return creation;
    },
    isBulk ? bulkMs : undefined,
  );
  if (made !== "in_flight" && "plan" in made) await settle(db, made.plan.tasks.length);
  return made;
}

async function makeTheirQueues(db: Db, { rules, tasks, whole }: Asked): Promise<void> {
  if (rules.length > 0 && tasks > bulkTasksMin) await makeQueues(db, whole());
}

/**
 * How many tasks are unfinished. Reads the batches that have not ended and no others. Calls that come while it is being
 * asked get that answer, so that a rush of creations costs one query at a time.
 */
export function countUnfinished(db: Db): Promise<number> {
  const asked = counts.get(db);
  if (asked) return asked;
  const count = db
    .use(
      (sql) => sql<{ n: number }[]>`
        select coalesce(sum(unfinished), 0)::float8 as n from batch where completed_at is null`,
    )
    .then((rows) => rows[0]?.n ?? 0)
    .finally(() => counts.delete(db));
  counts.set(db, count);
  return count;
}
const counts = new WeakMap<Db, Promise<number>>();

/** Keys of the probes to which a task exists. Without a lock it is a snapshot, good for a dry run. */
export async function probe(db: Db, probes: Asked["probes"]): Promise<ReadonlySet<string>> {
  return probes.length === 0 ? new Set() : db.tx((sql) => findTwins(sql, probes));
}

/** Larger batches, and calls that wait for each other, may take longer than the ordinary limits of a connection. */
const bulkTasksMin = 1_000;
const bulkMs = limits.bulkWorkTimeoutMs;
const dedupeWaitMs = 10_000;

/** The same within a transaction. */
export async function insertInTurn(
  sql: Sql,
  { locks, probes, now }: Pick<Asked, "locks" | "probes" | "now">,
  decide: Decide,
): Promise<Creation> {
  if (locks.length > 0) await takeLocks(sql, locks);
  // Asked after the lock was got, in a statement of its own: an earlier snapshot would not see the other call's tasks.
  const plan = decide(probes.length === 0 ? new Set() : await findTwins(sql, probes));
  return { plan, created: isNothing(plan) ? new Date(now) : await insertPlans(sql, [plan], now) };
}

/** Statements of this transaction may take so long. */
export function allow(sql: Sql, ms: number): Promise<unknown> {
  const set = sql.unsafe(`set local statement_timeout = ${ms}; set local lock_timeout = ${dedupeWaitMs}`).execute();
  // Where this fails, the statement after it fails for the same reason, and tells.
  set.catch(() => {});
  return set;
}

/** After so many new rows the planner's picture of the tables is wrong, and the next claims would pay for it. */
const analyzeTasksMin = 5_000;

/** Never fails: the batch exists already. */
export async function settle(db: Db, tasks: number): Promise<void> {
  if (tasks < analyzeTasksMin) return;
  await db.use((sql) => sql`analyze task, task_spec, link`, 60_000).catch(() => {});
}
