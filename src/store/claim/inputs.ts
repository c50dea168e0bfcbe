// Reads the results that starts ask for: those of all tasks of a claim round in one query. Sizes are known before results are
// read, so that neither a task with very many parents nor a round with many such tasks brings more than a bounded amount.
import { inputsBytesMax } from "#domain/inputs/inputs";
import type { Asking, SourceRow } from "#domain/inputs/starts";
import type { Sql } from "#store/pg/pool";
import { array, idList } from "#store/pg/unnest";

/** What the transaction has decided and not written yet. */
export interface Unwritten {
  /** Tasks that end. */
  readonly ended: readonly string[];
  /** Tasks that get another result. */
  readonly changed: readonly string[];
  /** Sources that had not ended at the first claim of the attempt, each with the place of who asks: they stay so for it. */
  readonly unended: readonly (readonly [n: number, name: string])[];
}

/**
 * Of tasks that were claimed before, the sources that had not ended at the first claim of their present attempt. `since`: none of
 * them is older.
 */
export async function unendedAtFirst(
  sql: Sql,
  tasks: readonly { readonly id: string; readonly attempt: number }[],
  since: Date,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = await sql<{ task: string; unended: string[] | null }[]>`
    select distinct on (e.task_id) e.task_id as task, e.detail -> 'unended' as unended
    from unnest(${idList(tasks.map(({ id }) => id))}::uuid[], ${array(tasks.map(({ attempt }) => attempt))}::int[]) u (id, attempt)
      join event e on e.task_id = u.id and e.attempt = u.attempt
    where e.event = 'claim' and e.at >= ${since}::timestamptz order by e.task_id, e.id`;
  return new Map(found.map(({ task, unended }) => [task, unended ?? []]));
}

/** The sources of these tasks. Results are read while they take at most so many bytes in all. */
export function sourcesOf(
  sql: Sql,
  asking: readonly Asking[],
  unwritten: Unwritten,
  bytesMax: number,
): Promise<SourceRow[]> {
  const wholes = asking.flatMap(({ inputs }, n) => (inputs === "parents" ? [n] : []));
  const names = asking.flatMap(({ inputs }, n) =>
    inputs === "parents"
      ? []
      : [...new Set(Object.values(inputs).map(({ task }) => task))].map((name) => [n, name] as const),
  );
  return sql<SourceRow[]>`
    with asking as materialized (
      select u.n::int - 1 as n, c.id, c.batch_id, c.local_id, c.sources
      from unnest(${array(asking.map(({ task }) => task))}::uuid[]) with ordinality u (task, n) join task_spec c on c.id = u.task
    ), found as (
      select a.n, u.name, case when a.sources ? u.name then (a.sources ->> u.name)::uuid else (
        select s.id from task_spec s where s.batch_id = a.batch_id and s.local_id = u.name and s.local_id <> '') end as id
      from unnest(${array(names.map(([n]) => n))}::int[], ${array(names.map(([, name]) => name))}::text[]) u (n, name)
        join asking a on a.n = u.n
      union all
      select a.n, null, l.parent_id from asking a
        cross join lateral (select parent_id from link where child_id = a.id offset 0) l
      where a.n = any(${array(wholes)}::int[])
      union all
      select a.n, e.key, e.value::uuid from asking a cross join lateral jsonb_each_text(a.sources) e
      where a.n = any(${array(wholes)}::int[])
    ), source as materialized (
      select f.n, coalesce(f.name, s.local_id) as name, f.id, e.ended,
        case when not e.ended or s.result is null or s.id = any(${idList(unwritten.changed)}::uuid[]) then 0
          else coalesce(s.result_bytes, octet_length(s.result::text)) end as bytes
      from found f left join task_spec s on s.id = f.id left join task t on t.id = f.id
        cross join lateral (
          select (t.ended_at is not null or t.id = any(${idList(unwritten.ended)}::uuid[])) and not exists (
            select from unnest(${array(unwritten.unended.map(([n]) => n))}::int[], ${array(unwritten.unended.map(([, name]) => name))}::text[]) x (n, name)
            where x.n = f.n and x.name = s.local_id) as ended) e
    ), size as materialized (
      select n, sum(bytes) <= ${inputsBytesMax}::int or n <> all(${array(wholes)}::int[]) as fits, sum(bytes)::float8 as bytes
      from source group by n
    ), total as materialized (
      select n, fits, sum(case when fits then bytes else 0 end) over (order by n) as upto from size)
    select a.n, a.local_id as "localId", s.name, s.id, coalesce(s.ended, false) as "isEnded", coalesce(s.bytes, 0) as bytes,
      coalesce(t.upto, 0) as upto, coalesce(t.fits, true) as "isRead",
      case when t.fits and t.upto <= ${bytesMax}::int and s.ended then (select r.result from task_spec r where r.id = s.id) end as result
    from asking a left join source s on s.n = a.n left join total t on t.n = a.n`;
}
