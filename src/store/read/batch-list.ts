// Pages of batches, newest first. An index leads to the candidates: that of a scope, of kinds, of batches that are under way, or
// of all by time; the rest is asked of each, where it can be of its own row alone.
import type { Fragment } from "postgres";
import { finalStates } from "#domain/row";
import type { TaskState } from "#domain/state";
import type { Cursor } from "#domain/values/cursor";
import type { Db, Sql } from "#store/pg/pool";
import { array, idList } from "#store/pg/unnest";
import { type BatchState, type BatchSummary, stateOf, summaries } from "#store/read/batches";
import { kindsLike } from "#store/read/kinds";
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

export interface BatchFilter extends Page {
  /** Of any of its tasks, which has to match all of them: parts of kind and name, and one of these states. */
  readonly kind?: string;
  readonly name?: string;
  readonly status?: readonly TaskState[];
  /** Or one of these of the batch itself. */
  readonly state?: readonly BatchState[];
  readonly scope?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly createdAfter?: Date;
  readonly createdBefore?: Date;
}

/** Newest first. */
export const listBatches = (db: Db, filter: BatchFilter): Promise<Listed<BatchSummary>> =>
  reading(db, async (sql) => {
    const { rows, next } = await walkBatches(sql, filter);
    return {
      rows: await summaries(
        sql,
        rows.map(({ id }) => id),
      ),
      next,
    };
  });

/** The same by place and id alone. */
export async function walkBatches(sql: Sql, filter: BatchFilter): Promise<Listed<Cursor>> {
  const source = await sourceOf(sql, filter);
  if (source === undefined) return { rows: [], next: undefined };
  return walk(filter, (after, sought) => look(sql, source(after, sought.limit), sought));
}

/** Those of these batches that still match by their states and by those of their tasks. */
export async function stillMatching(
  sql: Sql,
  ids: readonly string[],
  { kind, name, status, state }: Omit<BatchFilter, keyof Page>,
): Promise<string[]> {
  const states = Object.entries({ kind, name, status, state }).filter(([, one]) => one !== undefined);
  const { match } = asked(sql, { ...Object.fromEntries(states), page: 0, size: 1 });
  if (match === undefined) return [...ids];
  const found = await sql<{ id: string }[]>`select c.id from unnest(${idList(ids)}::uuid[]) c (id) where ${match}`;
  return found.map(({ id }) => id);
}

type Source = (after: Cursor | undefined, limit: number) => Candidates;

/** Where so few tasks are in the states that are asked for, their batches are the candidates. */
const tasksMax = 2_000;

/** Undefined: there can be none. */
async function sourceOf(sql: Sql, filter: BatchFilter): Promise<Source | undefined> {
  const { kind, name, status, state, scope } = filter;
  const kinds = kind === undefined ? undefined : await kindsLike(sql, kind);
  if (kinds?.length === 0) return undefined;
  const range = { id: sql`t.id`, ascending: false };
  const asks = { ...asked(sql, filter), ascending: false };
  const of =
    (from: Fragment, where: Fragment): Source =>
    (after, limit) => ({
      rows: newest(sql, { ...range, from, where: sql`${where} ${between(sql, filter)}` }, after, limit),
      ...asks,
    });
  if (scope !== undefined) return of(sql`batch_spec t`, sql`t.scope = ${scope}`);
  const isTask = name !== undefined || kind !== undefined || status !== undefined;
  if (isTask && state === undefined && status?.every((one) => !finalStates.has(one))) {
    const ids = await batchesIn(sql, filter);
    if (ids) return of(sql`(select * from batch where id = any(${idList(ids)}::uuid[]) offset 0) t`, sql`true`);
  }
  const isUnderWay =
    (status ?? []).every((one) => !finalStates.has(one)) &&
    (state ?? []).every((one) => one === "running" || one === "paused") &&
    (status ?? state) !== undefined;
  if (kinds !== undefined && state === undefined) {
    const parts = kinds.map((one) =>
      of(sql`(select kind, created_at, batch_id as id from batch_kind) t`, sql`t.kind = ${one}`),
    );
    return (after, limit) => ({
      // A batch with several of the kinds is one row.
      rows: sql`select distinct id, created_at, ok from (${parts
        .map((part) => part(after, limit).rows)
        .reduce((rows, one): Fragment => sql`${rows} union all ${one}`)}) k`,
      ...asks,
    });
  }
  return of(sql`batch t`, isUnderWay ? sql`t.completed_at is null` : sql`true`);
}

/** Times are shown by milliseconds, so "after" one is from the next one on. */
const nextMs = (time: Date): Date => new Date(time.getTime() + 1);

const between = (sql: Sql, { createdAfter, createdBefore }: BatchFilter) => sql`
  ${createdAfter ? sql`and t.created_at >= ${nextMs(createdAfter)}` : sql``}
  ${createdBefore ? sql`and t.created_at < ${createdBefore}` : sql``}`;

/** The batches with a task in one of these states that matches; undefined where too many tasks are in them. */
async function batchesIn(sql: Sql, filter: BatchFilter): Promise<string[] | undefined> {
  const [found] = await sql<{ n: number; ids: string[] }[]>`
    with few as materialized (
      select t.id, t.batch_id, t.kind from task t where t.status = any(${array(filter.status ?? [])}::task_status[])
      limit ${tasksMax + 1})
    select (select count(*)::int from few) as n,
      (select coalesce(json_agg(distinct t.batch_id), '[]') from few t where true ${ofTask(sql, filter)}) as ids`;
  return found && found.n <= tasksMax ? found.ids : undefined;
}

/** What is asked of a task `t` beside its state. */
const ofTask = (sql: Sql, { kind, name }: BatchFilter) => sql`
  ${kind === undefined ? sql`` : sql`and t.kind like ${containing(kind)}`}
  ${name === undefined ? sql`` : sql`and ${there(sql, sql`task_spec s where s.id = t.id and s.name like ${containing(name)}`)}`}`;

/** What is asked of the batch `c.id`, beside what led to it. */
function asked(sql: Sql, filter: BatchFilter): Pick<Candidates, "match" | "weight"> {
  const { kind, name, status, state, metadata } = filter;
  const any = anyTask(sql, filter);
  const ofState = state && sql`${stateOf(sql)} = any(${array(state)}::text[]) and ${anyTask(sql, rest(filter)).match}`;
  // A state of either kind is enough.
  const hot = ofState ? (status ? sql`(${any.match} or ${ofState})` : ofState) : any.match;
  const isAsked = [kind, name, status, state].some((one) => one !== undefined);
  const cold = metadata
    ? [there(sql, sql`batch_spec s where s.id = c.id and s.metadata @> ${JSON.stringify(metadata)}::text::jsonb`)]
    : [];
  const all = [...cold, ...(isAsked ? [there(sql, sql`batch b where b.id = c.id and ${hot}`)] : [])];
  if (all.length === 0) return { match: undefined };
  return {
    match: all.reduce((parts, one) => sql`${parts} and ${one}`),
    ...(any.reads
      ? { weight: sql`(select case when ${any.reads} then b.total else 0 end from batch b where b.id = c.id)` }
      : {}),
  };
}

const rest = ({ status: _, ...filter }: BatchFilter): BatchFilter => filter;

/** Whether any task of the batch `b` is what is asked for. `reads`: where its tallies and kinds cannot tell, and its tasks do. */
function anyTask(sql: Sql, filter: BatchFilter): { readonly match: Fragment; readonly reads?: Fragment } {
  const { kind, name, status } = filter;
  const hasKind =
    kind === undefined ? sql`true` : sql`exists (select from unnest(b.kinds) k where k like ${containing(kind)})`;
  if (name === undefined && status === undefined) return { match: hasKind };
  const tallies = {
    Success: sql`b.succeeded`,
    Failure: sql`b.failed`,
    Canceled: sql`b.canceled`,
    Skipped: sql`b.skipped`,
  };
  const tally = (one: TaskState) =>
    one in tallies ? sql`${tallies[one as keyof typeof tallies]} > 0` : sql`b.unfinished > 0`;
  const mayBe = status ? sql`(${status.map(tally).reduce((a, b) => sql`${a} or ${b}`)})` : sql`true`;
  if (name === undefined && kind === undefined && status?.every((one) => one in tallies)) return { match: mayBe };
  const reads = sql`${mayBe} and ${hasKind}`;
  const isHot = kind !== undefined || status !== undefined;
  const hot = there(
    sql,
    sql`task t where t.id = s.id
      ${status ? sql`and t.status = any(${array(status)}::task_status[])` : sql``}
      ${kind === undefined ? sql`` : sql`and t.kind like ${containing(kind)}`}`,
  );
  const match = sql`${reads} and ${there(
    sql,
    sql`task_spec s where s.batch_id = b.id
      ${name === undefined ? sql`` : sql`and s.name like ${containing(name)}`} ${isHot ? sql`and ${hot}` : sql``}`,
  )}`;
  return { match, reads };
}
