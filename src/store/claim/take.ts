// How a claim takes the tasks that it found: locks them, then looks again at what must be exact, in statements after the lock.
import type { StartAction } from "#domain/action";
import { isAhead } from "#domain/propagation/work";
import type { TaskRow } from "#domain/row";
import type { Uses } from "#domain/rules/uses";
import type { Sql } from "#store/pg/pool";
import { idList } from "#store/pg/unnest";
import { columns, rowsWith } from "#store/turn/row";

export interface Claimable {
  readonly row: TaskRow;
  readonly action: StartAction | null;
}

/** The tasks of these that may still be claimed and are not locked, in any order; each with its start action. */
export async function lockClaimable(sql: Sql, ids: readonly string[]): Promise<Claimable[]> {
  // Written so that no partial index fits: a plan made on an empty table would read all tasks that are ready.
  const locked = await rowsWith(sql`
    select ${columns(sql)}, s.start_action from task t join task_spec s on s.id = t.id
    where t.id = any(${idList(ids)}::uuid[]) and coalesce(t.status = 'Pending' and t.ready_at is null, false)
    for no key update of t skip locked`);
  return locked.map(({ row, more: [action] }) => ({ row, action: action as StartAction | null }));
}

type Sweep = Parameters<typeof isAhead>[0];
type Held = Pick<TaskRow, "id" | "batchId" | "kind" | "rank" | "swept">;

/** Those of these tasks that an outstanding stop, pause or rules change has to reach first. Ask after their rows were locked. */
export async function heldBack(sql: Sql, tasks: readonly Held[]): Promise<ReadonlySet<string>> {
  const batches = new Set(tasks.map(({ batchId }) => batchId));
  const sweeps = await sql<(Omit<Sweep, "done"> & { readonly batchId: string; readonly of: string | null })[]>`
    select batch_id as "batchId", seq, kind, args ->> 'kind' as of, reached, upto from batch_work
    where batch_id = any(${idList(batches)}::uuid[]) and done_at is null and kind in ('stop', 'pause', 'rules')`;
  const holds = (sweep: (typeof sweeps)[number], task: Held) =>
    sweep.batchId === task.batchId &&
    (sweep.kind !== "rules" || sweep.of === task.kind) &&
    isAhead({ ...sweep, done: false }, task);
  return new Set(tasks.filter((task) => sweeps.some((sweep) => holds(sweep, task))).map(({ id }) => id));
}

/** Those of these batches with a stop, pause, resume or rules change that is not done. */
export async function sweptBatches(sql: Sql, batches: readonly string[]): Promise<ReadonlySet<string>> {
  const found = await sql<{ batch: string }[]>`
    select distinct batch_id as batch from batch_work
    where batch_id = any(${idList(batches)}::uuid[]) and done_at is null and kind <> 'propagation'`;
  return new Set(found.map(({ batch }) => batch));
}

/** The start actions of these tasks. */
export async function startActions(sql: Sql, ids: readonly string[]): Promise<Map<string, StartAction | null>> {
  const found = await sql<{ id: string; action: StartAction | null }[]>`
    select id, start_action as action from task_spec where id = any(${idList(ids)}::uuid[])`;
  return new Map(found.map((row) => [row.id, row.action]));
}

/** What these tasks use once they are claimed. Exact after the lock. */
export async function usesOf(sql: Sql, ids: readonly string[]): Promise<Map<string, Uses>> {
  const found = await sql<(Uses & { id: string })[]>`
    select s.id, array_to_json(array(
      select k from key_template h, limit_key_of(h.kind, h.fields, s.metadata) k where h.kind = t.kind and k is not null)) as keys,
      array_to_json(array(
        select json_build_object('template', r.id, 'key', k, 'shortest', r.shortest)
        from rate_template r, rate_key_of(r.kind, r.fields, s.metadata) k where r.kind = t.kind and k is not null and s.start_kind <> 'Wait')) as rates
    from task_spec s join task t on t.id = s.id where s.id = any(${idList(ids)}::uuid[])`;
  return new Map(found.map((row) => [row.id, row]));
}
