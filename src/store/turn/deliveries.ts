// The SQL of deliveries: taking a lease, writing outcomes, giving back. A lease is given to one process at a time; every
// write of its outcome is fenced by `lease_id`, so the late outcome of a process that lost it changes nothing.
// Times are Postgres's own: a lease or a wait is handed in as a duration.
import type { Action } from "#domain/action";
import type { Capacity } from "#flow/receiver-capacity";
import type { Db, Sql } from "#store/pg/pool";

/** What a sender needs of Postgres. */
export type DeliveryDb = Pick<Db, "use">;

/** A delivery that the caller may send, until its lease ends. */
export interface Leased {
  readonly id: string;
  readonly key: string;
  /** Null: a batch is complete. */
  readonly task: string | null;
  readonly batch: string;
  readonly trigger: "end" | "cancel";
  readonly action: Action;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly attempts: number;
  readonly hasRetry: boolean;
}

export interface LeaseRequest extends Capacity {
  readonly limit: number;
  readonly leaseSecs: number;
  readonly leaseId: number;
}

/** One attempt, for the history. */
export interface Call {
  /** By the monotonic clock of this process, ms. */
  readonly beganAt: number;
  readonly ms: number;
  /** The beginning of what the receiver answered, as Postgres can store it. */
  readonly answer: string | null;
}

/** How an attempt ended, as the sender saw it. */
export interface DeliveryOutcome {
  readonly id: string;
  readonly leaseId: number;
  /** As it was leased. */
  readonly attempts: number;
  readonly trigger: "end" | "cancel";
  readonly ok: boolean;
  readonly status: number | null;
  readonly error: string | null;
  /** What the receiver asked for; 0 if nothing. */
  readonly retryAfterMs: number;
  readonly call: Call;
}

/** What the machine made of an outcome. */
export interface Settled {
  readonly id: string;
  readonly leaseId: number;
  readonly status: "pending" | "success" | "exhausted";
  readonly attempts: number;
  /** Before the next attempt, where it is pending. */
  readonly waitMs: number;
  readonly lastStatus: number | null;
  readonly lastError: string | null;
  readonly call: Call;
}

/** What a settled delivery is about. */
export interface SettledRow {
  readonly id: string;
  readonly task_id: string | null;
  readonly batch_id: string;
  readonly receiver: string;
}

/** Before then a delivery may not be sent; as the index `delivery_ready` has it. */
const readyAt = (sql: Sql) => sql`greatest(next_at, hold_until, lease_until)`;

/** The receivers with something pending, each with its free slots; '' are messages, which go to none. */
const receivers = (sql: Sql, { receivers: limited, freeMax }: Capacity, limit: number) => sql`
  recursive receiver (name) as (
    (select coalesce(receiver, '') from delivery where status = 'pending'
      order by coalesce(receiver, ''), ${readyAt(sql)} limit 1)
    union all
    -- the next one: each step is one look into the index, however many deliveries a receiver has
    select (
      select coalesce(d.receiver, '') from delivery d where d.status = 'pending' and coalesce(d.receiver, '') > r.name
      order by coalesce(d.receiver, ''), ${readyAt(sql)} limit 1)
    from receiver r where r.name is not null
  ), known as materialized (
    select ${JSON.stringify(Object.fromEntries(limited.map(({ receiver, free }) => [receiver, free])))}::text::jsonb as free
  ), open as (
    select name, case when name = '' then ${limit}::int
      else least(${limit}::int, coalesce((free ->> name)::int, ${freeMax}::int)) end as slots
    from receiver, known where name is not null
  )`;

/** Takes the lease of what is due, the longest due first, no more to a receiver than it has free slots for. */
export async function lease(sql: Sql, want: LeaseRequest): Promise<Leased[]> {
  return await sql<Leased[]>`
    with ${receivers(sql, want, want.limit)}, fitting as materialized (
      -- Looked at without a lock, and further than needed: of each receiver as many as it has free slots for.
      select due.id from open cross join lateral (
        select id, ${readyAt(sql)} as ready_at from delivery
        where status = 'pending' and coalesce(receiver, '') = open.name and ${readyAt(sql)} <= now()
        order by ${readyAt(sql)} limit open.slots) due
      order by due.ready_at limit ${want.limit}
    ), taken as materialized (
      -- Another process may have been faster: the conditions are looked at again on the locked row.
      select d.id from delivery d where d.id in (select id from fitting)
        and d.status = 'pending' and ${readyAt(sql)} <= now()
      for no key update skip locked
    )
    update delivery d set lease_until = now() + ${want.leaseSecs}::float8 * interval '1 s', lease_id = ${want.leaseId}::int8
    from taken where d.id = taken.id
    returning d.id, d.key, d.task_id as task, d.batch_id as batch, d.trigger, d.action, d.facts, d.attempts,
      coalesce((select t.retry is not null from task t where t.id = d.task_id), false) as "hasRetry"`;
}

/**
 * Milliseconds until the next one may be sent, by its time alone; null where none waits. One whose receiver has no free slot does
 * not count: the deliverer looks again when a slot becomes free.
 */
export async function nextDue(sql: Sql, capacity: Capacity): Promise<number | null> {
  const [row] = await sql<{ ms: number | null }[]>`
    with ${receivers(sql, capacity, 1)}
    select ceil(extract(epoch from min(next.ready_at) - now()) * 1000)::float8 as ms
    from open cross join lateral (
      select ${readyAt(sql)} as ready_at from delivery
      where status = 'pending' and coalesce(receiver, '') = open.name and ${readyAt(sql)} > now()
      order by ${readyAt(sql)} limit open.slots) next`;
  return row?.ms ?? null;
}

/** Writes outcomes and their place in the history, and ends their leases. Returns those that were still the caller's. */
export async function settle(sql: Sql, outcomes: readonly Settled[]): Promise<SettledRow[]> {
  // Locked in the same order as everywhere.
  const sorted = outcomes
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ call, ...one }) => ({ ...one, ...agoOf(call) }));
  return sql<SettledRow[]>`
    with settled as (
      update delivery d set status = u.status, attempts = u.attempts, last_status = u."lastStatus", last_error = u."lastError",
        next_at = case when u.status = 'pending' then now() + u."waitMs" * interval '1 ms' else d.next_at end,
        done_at = case when u.status = 'pending' then null else now() end, lease_until = null, lease_id = null
      from json_to_recordset(${JSON.stringify(sorted)}::text::json) as u(id uuid, "leaseId" int8, status delivery_status,
        attempts int, "waitMs" float8, "lastStatus" int, "lastError" text, "agoMs" float8, ms int, answer text)
      where d.id = u.id and d.lease_id = u."leaseId" and d.status = 'pending'
      returning d.id, d.task_id, d.batch_id, d.receiver, u.attempts, u."lastStatus", u."lastError", u."agoMs", u.ms, u.answer
    ), kept as (
      -- The lease keeps every other writer away, so the last number is the last. Attempts from before there was a history
      -- are counted as well; after a replay they begin at 0 again, and the numbers go on.
      insert into delivery_attempt (delivery_id, n, at, status, duration_ms, error, answer)
      select s.id, greatest(s.attempts, 1 + coalesce((select max(n) from delivery_attempt a where a.delivery_id = s.id), 0)),
        now() - s."agoMs" * interval '1 ms', s."lastStatus", s.ms, s."lastError", s.answer
      from settled s)
    select id, task_id, batch_id, receiver from settled`;
}

/** Ends leases of deliveries that were not sent: due again after `waitMs`, no attempt used up. */
export async function giveBack(sql: Sql, leaseId: number, ids: readonly string[], waitMs = 0): Promise<void> {
  await sql`
    update delivery set lease_until = null, lease_id = null, next_at = greatest(next_at, now() + ${waitMs}::float8 * interval '1 ms')
    where id in (
      -- in the same order as the transactions that write outcomes of several
      select id from delivery where id in (select json_array_elements_text(${JSON.stringify(ids)}::text::json)::uuid)
        and lease_id = ${leaseId}::int8 and status = 'pending'
      order by id for no key update)`;
}

const agoOf = ({ beganAt, ms, answer }: Call) => ({ agoMs: performance.now() - beganAt, ms: Math.round(ms), answer });
