// What has to be known of tasks before updates of their counters are accepted: many in one look, without locks.
import type { TaskRow } from "#domain/row";
import { countMax, updateMax } from "#domain/schema/text";
import type { Db } from "#store/pg/pool";
import { array, idList } from "#store/pg/unnest";

export interface CounterState {
  readonly id: string;
  readonly status: TaskRow["status"];
  readonly attempt: number;
  readonly inDoubt: boolean;
  readonly success: number;
  readonly failures: number;
}

export interface CountersAsked {
  readonly tasks: readonly string[];
  /** Those of them whose updates name a later attempt than the first: they are always listed. */
  readonly named: readonly string[];
  readonly ids: readonly string[];
}

export interface CountersSeen {
  /** Of the tasks that do not simply take every update: null where there is no such task. */
  readonly special: ReadonlyMap<string, CounterState | null>;
  /** What the ids stand for that were counted; null: nobody knows any more. */
  readonly counted: ReadonlyMap<string, string | null>;
}

/** What is special about these tasks, and which of these ids were counted. Ends within `timeoutMs`, or fails with `Unavailable`. */
export function seeCounters(db: Db, { tasks, named, ids }: CountersAsked, timeoutMs: number): Promise<CountersSeen> {
  return db.use(async (sql) => {
    const [special, counted] = await Promise.all([
      // Mostly there is nothing to tell: to give back every row would cost as much as to find it.
      sql<({ sent: string } & CounterState)[]>`
        select u.id as sent, t.id, t.status, t.attempt, t.in_doubt as "inDoubt", t.success, t.failures
        from unnest(${idList(tasks)}::uuid[]) u (id) left join task t on t.id = u.id
        where t.id is null or t.ended_at is not null or t.attempt > 0 or t.id = any(${idList(named)}::uuid[])
          or greatest(t.success, t.failures) > ${countMax - updateMax}`,
      ids.length === 0
        ? []
        : sql<{ id: string; counts: string | null }[]>`
            select id, counts from counter_update where id = any(${array(ids)}::text[])`,
    ]);
    return {
      special: new Map(special.map(({ sent, ...state }) => [sent, state.id === null ? null : state])),
      counted: new Map(counted.map(({ id, counts }) => [id, counts])),
    };
  }, timeoutMs);
}
