// Inserts a planned batch: one transaction that changes no row of another batch. All or none.
// Throws `Unavailable` when Postgres cannot be reached: then nothing was created, unless only the answer to the commit
// was lost. Times count from the clock of Postgres; the caller is told which time that was.
import type { BatchPlan } from "#domain/batch";
import type { Probe } from "#domain/dedupe";
import type { Rule } from "#domain/rule";
import type { Db, Sql } from "#store/client";
import { groupOf } from "#store/create-group";
import { type CreateKey, type Kept, remember, take } from "#store/create-key";
import { hasRules } from "#store/create-lanes";
import { insertPlans } from "#store/create-rows";
import { ensureShapes } from "#store/shapes";

export type { CreateKey, Kept } from "#store/create-key";

/** Of all tasks of a plan. */
export const rulesOf = (plan: BatchPlan): readonly Rule[] =>
  plan.specs.flatMap(({ rules }) => rules as readonly Rule[]);

/** Returns the time of creation. `now`: wall clock in ms, for the ids of deliveries. */
export async function insertBatch(db: Db, plan: BatchPlan, now: number): Promise<Date> {
  const n = plan.tasks.length;
  await ensureShapes(db, rulesOf(plan));
  if (n <= bulkTasksMin && !hasRules([plan])) return groupOf(db).insert(plan, now);
  const created = await db.tx((sql) => {
    void allow(sql, bulkMs);
    return insertPlans(sql, [plan], now);
  }, bulkMs);
  await settle(db, n);
  return created;
}

/** What the database is asked before a call is planned; kinds and probes are empty where no task may be left out. */
export interface Asked {
  readonly kinds: readonly string[];
  readonly probes: readonly Probe[];
  /** Of all tasks. */
  readonly rules: readonly Rule[];
  readonly now: number;
}
/** Gets the keys of the probes that found a task. */
export type Decide = (hits: ReadonlySet<string>) => BatchPlan;

export interface Creation {
  readonly plan: BatchPlan;
  readonly created: Date;
}

/**
 * The same where some task may be left out: calls that look at the same kinds take turns, so that of two equal tasks
 * sent at once one is created.
 */
export async function insertDeduplicated(db: Db, asked: Asked, decide: Decide): Promise<Creation> {
  await ensureShapes(db, asked.rules);
  const made = await db.tx((sql) => {
    void allow(sql, bulkMs);
    return insertInTurn(sql, asked, decide);
  }, bulkMs);
  await settle(db, made.plan.tasks.length);
  return made;
}

/**
 * The same under a key, in a transaction of its own: what the key stands for already, or "busy" while another call with
 * it is on its way. `tasks`: how many were sent.
 */
export async function insertKeyed(
  db: Db,
  key: CreateKey,
  asked: Asked & { readonly tasks: number },
  decide: Decide,
): Promise<Creation | Kept | "busy"> {
  await ensureShapes(db, asked.rules);
  const isBulk = asked.kinds.length > 0 || asked.tasks > bulkTasksMin;
  const made = await db.tx(
    async (sql, last) => {
      if (isBulk) void allow(sql, bulkMs);
      // Before the turn of its kinds, for which it may have to wait.
      const before = await take(sql, key);
      if (before !== "taken") return before;
      const creation = await insertInTurn(sql, asked, decide);
      last(remember(sql, key, creation.plan));
      return creation;
    },
    isBulk ? bulkMs : undefined,
  );
  if (made !== "busy" && "plan" in made) await settle(db, made.plan.tasks.length);
  return made;
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
export async function probe(db: Db, probes: readonly Probe[]): Promise<ReadonlySet<string>> {
  return probes.length === 0 ? new Set() : db.use((sql) => findTwins(sql, probes));
}

/** Any number that no other advisory lock of ours uses as its first key. */
const dedupeLock = 7_227_867;
const json = (value: unknown): string => JSON.stringify(value);

/** Larger batches, and calls that wait for each other, may take longer than the ordinary limits of a connection. */
const bulkTasksMin = 1_000;
const bulkMs = 60_000;
const dedupeWaitMs = 10_000;

async function insertInTurn(sql: Sql, { kinds, probes, now }: Asked, decide: Decide): Promise<Creation> {
  if (kinds.length > 0) {
    await sql`
      select pg_advisory_xact_lock(${dedupeLock}, hashtext(kind))
      from (select kind from json_array_elements_text(${json(kinds)}::text::json) as u (kind) order by hashtext(kind)) k`;
  }
  // Asked after the lock was got, in a statement of its own: an earlier snapshot would not see the other call's tasks.
  const plan = decide(probes.length === 0 ? new Set() : await findTwins(sql, probes));
  return { plan, created: await insertPlans(sql, [plan], now) };
}

function allow(sql: Sql, ms: number): Promise<unknown> {
  const set = sql.unsafe(`set local statement_timeout = ${ms}; set local lock_timeout = ${dedupeWaitMs}`).execute();
  // Where this fails, the statement after it fails for the same reason, and tells.
  set.catch(() => {});
  return set;
}

async function findTwins(sql: Sql, probes: readonly Probe[]): Promise<Set<string>> {
  const found = await sql<{ key: string }[]>`
    select u.key from json_to_recordset(${json(probes)}::text::json) as u (key text, kind text, status task_status, values jsonb)
    where exists (
      select from task t join task_spec s on s.id = t.id
      where t.kind = u.kind and t.status = u.status
        -- containment is wider than equality, and cheap
        and (u.values = '{}' or s.metadata @> u.values)
        and not exists (select from jsonb_each(u.values) e where s.metadata -> e.key is distinct from e.value))`;
  return new Set(found.map((row) => row.key));
}

/** After so many new rows the planner's picture of the tables is wrong, and the next claims would pay for it. */
const analyzeTasksMin = 5_000;

/** Never fails: the batch exists already. */
async function settle(db: Db, tasks: number): Promise<void> {
  if (tasks < analyzeTasksMin) return;
  await db.use((sql) => sql`analyze task, task_spec, link`, 60_000).catch(() => {});
}
