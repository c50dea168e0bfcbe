// Which timers are due, of tasks and of batches, in the order in which they were.
import { nilUuid } from "#domain/values/uuid";
import type { Db } from "#store/pg/pool";

/** The timer of a task, or the deadline of a batch; the next one of the same task is another, also where it is due a moment later. */
export interface Timer {
  /** The task; of a deadline the batch. */
  readonly id: string;
  readonly batch: string;
  /** When it was due, as Postgres writes it. */
  readonly at: string;
  /**
   * `silence`: it ends the task unless something was heard of it since. `limit`: the time of the whole task is over, whatever was
   * heard. `deadline`: that of the batch. `ready`: the task may go on.
   */
  readonly kind: "ready" | "silence" | "limit" | "deadline";
  readonly timeoutSecs: number;
  readonly lastUpdated: Date;
}

/** How far a look has come: timers are looked at in the order in which they were due. */
export interface DuePlace {
  readonly at: string;
  readonly id: string;
}

const firstId = nilUuid;

export const firstDue: DuePlace = { at: "-infinity", id: firstId };

/** Before everything that was due at this time. */
export const dueFrom = (at: Date): DuePlace => ({ at: at.toISOString(), id: firstId });

export interface DueLook {
  /** What is due, in order; as many as were asked for where there may be more. */
  readonly timers: readonly Timer[];
  /** By the clock of Postgres: everything after the place that was due by then, and was committed, is in it. */
  readonly now: Date;
  /** Milliseconds until the next timer after `now`; null: none is armed. */
  readonly nextMs: number | null;
}

/** What is due now, after a place. */
export function lookDue(db: Db, after: DuePlace, limit: number): Promise<DueLook> {
  return db.use(async (sql) => {
    // The next one first: what becomes due between two statements is then in both, never in none.
    const [[next], timers] = await Promise.all([
      sql<{ now: Date; ms: number | null }[]>`
        select now(), extract(epoch from least(
          (select due_at from task where due_at > now() order by due_at, id limit 1),
          (select deadline_at from batch where completed_at is null and deadline_at > now() order by deadline_at, id limit 1)
        ) - now())::float8 * 1000 as ms`,
      sql<Timer[]>`
        select id, batch, due_at::text as at, kind, secs as "timeoutSecs", heard as "lastUpdated" from (
          (select id, batch_id as batch, due_at, timeout as secs, last_updated as heard,
             case when coalesce(first_claimed_at + max_duration_secs * interval '1 second',
               case when first_claimed_at is null then created_at + expires_secs * interval '1 second' end) <= now() then 'limit'
               when status = 'Running' then 'silence' else 'ready' end as kind
           from task where (due_at, id) > (${after.at}::text::timestamptz, ${after.id}::uuid) and due_at <= now()
           order by due_at, id limit ${limit})
          union all
          (select id, id, deadline_at, 0, created_at, 'deadline' from batch
           where completed_at is null and not stopping and deadline_at <= now()
             and (deadline_at, id) > (${after.at}::text::timestamptz, ${after.id}::uuid)
           order by deadline_at, id limit ${limit})) d
        order by due_at, id limit ${limit}`,
    ]);
    return { timers: [...timers], now: (next as { now: Date }).now, nextMs: next?.ms ?? null };
  });
}
