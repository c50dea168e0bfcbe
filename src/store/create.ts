// Inserts a planned batch: one statement, hence one transaction, that touches no row of another batch. All or none.
// Throws `Unavailable` when Postgres cannot be reached: then nothing was created, unless only the answer to the commit
// was lost. Times count from the clock of Postgres; the caller is told which time that was.
import { type BatchPlan, completionOf } from "#domain/batch";
import type { Probe } from "#domain/dedupe";
import type { Db, Sql } from "#store/client";

/** Returns the time of creation. `now`: wall clock in ms, for the ids of deliveries. */
export async function insertBatch(db: Db, plan: BatchPlan, now: number): Promise<Date> {
  const n = plan.tasks.length;
  if (n <= bulkTasksMin) return db.use((sql) => insert(sql, plan, now));
  const created = await db.tx((sql) => {
    void allow(sql, bulkMs);
    return insert(sql, plan, now);
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
    return { plan, created: await insert(sql, plan, asked.now) };
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

/** One statement for all tables: foreign keys are checked at its end, so the order of its parts does not matter. */
async function insert(sql: Sql, plan: BatchPlan, now: number): Promise<Date> {
  const n = plan.tasks.length;
  const hasSpec = plan.scope !== null || plan.metadata !== null || plan.onComplete.length > 0;
  const deliveries = n === 0 ? completionOf(plan, now) : [];
  const found = await sql<{ created_at: Date }[]>`
    with b as (
      insert into batch (id, total, unfinished, completed_at)
      values (${plan.id}, ${n}, ${n}, case when ${n} = 0 then now() end) returning created_at)
    ${hasSpec ? sql`, bs as (${specOfBatch(sql, plan)})` : sql``}
    ${n > 0 ? sql`, t as (${tasks(sql, plan)}), s as (${specs(sql, plan)})` : sql``}
    ${plan.links.length > 0 ? sql`, l as (${links(sql, plan)})` : sql``}
    ${deliveries.length > 0 ? sql`, d as (${complete(sql, plan.id, deliveries)})` : sql``}
    select created_at from b`;
  return (found[0] as { created_at: Date }).created_at;
}

const specOfBatch = (sql: Sql, plan: BatchPlan) => sql`
  insert into batch_spec (id, scope, metadata, on_complete)
  values (${plan.id}, ${plan.scope}, ${plan.metadata && json(plan.metadata)}::text::jsonb, ${json(plan.onComplete)}::text::jsonb)`;

const tasks = (sql: Sql, plan: BatchPlan) => sql`
  insert into task (id, batch_id, pos, status, kind, priority, receiver, wait_finished, wait_success, kids,
    expected_count, timeout, retry, acts, dead_end_barrier, last_updated, run_at, due_at)
  select u.id, ${plan.id}::uuid, u.pos, u.status, u.kind, u.priority, u.receiver, u.wait_finished, u.wait_success, u.kids,
    u.expected_count, u.timeout, u.retry, u.acts, u.dead_end_barrier, t.created, r.run_at,
    -- the timer of Pending; a Waiting task gets it when it becomes Pending
    case when u.status = 'Pending' and r.run_at > t.created then r.run_at end
  from json_to_recordset(${json(plan.tasks)}::text::json) as u (id uuid, pos int, status task_status, kind text,
      priority smallint, receiver text, wait_finished int, wait_success int, kids int, expected_count bigint, timeout int,
      retry jsonb, acts smallint, dead_end_barrier boolean, run_at timestamptz, delay_secs int)
    cross join (select date_trunc('milliseconds', now()) as created) t
    cross join lateral (select coalesce(u.run_at, t.created + u.delay_secs * interval '1 second') as run_at) r`;

const specs = (sql: Sql, plan: BatchPlan) => sql`
  insert into task_spec (id, local_id, name, metadata, rules, dedupe, start_action, actions)
  select id, local_id, name, metadata, rules, dedupe, start_action, actions
  from json_to_recordset(${json(plan.specs)}::text::json) as u (id uuid, local_id text, name text, metadata jsonb,
    rules jsonb, dedupe jsonb, start_action jsonb, actions jsonb)`;

const links = (sql: Sql, plan: BatchPlan) => sql`
  insert into link (parent_id, child_id, requires_success, condition)
  select parent_id, child_id, requires_success, condition
  from json_to_recordset(${json(plan.links)}::text::json) as u (parent_id uuid, child_id uuid, requires_success boolean, condition text)`;

const complete = (sql: Sql, batchId: string, deliveries: ReturnType<typeof completionOf>) => sql`
  insert into delivery (id, key, batch_id, trigger, action, facts)
  select u.id, u.key, ${batchId}::uuid, 'end', u.action, jsonb_build_object('batch_id', ${batchId}::uuid, 'counts', u.counts,
    'completed_at', to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
  from json_to_recordset(${json(deliveries)}::text::json) as u (id uuid, key text, action jsonb, counts jsonb)`;
