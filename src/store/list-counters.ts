// What has to be known of tasks before updates of their counters are accepted: many in one look, without locks.
import type { TaskRow } from "#domain/row";
import { array, idList } from "#store/arrays";
import type { Db } from "#store/client";

export interface CounterState {
  readonly id: string;
  readonly status: TaskRow["status"];
  readonly success: number;
  readonly failures: number;
}

export interface CountersSeen {
  readonly tasks: ReadonlyMap<string, CounterState>;
  /** What the ids stand for that were counted; null: nobody knows any more. */
  readonly counted: ReadonlyMap<string, string | null>;
}

/** The tasks, and which of these ids were counted. Ends within `timeoutMs`, or fails with `Unavailable`. */
export function seeCounters(
  db: Db,
  tasks: readonly string[],
  ids: readonly string[],
  timeoutMs: number,
): Promise<CountersSeen> {
  return db.use(async (sql) => {
    const [states, counted] = await Promise.all([
      sql<CounterState[]>`
        select id, status, success, failures from task where id = any(${idList(tasks)}::uuid[])`,
      ids.length === 0
        ? []
        : sql<{ id: string; counts: string | null }[]>`
            select id, counts from counter_update where id = any(${array(ids)}::text[])`,
    ]);
    return {
      tasks: new Map(states.map((state) => [state.id, state])),
      counted: new Map(counted.map(({ id, counts }) => [id, counts])),
    };
  }, timeoutMs);
}
