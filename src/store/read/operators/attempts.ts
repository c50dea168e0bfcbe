// The newest events of a task, and what else its attempts are read from.
import type { AttemptEvent } from "#domain/attempts";
import { eventSpan } from "#store/events/log";
import type { Db } from "#store/pg/pool";
import { reading } from "#store/read/walk";

export interface AttemptsRead {
  readonly created_at: Date;
  readonly run_at: Date | null;
  /** Oldest first. */
  readonly events: readonly AttemptEvent[];
}

/** Some for each claim: the claim, the end of its call, a report, the way back; and refused reports. */
const eventsMax = 2_000;

/** Undefined: there is no such task. */
export const readAttempts = (db: Db, task: string): Promise<AttemptsRead | undefined> =>
  reading(db, async (sql) => {
    const [found] = await sql<{ created_at: Date; run_at: Date | null; until: Date | null }[]>`
      select created_at, run_at, case when rejected = 0 then ended_at + interval '2 days' end as until from task where id = ${task}`;
    if (found === undefined) return undefined;
    const { created_at, run_at } = found;
    const [since, until] = eventSpan(created_at, found.until);
    const events = await sql<AttemptEvent[]>`
      select "from", "to", event, at, attempt, reason, actor, detail from event
      where task_id = ${task} and at >= ${since} and at <= ${until} order by id desc limit ${eventsMax}`;
    return { created_at, run_at, events: events.toReversed() };
  });
