// Inserts a planned batch: one transaction that changes no row of another batch. All or none.
// Throws `Unavailable` when Postgres cannot be reached: then nothing was created, unless only the answer to the commit
// was lost. Times count from the clock of Postgres; the caller is told which time that was.
import type { BatchPlan } from "#domain/batch";
import type { Probe } from "#domain/dedupe";
import type { Db, Sql } from "#store/client";
import { groupOf } from "#store/create-group";
import { insertPlans } from "#store/create-rows";

/** Returns the time of creation. `now`: wall clock in ms, for the ids of deliveries. */
export async function insertBatch(db: Db, plan: BatchPlan, now: number): Promise<Date> {
  const n = plan.tasks.length;
  if (n <= bulkTasksMin) return groupOf(db).insert(plan, now);
  const created = await db.tx((sql) => {
    void allow(sql, bulkMs);
    return insertPlans(sql, [plan], now);
  }, bulkMs);
  await settle(db, n);
  return created;
}

/**
 * The same where some task may be left out: calls that look at the same kinds take turns, so that of two equal tasks
 * sent at once one is created. `decide` gets the keys of the probes that found a task.
 */
export async function insertDeduplicated(
  db: Db,
  asked: { readonly kinds: readonly string[]; readonly probes: readonly Probe[]; readonly now: number },
  decide: (hits: ReadonlySet<string>) => BatchPlan,
): Promise<{ plan: BatchPlan; created: Date }> {
  const result = await db.tx(async (sql) => {
    void allow(sql, bulkMs);
    await sql`
      select pg_advisory_xact_lock(${dedupeLock}, hashtext(kind))
      from (select kind from json_array_elements_text(${json(asked.kinds)}::text::json) as u (kind) order by hashtext(kind)) k`;
    // Asked after the lock was got, in a statement of its own: an earlier snapshot would not see the other call's tasks.
    const plan = decide(await findTwins(sql, asked.probes));
    return { plan, created: await insertPlans(sql, [plan], asked.now) };
  }, bulkMs);
  await settle(db, result.plan.tasks.length);
  return result;
}

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
