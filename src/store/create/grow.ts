// Adds tasks to a batch: a write outside of the actor, which locks the row of the batch first, as a batch turn does. So the
// last end of a task and an adding at the same moment take turns: the batch is complete, or it has the tasks. Lock order: the
// key, the batch, the kinds of dedupe, the rows of tasks, what is written last.
import { limits } from "#config";
import { acts } from "#domain/action";
import type { BatchPlan } from "#domain/create/batch";
import type { Parent } from "#domain/create/begin";
import type { Lock, Probe } from "#domain/create/dedupe";
import { beganOf, type GrownBatch } from "#domain/create/grow";
import type { Above, Distant } from "#domain/inputs/ancestors";
import type { DeadEnd } from "#domain/propagation/edges";
import type { BatchRow, TaskRow } from "#domain/row";
import type { Rule } from "#domain/rules/rule";
import type { KnownNames } from "#domain/schema/dependencies";
import { type Creation, settle } from "#store/create/create";
import { inTurn } from "#store/create/in-turn";
import { type CreateKey, find, type Kept, remember, take } from "#store/create/key";
import { insertLinks, intoLink, linksInOne } from "#store/create/links";
import { endLost } from "#store/create/lost";
import { noteOmitted } from "#store/create/omitted";
import { queuesOf, signalsOf } from "#store/create/queues";
import { intoSignal, intoTask, intoTaskSpec, kindsOf } from "#store/create/rows";
import { findTwins, takeLocks } from "#store/create/twins";
import type { Db, Sql } from "#store/pg/pool";
import { array, idList, own, unnest } from "#store/pg/unnest";
import { above } from "#store/read/above";
import { ensureKeyTemplates } from "#store/rules/key-templates";
import { batchColumns } from "#store/turn/load";
import { columns, rows } from "#store/turn/row";

/** Where tasks are added: to a batch, or to that of a task. `byHandle`: by the signature of that task alone. */
export type Target =
  | { readonly batch: string; readonly task: null }
  | { readonly task: string; readonly attempt: number | undefined; readonly byHandle: boolean };

/** What was found under the locks. */
export interface Found {
  readonly row: BatchRow;
  readonly batch: GrownBatch;
  /** The one that adds, where one does. */
  readonly task: TaskRow | null;
}

export interface Asked {
  readonly target: Target;
  /** The id of the batch. */
  readonly into: string;
  /** Ids that the call names: of its tasks, and of what they depend on. */
  readonly names: readonly string[];
  /** Ids that only inputs name. */
  readonly reads: readonly string[];
  readonly locks: readonly Lock[];
  /** Of each task that has some. */
  readonly probes: readonly (readonly Probe[])[];
  readonly rules: readonly Rule[];
  readonly now: number;
}

/** Plans what is to be written, or throws. `found`: undefined where there is no such batch or task. `hits`: keys of the probes that found a task. */
export type Decide = (found: Found | undefined, hits: ReadonlySet<string>) => BatchPlan;

/**
 * What the batch has of these names, without a lock: names are never given back, and links between tasks that are there stay as
 * they are. Undefined: there is no such batch or task.
 */
export async function findNames(
  db: Db,
  target: Target,
  names: readonly string[],
  distant: Distant | null,
): Promise<(KnownNames & { readonly batch: string }) | undefined> {
  const found = await db.use(async (sql) => {
    const batch = await batchOf(sql, target);
    if (batch === undefined) return undefined;
    const byHandle = target.task !== null && target.byHandle;
    const only = byHandle ? target.task : null;
    const named = await sql<{ name: string; isTask: boolean; isNameable: boolean }[]>`
      select local_id as name, true as "isTask", ${only}::uuid is null or ${only}::uuid in (id, added_by) as "isNameable"
      from task_spec where batch_id = ${batch} and local_id = any(${array(names)}::text[]) and local_id <> ''
      union all
      select local_id, false, ${only}::uuid is null or added_by = ${only}::uuid
      from deduplicated where batch_id = ${batch} and local_id = any(${array(names)}::text[])`;
    const taken = new Set(named.filter(({ isTask }) => isTask).map(({ name }) => name));
    // An id that was deduplicated is free again: a task that has it now is the one that is meant.
    const isMeant = ({ name, isTask, isNameable }: (typeof named)[0]) => isNameable && (isTask || !taken.has(name));
    const nameable = new Set(named.filter(isMeant).map(({ name }) => name));
    return { batch, taken, nameable, byHandle, above: null };
  });
  return found && distant ? { ...found, above: await aboveIn(db, found.batch, distant) } : found;
}

const aboveIn = (db: Db, batch: string, distant: Distant): Promise<Above> =>
  db.tx((sql) => {
    allow(sql, limits.lockTimeoutMs);
    return above(sql, batch, distant);
  }, limits.bulkWorkTimeoutMs);

/** The addition that a key stands for. */
export const findKept = (db: Db, key: string): Promise<Kept | undefined> => db.use((sql) => find(sql, key));

/** What the same call would add, as of one moment. */
export const rehearseGrowth = (db: Db, asked: Asked, decide: Decide): Promise<BatchPlan> =>
  db.tx(async (sql) => decide(await stand(sql, asked, false), await hitsOf(sql, asked)));

/**
 * Adds what is decided under the locks. With a key: what it stands for already, or "in_flight" while another call with it is on
 * its way.
 */
export async function insertGrowth(
  db: Db,
  asked: Asked,
  decide: Decide,
  key: CreateKey | undefined,
): Promise<Creation | Kept | "in_flight"> {
  await ensureKeyTemplates(db, asked.rules);
  const made = await inTurn(db, asked.into, () => insertOnce(db, asked, decide, key));
  if (made !== "in_flight" && "plan" in made) await settle(db, made.plan.tasks.length);
  return made;
}

function insertOnce(
  db: Db,
  asked: Asked,
  decide: Decide,
  key: CreateKey | undefined,
): Promise<Creation | Kept | "in_flight"> {
  return db.tx(async (sql, send) => {
    allow(sql, limits.batchLockWaitMs);
    const before = key === undefined ? "taken" : await take(sql, key);
    if (before !== "taken") return before;
    const found = await stand(sql, asked, true);
    const plan = decide(found, await hitsOf(sql, asked));
    const created = await insert(sql, plan, found as Found, asked.now);
    if (key !== undefined) send(remember(sql, key, plan, beganOf(plan, (found as Found).batch)));
    return { plan, created };
  }, limits.bulkWorkTimeoutMs);
}

/** The first words of a transaction, and again once the batch is held: how long a lock may be waited for. */
function allow(sql: Sql, lockMs: number): void {
  const set = sql
    .unsafe(`set local statement_timeout = ${limits.bulkWorkTimeoutMs}; set local lock_timeout = ${lockMs}`)
    .execute();
  // Where this fails, the statement after it fails for the same reason, and tells.
  set.catch(() => {});
}

/** Asked after the locks, in a statement of its own. */
const hitsOf = async (sql: Sql, { probes }: Asked): Promise<ReadonlySet<string>> =>
  probes.length === 0 ? new Set() : findTwins(sql, probes);

async function batchOf(sql: Sql, target: Target): Promise<string | undefined> {
  const [row] =
    target.task === null
      ? await sql<{ id: string }[]>`select id from batch where id = ${target.batch}`
      : await sql<{ id: string }[]>`select batch_id as id from task where id = ${target.task}`;
  return row?.id;
}

/** The batch and those of its tasks that the call is about; locked in this order. */
async function stand(
  sql: Sql,
  { target, into: id, names, reads, locks }: Asked,
  isLocked: boolean,
): Promise<Found | undefined> {
  const [row] = await sql<(BatchRow & { links: number; kinds: string[] })[]>`
    select ${batchColumns(sql)}, b.links, to_json(b.kinds) as kinds from batch b where b.id = ${id}
    ${isLocked ? sql`for no key update` : sql``}`;
  if (row === undefined) return undefined;
  if (isLocked) allow(sql, locks.length > 0 ? limits.commandDeadlineMs : limits.lockTimeoutMs);
  if (isLocked && locks.length > 0) await takeLocks(sql, locks);
  const lock = isLocked ? sql`for no key update` : sql``;
  // Parents before the one that adds: it may be one of them.
  const [named, [spec], [task], read] = await Promise.all([
    sql<(Parent & { name: string })[]>`
      select s.local_id as name, t.id, t.status, coalesce(extract(epoch from t.ended_at) * 1000, 0)::float8 as "endedAt", t.rank
      from task_spec s cross join lateral (select * from task t where t.id = s.id offset 0 ${lock}) t
      where s.batch_id = ${id} and s.local_id = any(${array(names)}::text[]) and s.local_id <> ''`.execute(),
    sql<{ deadEnd: DeadEnd | null }[]>`select dead_end as "deadEnd" from batch_spec where id = ${id}`.execute(),
    target.task === null ? [] : rows(sql`select ${columns(sql)} from task t where t.id = ${target.task} ${lock}`),
    reads.length === 0 ? [] : namesOf(sql, id, reads),
  ]);
  const { total, links, paused, kinds } = row;
  const byName = new Map(named.map(({ name, ...parent }) => [name, parent]));
  const batch = { id, total, links, paused, kinds, deadEnd: spec?.deadEnd ?? null, named: byName, read: new Set(read) };
  return { row, batch, task: task ?? null };
}

/** Those of these names that tasks of the batch have. */
async function namesOf(sql: Sql, batch: string, names: readonly string[]): Promise<string[]> {
  const found = await sql<{ name: string }[]>`
    select local_id as name from task_spec
    where batch_id = ${batch} and local_id = any(${array(names)}::text[]) and local_id <> ''`;
  return found.map(({ name }) => name);
}

/** Returns the time of creation, by the clock of Postgres. `now`: wall clock in ms, for the ids of deliveries. */
async function insert(sql: Sql, plan: BatchPlan, { batch, task }: Found, now: number): Promise<Date> {
  const { tasks, specs, links } = plan;
  if (plan.deduplicated.length > 0) await noteOmitted(sql, plan, task?.id ?? null);
  if (tasks.length === 0) return new Date(now);
  const queues = await queuesOf(sql, [plan]);
  const signals = signalsOf([plan], queues);
  const params: (string | null)[] = [];
  const parts = [
    `b as (${intoBatch(params, plan, batch)})`,
    `k as (${intoBatchKind(params, plan, batch)})`,
    `a as (${intoKindAdded(params, plan, batch)})`,
    `t as (${intoTask(params, tasks, queues)})`,
    `s as (${intoTaskSpec(params, specs, tasks)})`,
  ];
  const isMany = links.length > linksInOne;
  if (links.length > 0 && !isMany) parts.push(`l as (${intoLink(params, links)})`);
  if (signals.length > 0) parts.push(`w as (${intoSignal(params, signals)})`);
  const statement = `with ${parts.join(", ")} select now() as created_at`;
  const [made] = await sql.unsafe<{ created_at: Date }[]>(statement, params, { prepare: true });
  if (isMany) await insertLinks(sql, links);
  await tellParents(sql, plan);
  if (task !== null) await noteAdder(sql, plan, task.id);
  if (tasks.some(({ lost }) => lost !== undefined)) await endLost(sql, plan, now);
  return (made as { created_at: Date }).created_at;
}

/** What may be lost at once is counted here, and off again where it is. */
const intoBatch = (params: (string | null)[], { tasks, links }: BatchPlan, { id, kinds }: GrownBatch) => {
  const all = [...new Set([...kinds, ...tasks.map(({ kind }) => kind)])].sort();
  const [n, m, k, b] = [tasks.length, links.length, array(all), id].map((value) => `$${params.push(String(value))}`);
  return `
  update batch set total = total + ${n}::int, unfinished = unfinished + ${n}::int, links = links + ${m}::int, kinds = ${k}::text[]
  where id = ${b}::uuid`;
};

const intoBatchKind = (params: (string | null)[], plan: BatchPlan, { id, kinds }: GrownBatch) => `
  insert into batch_kind (kind, created_at, batch_id) select u.kind, b.created_at, b.id
  from ${unnest(
    params,
    [own("kind", "text")],
    kindsOf(plan)
      .filter((kind) => !kinds.includes(kind))
      .map((kind) => ({ kind })),
  )} join batch b on b.id = $${params.push(id)}::uuid`;

const intoKindAdded = (params: (string | null)[], plan: BatchPlan, { id }: GrownBatch) => `
  insert into kind_added (kind, batch_id) select kind, $${params.push(id)}::uuid
  from ${unnest(
    params,
    [own("kind", "text")],
    kindsOf(plan).map((kind) => ({ kind })),
  )}`;

/** Tasks of the batch that tasks of the call depend on. They are locked, and none ends meanwhile: that needs the batch. */
async function tellParents(sql: Sql, { tasks, links }: BatchPlan): Promise<void> {
  const here = new Set(tasks.map(({ id }) => id));
  const children = new Map<string, number>();
  for (const { parent_id: parent } of links)
    if (!here.has(parent)) children.set(parent, (children.get(parent) ?? 0) + 1);
  if (children.size === 0) return;
  await sql`
    update task t set children = children + u.n, open_children = open_children + case when t.ended_at is null then u.n else 0 end
    from unnest(${idList(children.keys())}::uuid[], ${array([...children.values()])}::int[]) u (id, n) where t.id = u.id`;
}

/** While it is at work it is no dead end, and by its handle it may name what it added. */
async function noteAdder(sql: Sql, { specs }: BatchPlan, task: string): Promise<void> {
  await sql`update task_spec set added_by = ${task} where id = any(${idList(specs.map(({ id }) => id))}::uuid[])`;
  await sql`update task set acts = acts | ${acts.added}::smallint where id = ${task}`;
}
