// Looks for tasks like one that is to be created, in a transaction of its own or that of the creation. Whether a task is found
// by its state or by its metadata is tried both ways, each up to a number of rows, further each time, so that the cheaper way
// decides: few tasks are unfinished as a rule, and few share the value of a field that is worth looking at.
import type { Lock, Probe } from "#domain/create/dedupe";
import { finalStates } from "#domain/row";
import type { TaskState } from "#domain/state";
import type { Sql } from "#store/pg/pool";
import { array } from "#store/pg/unnest";

/** Any number that no other advisory lock of ours uses as its first key. */
const dedupeLock = 7_227_867;

/** Until the end of the transaction. In one order, and each key once, however many texts it stands for: so nobody waits in a circle. */
export const takeLocks = (sql: Sql, locks: readonly Lock[]): Promise<unknown> => sql`
  select case when k.own then pg_advisory_xact_lock(${dedupeLock}, k.key) else pg_advisory_xact_lock_shared(${dedupeLock}, k.key) end
  from (
    select hashtext(key) as key, bool_or(own) as own
    from unnest(${array(locks.map(({ key }) => key))}::text[], ${array(locks.map(({ isExclusive }) => isExclusive))}::boolean[])
      as u (key, own) group by 1 order by 1) k`;

/** Whether a probe is asked by state; the others are asked by metadata. Without fields there is no other way. */
type Way = (probe: Probe) => boolean;
const hasFields = ({ values }: Probe): boolean => Object.keys(values).length > 0;
const byField: Way = (probe) => !hasFields(probe);
/** Of final tasks there are too many to begin with them. */
const unfinishedByState: Way = (probe) => !hasFields(probe) || !finalStates.has(probe.status as TaskState);

/** How each look asks: the rows that it reads for each state or for each probe, and which way. The last one reads them all. */
const looks: readonly { readonly rows: number; readonly isByState: Way }[] = [
  { rows: 500, isByState: unfinishedByState },
  { rows: 500, isByState: byField },
  { rows: 20_000, isByState: () => true },
  { rows: 20_000, isByState: byField },
  { rows: 2 ** 31, isByState: byField },
];

interface Seen {
  readonly key: string;
  readonly hit: boolean;
  /** All that could be a twin were looked at. */
  readonly complete: boolean;
}

/**
 * Keys of probes to which a task exists. `asked`: the probes of each task that is to be created. One hit decides a task. That
 * there is none, one statement must tell for all of its probes: a twin that leaves one state for another between two statements
 * would be seen in neither.
 */
export async function findTwins(sql: Sql, asked: readonly (readonly Probe[])[]): Promise<Set<string>> {
  // No GIN index is read without; the settings of a turn forbid it.
  await sql.unsafe("set local enable_bitmapscan = on");
  const hits = new Set<string>();
  let open = asked;
  for (const [n, { rows, isByState }] of looks.entries()) {
    const isNew = (probe: Probe) => rows !== looks[n - 1]?.rows || isByState(probe) !== looks[n - 1]?.isByState(probe);
    const now = open.filter((probes) => probes.some(isNew));
    if (now.length === 0) continue;
    const seen = await look(sql, distinct(now), rows, isByState);
    const complete = new Set(seen.filter((one) => one.complete).map(({ key }) => key));
    for (const { key, hit } of seen) if (hit) hits.add(key);
    const isOpen = (probes: readonly Probe[]) =>
      !probes.some(({ key }) => hits.has(key)) && !probes.every(({ key }) => complete.has(key));
    open = open.filter(isOpen);
  }
  return hits;
}

const distinct = (asked: readonly (readonly Probe[])[]): Probe[] => [
  ...new Map(asked.flat().map((probe) => [probe.key, probe])).values(),
];

function look(sql: Sql, probes: readonly Probe[], rows: number, isByState: Way): Promise<Seen[]> {
  const { state, metadata } = Object.groupBy(probes, (probe) => (isByState(probe) ? "state" : "metadata"));
  if (metadata === undefined) return sql<Seen[]>`${byState(sql, state ?? [], rows)}`;
  if (state === undefined) return sql<Seen[]>`${byMetadata(sql, metadata, rows)}`;
  return sql<Seen[]>`(${byState(sql, state, rows)}) union all (${byMetadata(sql, metadata, rows)})`;
}

const asRows = (sql: Sql, probes: readonly Probe[]) => sql`
  json_to_recordset(${JSON.stringify(probes)}::text::json) as u (key text, kind text, status task_status, values jsonb)`;

/** Containment is wider than equality, and cheap. */
const isEqual = (sql: Sql) => sql`
  (u.values = '{}' or m.metadata @> u.values
    and not exists (select from jsonb_each(u.values) e where m.metadata -> e.key is distinct from e.value))`;

const byState = (sql: Sql, probes: readonly Probe[], rows: number) => sql`
  with few as materialized (
      select s.status, t.id, t.kind from unnest(${array([...new Set(probes.map(({ status }) => status))])}::task_status[]) s (status)
        cross join lateral (select id, kind from task where status = s.status limit ${rows}::bigint + 1) t),
    m as materialized (
      select few.status, few.kind, s.metadata from few join task_spec s on s.id = few.id
      where few.kind = any(${array([...new Set(probes.map(({ kind }) => kind))])}::text[]))
  select u.key, exists (select from m where m.kind = u.kind and m.status = u.status and ${isEqual(sql)}) as hit,
    (select count(*) from few where few.status = u.status) <= ${rows}::bigint as complete
  from ${asRows(sql, probes)}`;

const byMetadata = (sql: Sql, probes: readonly Probe[], rows: number) => sql`
  select u.key, coalesce(f.hit, false) as hit, f.n <= ${rows}::bigint as complete
  from ${asRows(sql, probes)} cross join lateral (
    select count(*) as n, bool_or(${isEqual(sql)} and
      (select true from task t where t.id = m.id and t.kind = u.kind and t.status = u.status) is not null) as hit
    from (select s.id, s.metadata from task_spec s where s.metadata @> u.values limit ${rows}::bigint + 1) m) f`;
