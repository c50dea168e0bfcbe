// Pages of tasks, newest first. An index leads to the candidates: that of the batch, of the metadata, of a state or of a kind,
// else the one of all tasks by time; what it does not answer is asked of each candidate.
import type { Fragment } from "postgres";
import type { StartAction } from "#domain/action";
import { type TaskState, taskStates } from "#domain/state";
import type { TaskRecord } from "#domain/task";
import type { Cursor } from "#domain/values/cursor";
import type { Db, Sql } from "#store/pg/pool";
import { array, idList } from "#store/pg/unnest";
import { kindsLike } from "#store/read/kinds";
import { hot } from "#store/read/record";
import {
  type Candidates,
  containing,
  type Listed,
  look,
  newest,
  type Page,
  reading,
  there,
  walk,
} from "#store/read/walk";

export interface TaskFilter extends Page {
  /** One of these. */
  readonly status?: readonly TaskState[];
  /** Parts of kind and name, case-sensitive. */
  readonly kind?: string;
  readonly name?: string;
  readonly batchId?: string;
  /** Contained in the task's own. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly timeout?: number;
  /** `none`: without a start action. */
  readonly startKind?: StartAction["kind"] | "none";
}

/** Newest first; of one creation time by id. */
export const listTasks = (db: Db, filter: TaskFilter): Promise<Listed<TaskRecord>> =>
  reading(db, async (sql) => {
    const { rows, next } = await walkTasks(sql, filter);
    if (rows.length === 0) return { rows: [], next };
    const tasks = await sql<TaskRecord[]>`
      select ${hot(sql)} from unnest(${idList(rows.map(({ id }) => id))}::uuid[]) with ordinality u (id, n)
        join task t on t.id = u.id join task_spec s on s.id = t.id order by u.n`;
    return { rows: tasks, next };
  });

/** The same by place and id alone. */
export async function walkTasks(sql: Sql, filter: TaskFilter): Promise<Listed<Cursor>> {
  const source = await sourceOf(sql, filter);
  if (source === undefined) return { rows: [], next: undefined };
  return walk(filter, (after, sought) => look(sql, source(after, sought.limit), sought));
}

/** Candidates in order, and what is left to ask of them. */
type Source = (after: Cursor | undefined, limit: number) => Candidates;

/** Of so few batches the tasks of a kind are looked at, rather than all of a state. */
const kindBatchesMax = 2_000;
/** So many tasks with some metadata are sorted; where more have it, they are met soon by going through all of them. */
const metadataRowsMax = 2_000;

/** Undefined: there can be none. */
async function sourceOf(sql: Sql, filter: TaskFilter): Promise<Source | undefined> {
  const { batchId, metadata, status, kind, startKind } = filter;
  const asked = askedOf(sql, filter);
  const bySpec = (from: Fragment, where = sql`true`): Source => {
    const range = { from, where, ok: all(sql, asked.cold) };
    return (after, limit) => ({ rows: newest(sql, range, after, limit), match: hotMatch(sql, asked) });
  };
  // Fenced in: the planner would else walk all tasks by time and hope to meet these early.
  if (batchId !== undefined) return bySpec(sql`(select * from task_spec where batch_id = ${batchId}::uuid offset 0) t`);
  if (metadata !== undefined && Object.keys(metadata).length > 0) {
    const ids = await withMetadata(sql, metadata);
    if (ids) return bySpec(sql`(select * from task_spec where id = any(${idList(ids)}::uuid[]) offset 0) t`);
  }
  if (startKind === "Wait") return bySpec(sql`task_spec t`, sql`t.start_kind = 'Wait'`);
  const kinds = kind === undefined ? undefined : await kindsLike(sql, kind);
  if (kinds?.length === 0) return undefined;
  if (kinds !== undefined && (await areRare(sql, kinds)))
    return (after, limit) => ({
      rows: ofKinds(sql, kinds, all(sql, asked.cold), after, limit),
      match: hotMatch(sql, asked),
    });
  if (status !== undefined) return byStatus(sql, status, asked);
  // What is asked of the hot rows is asked while they are walked: by their index, which begins with the state.
  return asked.hot.length > 0 && asked.cold.length === 0 ? byStatus(sql, taskStates, asked) : bySpec(sql`task_spec t`);
}

/** What a filter asks of the cold row and of the hot one, both as `t`. */
interface Asked {
  readonly cold: Fragment[];
  readonly hot: Fragment[];
  readonly status: Fragment[];
}

const askedOf = (sql: Sql, { status, kind, name, metadata, timeout, startKind }: TaskFilter): Asked => ({
  cold: [
    ...(name === undefined ? [] : [sql`t.name like ${containing(name)}`]),
    ...(startKind === undefined
      ? []
      : [sql`t.start_kind is not distinct from ${startKind === "none" ? null : startKind}::text`]),
    ...(metadata ? [sql`coalesce(t.metadata @> ${JSON.stringify(metadata)}::text::jsonb, false)`] : []),
  ],
  hot: [
    ...(kind === undefined ? [] : [sql`t.kind like ${containing(kind)}`]),
    ...(timeout === undefined ? [] : [sql`t.timeout = ${timeout}::bigint`]),
  ],
  status: status ? [sql`t.status = any(${array(status)}::task_status[])`] : [],
});

const all = (sql: Sql, parts: readonly Fragment[]): Fragment => parts.reduce((a, b) => sql`${a} and ${b}`, sql`true`);

function hotMatch(sql: Sql, { cold, hot, status }: Asked): Fragment | undefined {
  const asked = [...hot, ...status];
  if (asked.length === 0) return cold.length === 0 ? undefined : sql`true`;
  return there(sql, sql`task t where t.id = c.id and ${all(sql, asked)}`);
}

function byStatus(sql: Sql, status: readonly TaskState[], { cold, hot }: Asked): Source {
  const asked = cold.length === 0 ? sql`true` : there(sql, sql`task_spec t where t.id = c.id and ${all(sql, cold)}`);
  const match = cold.length + hot.length === 0 ? undefined : asked;
  return (after, limit) => {
    const of = (one: TaskState) => {
      const range = { from: sql`task t`, where: sql`t.status = ${one}::task_status`, ok: all(sql, hot) };
      return newest(sql, range, after, limit);
    };
    return { rows: [...new Set(status)].map(of).reduce((rows, one): Fragment => sql`${rows} union all ${one}`), match };
  };
}

async function withMetadata(sql: Sql, metadata: object): Promise<string[] | undefined> {
  const found = await sql<{ id: string }[]>`
    select id from task_spec where metadata @> ${JSON.stringify(metadata)}::text::jsonb limit ${metadataRowsMax + 1}`;
  return found.length > metadataRowsMax ? undefined : found.map(({ id }) => id);
}

async function areRare(sql: Sql, kinds: readonly string[]): Promise<boolean> {
  const [row] = await sql<{ n: number }[]>`
    select count(*)::int as n from (
      select from batch_kind where kind = any(${array(kinds)}::text[])
      union all select from kind_added where kind = any(${array(kinds)}::text[]) limit ${kindBatchesMax + 1}) k`;
  return (row?.n ?? 0) <= kindBatchesMax;
}

/** Tasks that were created together with one of these kinds, or added: at most as many moments as rows that are wanted. */
function ofKinds(sql: Sql, kinds: readonly string[], ok: Fragment, after: Cursor | undefined, limit: number): Fragment {
  const upto = after ? sql`and b.created_at <= ${after.at}::text::timestamptz` : sql``;
  const tasks = { from: sql`task_spec t`, where: sql`t.created_at = m.created_at`, ok };
  const moments = (table: "batch_kind" | "kind_added") => sql`
    (select b.created_at from ${sql(table)} b where b.kind = k.kind ${upto} order by b.created_at desc limit ${limit})`;
  return sql`
    select c.id, c.created_at, c.ok from (
      select distinct u.created_at from unnest(${array(kinds)}::text[]) k (kind) cross join lateral (
        ${moments("batch_kind")} union all ${moments("kind_added")}) u
      order by u.created_at desc limit ${limit}) m
    cross join lateral (${newest(sql, tasks, after, limit)}) c`;
}
