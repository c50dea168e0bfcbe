// The part of a batch that lies above some of its tasks, as far down as the lowest of those that are asked about.
import type { Above, Distant } from "#domain/inputs/ancestors";
import type { Sql } from "#store/pg/pool";
import { array, idList } from "#store/pg/unnest";

/** Ranks are unique in a batch, and parents have lower ones: nothing below the lowest that is asked about is looked at. */
export async function above(sql: Sql, batch: string, { from, to }: Distant): Promise<Above> {
  const found = await sql<{ name: string; id: string; rank: number }[]>`
    select local_id as name, id, rank from task_spec
    where batch_id = ${batch} and local_id = any(${array([...from, ...to])}::text[]) and local_id <> ''`;
  const ranks = new Map(found.map(({ name, rank }) => [name, rank]));
  const lowest = Math.min(...to.map((name) => ranks.get(name) ?? Number.POSITIVE_INFINITY));
  const begin = new Set(from);
  const roots = found.filter(({ name, rank }) => begin.has(name) && rank > lowest).map(({ id }) => id);
  if (roots.length === 0) return { ranks, links: [] };
  const links = await sql`
    with recursive up (id, rank) as (
      select id, rank from task_spec where id = any(${idList(roots)}::uuid[])
      union
      select p.id, p.rank from up u join link l on l.child_id = u.id join task_spec p on p.id = l.parent_id
      where p.rank > ${lowest}::int)
    select u.rank, p.rank from up u cross join lateral (select parent_id from link where child_id = u.id offset 0) l
      join task_spec p on p.id = l.parent_id
    where p.rank >= ${lowest}::int`.values();
  return { ranks, links: links as unknown as Above["links"] };
}
