// What the timers ask: which tasks are due, who is alive, whose claims nobody holds. Reads, and the worker's own row.
import type { Db, Sql } from "#store/client";

/** A timer of a task; the next one of the same task is another, also where it is due a moment later. */
export interface Timer {
  readonly task: string;
  readonly at: string;
}

export interface DueLook {
  /** Those whose run_at or backoff has come, earliest first. */
  readonly due: readonly Timer[];
  /** Some time-out is due as well. */
  readonly timeouts: boolean;
  /** Milliseconds until the next timer after these; null: none is armed. */
  readonly nextMs: number | null;
}

/** What is due now. Time-outs stand aside: they may have to wait, and must not stand in the way of the others. */
export function lookDue(db: Db, limit: number): Promise<DueLook> {
  return db.use(async (sql) => {
    // The next one first: what becomes due between two statements is then in both, never in none.
    const [[next], due, [late]] = await Promise.all([
      sql<{ ms: number | null }[]>`
        select extract(epoch from min(due_at) - now())::float8 * 1000 as ms from task where due_at > now()`,
      sql<Timer[]>`
        select id as task, due_at::text as at from task where due_at <= now() and status <> 'Running'
        order by due_at limit ${limit}`,
      sql`select from task where due_at <= now() and status = 'Running' order by due_at limit 1`,
    ]);
    return { due: [...due], timeouts: late !== undefined, nextMs: next?.ms ?? null };
  });
}

/** Tasks that have been silent for too long, as far as everything stored until then has been applied. */
export function timedOut(db: Db, until: Date, limit: number): Promise<Timer[]> {
  return db.use(
    (sql) => sql<Timer[]>`
      select id as task, due_at::text as at from task
      where due_at <= least(now(), ${until}::timestamptz) and status = 'Running' order by due_at limit ${limit}`,
  );
}

export interface Claim {
  readonly task: string;
  readonly claimId: number;
}

/** The last event id that was drawn. */
const drawn = (sql: Sql) => sql`(select case when is_called then last_value else 0 end from event_id_seq)`;

/** A new worker, alive for one lease; and where the log of events ends, before any event of its own. */
export function register(db: Db, name: string, leaseSecs: number): Promise<{ id: number; drawn: number }> {
  return db.use(async (sql) => {
    const [row] = await sql<{ id: number; drawn: number }[]>`
      insert into worker (name, alive_until, told)
      values (${name}, now() + make_interval(secs => ${leaseSecs}), ${drawn(sql)}) returning id, told as drawn`;
    return row as { id: number; drawn: number };
  });
}

/** A lease must not run out because others are in the queue. */
const urgentMs = 5_000;

/** Prolongs the worker's lease, notes what it has told, and says where the log ends. Null: the worker is not known any more. */
export function renew(db: Db, id: number, leaseSecs: number, told: number): Promise<number | null> {
  return db.use(
    async (sql) => {
      const [row] = await sql<{ drawn: number }[]>`
      update worker set alive_until = now() + make_interval(secs => ${leaseSecs}), told = ${told} where id = ${id}
      returning ${drawn(sql)} as drawn`;
      return row?.drawn ?? null;
    },
    urgentMs,
    "urgent",
  );
}

/** The worker ends; what it still holds can be taken over at once, and so can what it has not told: after `told`, null: nothing. */
export function resign(db: Db, id: number, told: number | null): Promise<void> {
  return db.use(async (sql) => {
    await sql`update worker set alive_until = now(), told = ${told} where id = ${id}`;
  });
}

export function claimsOf(db: Db, owner: number): Promise<Claim[]> {
  return db.use((sql) => sql<Claim[]>`select id as task, claim_id as "claimId" from task where owner = ${owner}`);
}

/** Claims of workers whose lease has run out. */
export function orphans(db: Db, limit: number): Promise<Claim[]> {
  return db.use(
    (sql) => sql<Claim[]>`
      select t.id as task, t.claim_id as "claimId" from task t left join worker w on w.id = t.owner
      where t.owner is not null and (w.id is null or w.alive_until < now()) limit ${limit}`,
  );
}

/**
 * Ends sessions of processes that have stood still for so long in the middle of a statement; how many there were. Postgres waits
 * for the next message of the statement then, neither idle nor at work: its time-outs do not reach such a session, and what it
 * has locked stays locked.
 */
export async function endStalled(db: Db, afterMs: number): Promise<number> {
  const ended = await db.use(
    (sql) => sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and usename = current_user and application_name = 'baton'
        and state = 'active' and wait_event = 'ClientRead' and state_change < now() - ${afterMs}::float8 * interval '1 ms'`,
  );
  return ended.length;
}
