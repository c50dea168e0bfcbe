// The graph of a batch, page by page: tasks in the order of creation, each page with the links from its own tasks to those
// above them, which are on this page or an earlier one. A page ends early where its links would be too many.

import { edgeOf } from "#domain/propagation/edges";
import type { TaskState } from "#domain/state";
import type { TaskRecord } from "#domain/task";
import type { Cursor } from "#domain/values/cursor";
import type { Db, Sql } from "#store/pg/pool";
import { idList } from "#store/pg/unnest";
import { hot } from "#store/read/record";
import { type Page, reading } from "#store/read/walk";

export interface ListedLink {
  readonly parent_id: string;
  readonly child_id: string;
  readonly requires_success: boolean;
  readonly condition: string | null;
}

export interface Dag {
  readonly tasks: TaskRecord[];
  readonly links: ListedLink[];
  readonly next: Cursor | undefined;
}

/** Tasks as `[id, local_id, name, kind, status]`, links as `[parent, child, edge]` by place among the tasks over all pages. */
export interface CompactDag {
  readonly tasks: (readonly [string, string, string, string, TaskState])[];
  readonly links: (readonly [number, number, string])[];
  readonly next: Cursor | undefined;
}

/** On one page, and the most tasks. */
export const dagLinksMax = 100_000;
export const dagTasksMax = 10_000;

/** Undefined when there is no such batch. */
export const findDag = (db: Db, batch: string, page: Page): Promise<Dag | undefined> =>
  reading(db, async (sql) => {
    const part = await partOf(sql, batch, page);
    if (part === undefined) return undefined;
    const { ids, links, next } = part;
    const tasks = await sql<TaskRecord[]>`
      select ${hot(sql)} from unnest(${idList(ids)}::uuid[]) with ordinality u (id, n)
        join task t on t.id = u.id join task_spec s on s.id = t.id order by u.n`;
    return {
      tasks,
      links: links.map(({ parent_id, child_id, requires_success, condition }) => ({
        ...{ parent_id, child_id, requires_success: requires_success ?? false, condition },
      })),
      next,
    };
  });

export const compactDag = (db: Db, batch: string, page: Page): Promise<CompactDag | undefined> =>
  reading(db, async (sql) => {
    const part = await partOf(sql, batch, page);
    if (part === undefined) return undefined;
    const { ids, links, next } = part;
    const last = ids.at(-1);
    const [tasks, above] = await Promise.all([
      sql`
        select t.id, s.local_id, s.name, t.kind, t.status
        from unnest(${idList(ids)}::uuid[]) with ordinality u (id, n) join task t on t.id = u.id join task_spec s on s.id = t.id
        order by u.n`.values() as unknown as Promise<CompactDag["tasks"]>,
      // All up to the last of this page: a place is how many stand before it.
      last === undefined
        ? []
        : sql<{ id: string }[]>`
            select id from task_spec where batch_id = ${batch}::uuid
              and (rank, id) <= (select rank, id from task_spec where id = ${last}::uuid) order by rank, id`,
    ]);
    const place = new Map(above.map(({ id }, i) => [id, i]));
    const at = (id: string) => place.get(id) as number;
    return {
      tasks,
      links: links.map(
        (link) => [at(link.parent_id), at(link.child_id), edgeOf(link.requires_success, link.condition)] as const,
      ),
      next,
    };
  });

interface KeptLink {
  readonly parent_id: string;
  readonly child_id: string;
  readonly requires_success: boolean | null;
  readonly condition: string | null;
}

interface Part {
  readonly ids: readonly string[];
  readonly links: readonly KeptLink[];
  readonly next: Cursor | undefined;
}

async function partOf(sql: Sql, batch: string, { page, size, after }: Page): Promise<Part | undefined> {
  const beyond = after ? sql`and (rank, id) > (${after.at}::text::int, ${after.id}::uuid)` : sql``;
  const offset = after ? 0 : Math.min(page * size, 2 ** 31);
  const [found, rows] = await Promise.all([
    sql`select from batch where id = ${batch}`.execute(),
    sql<{ id: string; at: string }[]>`
      select id, rank::text as at from task_spec where batch_id = ${batch}::uuid ${beyond}
      order by rank, id limit ${size + 1} offset ${offset}`.execute(),
  ]);
  if (found.length === 0) return undefined;
  const tasks = rows.slice(0, size);
  const links = await linksOf(
    sql,
    tasks.map(({ id }) => id),
  );
  if (links.length <= dagLinksMax) return { ids: tasks.map(({ id }) => id), links, next: rows[size] && tasks.at(-1) };
  // The task whose links did not all fit is the first of the next page, unless it is the only one.
  const cut = links[dagLinksMax]?.child_id;
  const end = Math.max(
    1,
    tasks.findIndex(({ id }) => id === cut),
  );
  const kept = new Set(tasks.slice(0, end).map(({ id }) => id));
  return { ids: [...kept], links: links.filter(({ child_id }) => kept.has(child_id)), next: tasks[end - 1] };
}

/** In the order of their children, then of their parents; one more than a page takes says that there are too many. */
const linksOf = (sql: Sql, children: readonly string[]): Promise<KeptLink[]> => sql<KeptLink[]>`
  select l.parent_id, u.id as child_id, l.requires_success, l.condition
  from unnest(${idList(children)}::uuid[]) with ordinality u (id, n) cross join lateral (
    select k.parent_id, k.requires_success, k.condition from link k join task_spec p on p.id = k.parent_id
    where k.child_id = u.id order by p.rank, p.id) l
  order by u.n limit ${dagLinksMax + 1}`;
