// Links and relatives for propagation, in batches that the caller has locked: children that have not heard of a parent, all
// parents of a child that may be lost, unfinished parents of what ended. Look-ups by primary keys, `offset 0` keeps them so
// whatever the statistics say: what is read grows with the links that are asked for, never with what is stored.
import type { StartAction } from "#domain/action";
import { edgeOf } from "#domain/propagation/edges";
import type { ChildLink, ParentLink } from "#domain/propagation/links";
import type { TaskRow } from "#domain/row";
import { nilUuid } from "#domain/values/uuid";
import type { Sql } from "#store/pg/pool";
import { array, idList } from "#store/pg/unnest";
import { columns, hotColumns, rowOf, rowsWith, unfinished } from "#store/turn/row";

/** Children of one task after `after`, at most `max` of them; those with a rank above `upto` do not count as its children. */
export interface ChildrenAsked {
  readonly parent: string;
  readonly after: string | null;
  readonly upto: number;
  readonly max: number;
}

/** Of each parent in the order of child ids. No child is locked by it. */
export async function childLinks(sql: Sql, asked: readonly ChildrenAsked[]): Promise<ChildLink[]> {
  const found = await sql`
    select l.parent_id, l.child_id, l.requires_success, l.condition, t.rank
    from unnest(${idList(asked.map(({ parent }) => parent))}::uuid[], ${idList(asked.map(({ after }) => after ?? nilUuid))}::uuid[],
        ${array(asked.map(({ upto }) => upto))}::int[], ${array(asked.map(({ max }) => max))}::int[])
        with ordinality as u (parent, after, upto, max, n)
      cross join lateral (
        select * from link l where l.parent_id = u.parent and l.child_id > u.after order by l.child_id limit u.max) l
      left join lateral (
        select rank from task t where t.id = l.child_id and t.rank <= u.upto and ${unfinished(sql)} offset 0) t on true
    order by u.n, l.child_id`.values();
  return found.map((values) => {
    const [parent, child, requires, condition, rank] = values as [string, string, boolean, string, number | null];
    return { parent, child, edge: edgeOf(requires, condition), rank };
  });
}

export interface Child {
  readonly row: TaskRow;
  /** What it is started by; only of one without rules that waits for no other task, and so may start in this turn. */
  readonly action?: StartAction | null;
}

/** Unfinished children of these tasks, locked. */
export async function unfinishedChildren(sql: Sql, parents: readonly string[]): Promise<Child[]> {
  const found = await rowsWith(sql`
    select ${columns(sql)}, t.wait_finished = 1 and t.queue = 0,
      case when t.wait_finished = 1 and t.queue = 0 then (select start_action from task_spec where id = t.id) end
    from unnest(${idList(parents)}::uuid[]) as u (parent)
      cross join lateral (select child_id from link where parent_id = u.parent offset 0) l
      cross join lateral (
        select * from task t where t.id = l.child_id and ${unfinished(sql)} for no key update offset 0) t`);
  return found.map(({ row, more: [isNext, action] }) =>
    isNext ? { row, action: action as StartAction | null } : { row },
  );
}

/**
 * All links to these children; those whose parents have ended in the order in which they did, the others last. Those that
 * ended in one transaction did so in the order of their ranks.
 */
export async function parentLinks(sql: Sql, children: readonly string[]): Promise<ParentLink[]> {
  const found = await sql<
    { child: string; parent: string; requires: boolean | null; condition: string | null; status: TaskRow["status"] }[]
  >`
    select l.child_id as child, l.parent_id as parent, l.requires_success as requires, l.condition, t.status
    from unnest(${idList(children)}::uuid[]) as u (child)
      cross join lateral (select * from link where child_id = u.child offset 0) l
      cross join lateral (select status, ended_at, rank from task where id = l.parent_id offset 0) t
    order by t.ended_at, t.rank`;
  return found.map(({ requires, condition, ...link }) => ({ ...link, edge: edgeOf(requires, condition) }));
}

/** Unfinished parents of these tasks, locked; and which task has which. */
export async function unfinishedParents(
  sql: Sql,
  children: readonly string[],
): Promise<{ rows: TaskRow[]; links: { child: string; parent: string }[] }> {
  const found = await sql`
    select ${columns(sql)}, u.child
    from unnest(${idList(children)}::uuid[]) as u (child)
      cross join lateral (select parent_id from link where child_id = u.child offset 0) l
      cross join lateral (
        select * from task t where t.id = l.parent_id and ${unfinished(sql)} for no key update offset 0) t`.values();
  return {
    rows: found.map(rowOf),
    links: found.map((values) => ({ parent: values[0] as string, child: values[hotColumns] as string })),
  };
}

/** These tasks and what is unfinished below them (or above), some at most: an estimate of what is needed soon. */
export async function closure(sql: Sql, ids: readonly string[], way: "down" | "up", max: number): Promise<string[]> {
  const [from, to] = way === "down" ? [sql`parent_id`, sql`child_id`] : [sql`child_id`, sql`parent_id`];
  const found = await sql<{ id: string }[]>`
    with recursive near (id) as (
      select unnest(${idList(ids)}::uuid[])
      union
      select t.id from near n
        cross join lateral (select ${to} as id from link where ${from} = n.id offset 0) l
        cross join lateral (select id from task t where t.id = l.id and ${unfinished(sql)} offset 0) t)
    select id from near limit ${max}`;
  return found.map(({ id }) => id);
}
