// Reads a batch that has ended, to run it again. All of it as of one moment: one that is being deleted is there or not. Its
// links are read a page at a time, and none is kept. What has ended never changes, so what is planned from this is still true
// when it is written.
import { limits } from "#config";
import type { KeptBatch, KeptTask } from "#domain/create/rerun";
import { type EndedLink, type RerunAsk, RerunPick } from "#domain/create/rerun-pick";
import { asksForParents } from "#domain/inputs/sources";
import type { Db, Sql } from "#store/pg/pool";
import { idList } from "#store/pg/unnest";

type Ended = { readonly unfinished: number; readonly total: number };

/** How many tasks a batch has; undefined: no such batch. */
export async function sizeOf(db: Db, id: string): Promise<number | undefined> {
  const [found] = await db.use((sql) => sql<{ total: number }[]>`select total from batch where id = ${id}`);
  return found?.total;
}

/** Undefined: no such batch. `unfinished`: how many of its tasks are, where it has not ended. */
export async function readEnded(
  db: Db,
  id: string,
  ask: RerunAsk,
): Promise<{ readonly batch: KeptBatch; readonly pick: RerunPick } | Ended | undefined> {
  return db.tx(async (sql) => {
    atOneMoment(sql);
    const [found] = await sql<(Omit<KeptBatch, "id" | "tasks"> & Ended & { complete: boolean })[]>`
      select b.unfinished, b.total, b.completed_at is not null as complete, s.scope, s.metadata, s.dead_end as "deadEnd",
        coalesce(s.on_complete, '[]') as "onComplete", coalesce(s.paused, false) as paused, s.deadline_secs as "deadlineSecs"
      from batch b left join batch_spec s on s.id = b.id where b.id = ${id}`;
    if (!found?.complete) return found;
    const tasks = await sql<KeptTask[]>`
      select t.id, t.status, t.ended_at, t.rank, t.kind, t.priority, t.expected_count, t.timeout, t.retry,
        t.dead_end_barrier, t.dead_end_keep, t.joins_any, t.run_at, s.local_id, s.name, s.metadata, s.rules, s.dedupe, s.delay_secs,
        t.max_duration_secs, t.expires_secs, s.start_action, s.actions, s.paused, s.sources
      from task_spec s join task t on t.id = s.id where s.batch_id = ${id} order by t.created_at, t.pos`;
    // Old batches are deleted in portions: what is left of one is no batch any more.
    if (tasks.length < found.total) return undefined;
    const { scope, metadata, onComplete, paused, deadlineSecs = null, deadEnd } = found;
    const batch = { id, scope, metadata, onComplete, paused, deadlineSecs, deadEnd, tasks };
    const readers = tasks.filter(({ start_action }) => asksForParents(start_action));
    const pick = new RerunPick(tasks, ask, new Set(readers.map((task) => task.id)));
    if (pick.unknown.length > 0) return { batch, pick };
    for await (const page of endedLinks(sql, pick.children)) pick.hear(page);
    pick.end();
    return { batch, pick };
  }, limits.bulkWorkTimeoutMs);
}

/** Links of one page. A child's links stand on one page, so it is larger where one child alone has more. */
const pageLinks = 20_000;

/** The links to these children, in this order, page by page. */
export async function* endedLinks(sql: Sql, children: readonly string[]): AsyncGenerator<EndedLink[]> {
  const counts = (await sql`
    select l.n from unnest(${idList(children)}::uuid[]) with ordinality u (id, n)
      cross join lateral (select count(*)::int as n from link where child_id = u.id offset 0) l
    order by u.n`.values()) as unknown as [number][];
  let [from, links] = [0, 0];
  for (const [i, [n]] of counts.entries()) {
    if (links > 0 && links + n > pageLinks) {
      yield await linksTo(sql, children.slice(from, i));
      [from, links] = [i, 0];
    }
    links += n;
  }
  if (links > 0) yield await linksTo(sql, children.slice(from));
}

const linksTo = (sql: Sql, children: readonly string[]): Promise<EndedLink[]> => sql<EndedLink[]>`
  select l.parent_id, u.id as child_id, l.requires_success, l.condition
  from unnest(${idList(children)}::uuid[]) with ordinality u (id, n)
    cross join lateral (select * from link where child_id = u.id offset 0) l
  order by u.n`;

/** The first words of a transaction that reads, with the time that a large batch may take. */
function atOneMoment(sql: Sql): void {
  const set = sql
    .unsafe(
      `set transaction isolation level repeatable read, read only; set local statement_timeout = ${limits.longStatementTimeoutMs}`,
    )
    .execute();
  // Where this fails, the statement after it fails for the same reason, and tells.
  set.catch(() => {});
}
