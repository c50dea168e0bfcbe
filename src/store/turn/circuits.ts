// The SQL of circuits: what every process knows of them, and the rows as an actor changes them, by value and under a lock.
// Times are Postgres's own; readers get durations, since their clocks may differ.
import type { CircuitRecord, CircuitState } from "#domain/calls/circuit";
import { type CircuitRow, isClean } from "#domain/calls/circuit-step";
import type { Db, Sql } from "#store/pg/pool";

/** A circuit that is not closed, or has counted failures, as a process goes by it. */
export interface KnownCircuit {
  readonly receiver: string;
  readonly state: CircuitState;
  readonly failures: number;
  readonly successes: number;
  /** Milliseconds until a call may be tried; 0: now. */
  readonly waitMs: number;
}

export const knownCircuits = (db: Pick<Db, "use">): Promise<KnownCircuit[]> =>
  db.use(
    async (sql) =>
      await sql<KnownCircuit[]>`
      select receiver, state, failures, successes, case when state = 'closed' then 0 else
        greatest(0, ceil(extract(epoch from greatest(open_until, probe_until) - now()) * 1000)) end::float8 as "waitMs"
      from circuit where state <> 'closed' or failures > 0`,
  );

/** The same for people. */
export const listCircuits = (db: Db): Promise<CircuitRecord[]> =>
  db.use(
    async (sql) =>
      await sql<CircuitRecord[]>`
      select receiver, state, failures, greatest(open_until, probe_until) as until
      from circuit where state <> 'closed' or failures > 0 order by receiver`,
  );

/** The circuit that holds up a task which is Pending, if one does. */
export const circuitOf = (sql: Sql, task: string): Promise<CircuitRecord[]> => sql<CircuitRecord[]>`
  select c.receiver, c.state, c.failures, greatest(c.open_until, c.probe_until) as until
  from task t join circuit c on c.receiver = t.receiver
  where t.id = ${task} and t.status = 'Pending' and c.state <> 'closed'`;

/** Locks the rows of these receivers, in order, and makes those that are lacking. */
export async function lockCircuits(sql: Sql, receivers: readonly string[]): Promise<CircuitRow[]> {
  const sorted = JSON.stringify(receivers.toSorted());
  for (;;) {
    await sql`
      insert into circuit (receiver) select r from json_array_elements_text(${sorted}::text::json) r
      on conflict (receiver) do nothing`;
    const rows = await sql<CircuitRow[]>`
      select ${columns(sql)} from circuit
      where receiver in (select json_array_elements_text(${sorted}::text::json)) order by receiver for update`;
    // One that another one deleted in between is made again.
    if (rows.length === receivers.length) return rows;
  }
}

/** Locks the rows of these receivers that exist and are not locked. */
export const lockFreeCircuits = async (sql: Sql, receivers: readonly string[]): Promise<CircuitRow[]> =>
  await sql<CircuitRow[]>`
    select ${columns(sql)} from circuit
    where receiver in (select json_array_elements_text(${JSON.stringify(receivers)}::text::json))
    order by receiver for update skip locked`;

/**
 * Those of these receivers for which a call is due that has not failed before: a delivery before its first attempt, or a task
 * without rules in its first attempt. A task with rules may not be admitted, so nothing waits for its call.
 */
export async function receiversWithFreshCalls(sql: Sql, receivers: readonly string[]): Promise<ReadonlySet<string>> {
  const found = await sql<{ receiver: string }[]>`
    select r as receiver from json_array_elements_text(${JSON.stringify(receivers)}::text::json) r
    where exists (
        select from delivery d where d.status = 'pending' and coalesce(d.receiver, '') = r and d.attempts = 0
          and greatest(d.next_at, d.hold_until, d.lease_until) <= now())
      or exists (
        select from task t where t.queue = 0 and t.status = 'Pending' and t.ready_at is null
          and coalesce(t.receiver, '') = r and t.attempt = 0)`;
  return new Set(found.map(({ receiver }) => receiver));
}

/** The time, after whatever had to be waited for. */
export async function clock(sql: Sql): Promise<number> {
  const [row] = await sql<{ now: Date }[]>`select clock_timestamp() as now`;
  return (row as { now: Date }).now.getTime();
}

/** Writes locked rows by value. Those that are clean are deleted. */
export async function writeCircuits(sql: Sql, rows: readonly CircuitRow[]): Promise<void> {
  const clean = rows.filter(isClean).map(({ receiver }) => receiver);
  const kept = rows.filter((row) => !isClean(row));
  await Promise.all([
    clean.length > 0 &&
      sql`delete from circuit where receiver in (select json_array_elements_text(${JSON.stringify(clean)}::text::json))`,
    kept.length > 0 &&
      sql`
        update circuit c set state = u.state, failures = u.failures, since = u.since, successes = u.successes,
          open_until = u."openUntil", probe_until = u."probeUntil"
        from json_to_recordset(${JSON.stringify(kept)}::text::json) as u (receiver text, state circuit_state, failures int,
          since timestamptz, successes int, "openUntil" timestamptz, "probeUntil" timestamptz)
        where c.receiver = u.receiver`,
  ]);
}

/** Forgets failures that no other one followed within the window, and open circuits without a call in a day. */
export const forgetCircuits = (db: Pick<Db, "use">, windowMs: number): Promise<number> =>
  db.use(async (sql) => {
    const gone = await sql`
      delete from circuit where receiver in (
        select receiver from circuit
        where (state = 'closed' and since < now() - ${windowMs}::float8 * interval '1 ms')
          or greatest(open_until, probe_until) < now() - interval '1 day'
        order by receiver for update skip locked)`;
    return gone.count;
  });

const columns = (sql: Sql) => sql`
  receiver, state, failures, since, successes, open_until as "openUntil", probe_until as "probeUntil"`;
