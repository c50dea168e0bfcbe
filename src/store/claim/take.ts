// How a claim takes the tasks that it found: locks them, then looks again at what must be exact, in statements after the lock.
import type { StartAction } from "#domain/action";
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
