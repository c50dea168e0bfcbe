// What unfinished tasks lack of what rules ask for: said to whoever sends these rules, or new metadata. Bounded, whatever the batch is.
import type { Rule } from "#domain/rules/rule";
import type { Db } from "#store/pg/pool";
import { array } from "#store/pg/unnest";

export interface Lacking {
  /** Of the whole batch. */
  readonly kinds: readonly string[];
  /** Unfinished tasks of the kind that were looked at; among them those without `expected_count`. */
  readonly tasks: number;
  readonly uncounted: number;
  /** By name of a metadata member: how many lack it, and what one of these has instead. */
  readonly fields: ReadonlyMap<string, { readonly tasks: number; readonly names: readonly string[] }>;
}

/** So many tasks of a batch are gone through, and so many of the kind looked at. */
const [rowsMax, tasksMax] = [10_000, 1_000];
const namesMax = 100;

/** Undefined: there is no such batch. `fields`: names of metadata members. */
export async function lacking(
  db: Db,
  batch: string,
  kind: string,
  fields: readonly string[],
): Promise<Lacking | undefined> {
  return db.use(async (sql) => {
    const [[found], [counted], lacked] = await Promise.all([
      sql<{ kinds: string[] }[]>`select to_json(kinds) as kinds from batch where id = ${batch}`,
      sql<{ tasks: number; uncounted: number }[]>`
        with looked as (${lookedAt()})
        select count(*)::int as tasks, (count(*) filter (where expected_count is null))::int as uncounted from looked`,
      sql<{ name: string; tasks: number; names: string[] }[]>`
        with looked as materialized (${lookedAt()})
        select f.name, l.tasks, to_json(array(
          select key from jsonb_object_keys(l.one) as key order by key limit ${namesMax})) as names
        from unnest(${array(fields)}::text[]) as f (name) cross join lateral (
          select count(*)::int as tasks, coalesce((array_agg(metadata) filter (where metadata is not null))[1], '{}') as one from looked
          where not coalesce(metadata ? f.name, false)) l
        where l.tasks > 0`,
    ]);
    function lookedAt() {
      return sql`
        select s.metadata, t.expected_count
        from (select id from task_spec where batch_id = ${batch} order by rank limit ${rowsMax}) r
          cross join lateral (
            select expected_count from task where id = r.id and kind = ${kind} and ended_at is null offset 0) t
          cross join lateral (select metadata from task_spec where id = r.id offset 0) s
        limit ${tasksMax}`;
    }
    if (found === undefined) return undefined;
    const { tasks = 0, uncounted = 0 } = counted ?? {};
    return { ...found, tasks, uncounted, fields: new Map(lacked.map(({ name, ...rest }) => [name, rest])) };
  });
}

/** The rules of one task; none where there is no such task. */
export async function rulesOfTask(db: Db, task: string): Promise<readonly Rule[]> {
  const [found] = await db.use(
    (sql) => sql<{ rules: readonly Rule[] }[]>`select rules from task_spec where id = ${task}`,
  );
  return found?.rules ?? [];
}
