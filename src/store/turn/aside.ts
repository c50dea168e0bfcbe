// What always fails is set aside: one step of propagation or one sweep, under the lock of its batch, with its reason and for a
// while. The works that wait for it say so too, and their inboxes are given back: these are answered at once.
import type { Part } from "#domain/portions/part";
import type { Db, Sql } from "#store/pg/pool";
import { limitLockWait } from "#store/pg/transaction";
import { lockBatches } from "#store/turn/load";

const reasonCharsMax = 1_000;

export interface Aside {
  readonly part: Part;
  readonly reason: string;
  readonly forMs: number;
  /** For the lock of the batch. */
  readonly waitMs: number;
}

export interface SetAside {
  readonly replies: readonly string[];
  /** It was never set aside before. */
  readonly isFirst: boolean;
}

/** Null: it has been done, or changed, by now. */
export function setAside(db: Db, batch: string, { part, reason, forMs, waitMs }: Aside): Promise<SetAside | null> {
  return db.tx(async (sql) => {
    await limitLockWait(sql, waitMs);
    await lockBatches(sql, [], [batch], true);
    const error = reason.slice(0, reasonCharsMax);
    if ("sweep" in part) {
      const works = await setWorksAside(sql, batch, { from: part.sweep, to: part.sweep, isSweep: true, forMs, error });
      return works.length === 0 ? null : { replies: repliesOf(works), isFirst: works[0]?.failures === 1 };
    }
    const [step] = await sql<{ from: number; to: number; failures: number }[]>`
      update propagation set aside_until = now() + ${forMs}::float8 * interval '1 ms', failures = failures + 1, error = ${error}
      where batch_id = ${batch} and task_id = ${part.step.taskId} and step = ${part.step.step}
      returning cause as "from", last_cause as "to", failures`;
    if (step === undefined) return null;
    const works = await setWorksAside(sql, batch, { ...step, isSweep: false, forMs, error });
    return { replies: repliesOf(works), isFirst: step.failures === 1 };
  });
}

interface Range {
  readonly from: number;
  readonly to: number;
  readonly isSweep: boolean;
  readonly forMs: number;
  readonly error: string;
}
interface WorkAside {
  readonly failures: number;
  readonly replies: readonly string[];
}

const setWorksAside = (sql: Sql, batch: string, { from, to, isSweep, forMs, error }: Range) =>
  sql<WorkAside[]>`
    with waiting as (
      select seq, to_jsonb(replies) as replies from batch_work
      where batch_id = ${batch} and seq between ${from} and ${to} and (kind <> 'propagation') = ${isSweep} and done_at is null)
    update batch_work w set aside_until = now() + ${forMs}::float8 * interval '1 ms', failures = failures + 1, error = ${error}, last_at = now(), replies = '{}'
    from waiting o where w.batch_id = ${batch} and w.seq = o.seq returning w.failures, o.replies`;

const repliesOf = (works: readonly WorkAside[]) => works.flatMap(({ replies }) => replies);
