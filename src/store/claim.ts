// What a claim round reads: the best claimable tasks of some lanes, locked, with what their calls need.
import type { Action } from "#domain/action";
import type { TaskRow } from "#domain/row";
import { array, idList } from "#store/arrays";
import type { Sql } from "#store/client";
import { columns, rowsWith } from "#store/row";

export interface Claimable {
  readonly row: TaskRow;
  readonly action: Action | null;
}

/** Of each lane at most so many. */
export interface LaneRoom {
  readonly lane: number;
  readonly room: number;
}

/** How many calls may be made to each of these receivers, 0 included, and to every other one. */
export interface Rooms {
  readonly rooms: readonly { readonly receiver: string; readonly room: number }[];
  readonly roomMax: number;
}

/**
 * Claimable tasks of these lanes, best first: priority, then creation, then position. Of each receiver at most as many as
 * there is room for; those of one that is full are not even looked at. `known`: receivers that are likely to have some.
 */
export async function claimable(
  sql: Sql,
  limit: number,
  { rooms, roomMax }: Rooms,
  lanes: readonly LaneRoom[],
  known: readonly string[] = [],
): Promise<Claimable[]> {
  const found = await rowsWith(sql`
    with recursive receiver (lane, room, name) as (
      select u.lane, u.room, ''
      from unnest(${array(lanes.map(({ lane }) => lane))}::int[], ${array(lanes.map(({ room }) => room))}::int[]) as u (lane, room)
      union all
      -- The next one: each step is one look into the index, however many tasks a receiver has. One that is known is taken
      -- unseen: what was claimed lately is in the index until the next vacuum, and would be passed here and once more below.
      select r.lane, r.room, coalesce(
        case when k.name is null then (
          select coalesce(t.receiver, '') from task t where t.lane = r.lane and t.status = 'Pending' and t.due_at is null
            and coalesce(t.receiver, '') > r.name order by t.lane, coalesce(t.receiver, '') limit 1)
        else (
          select coalesce(t.receiver, '') from task t where t.lane = r.lane and t.status = 'Pending' and t.due_at is null
            and coalesce(t.receiver, '') > r.name and coalesce(t.receiver, '') < k.name
          order by t.lane, coalesce(t.receiver, '') limit 1)
        end, k.name)
      from receiver r
        cross join lateral (select min(n) as name from unnest(${array(known)}::text[]) n where n > r.name) k
      where r.name is not null),
    known as materialized (
      select ${JSON.stringify(Object.fromEntries(rooms.map(({ receiver, room }) => [receiver, room])))}::text::jsonb as rooms)
    select ${columns(sql)}, s.start_action
    from receiver r
      cross join known
      cross join lateral (
        select * from task t
        where t.lane = r.lane and t.status = 'Pending' and t.due_at is null and coalesce(t.receiver, '') = r.name
        order by t.priority desc, t.created_at, t.pos
        limit least(r.room, case when r.name = '' then r.room else coalesce((known.rooms ->> r.name)::int, ${roomMax}::int) end)
        for no key update skip locked) t
      join task_spec s on s.id = t.id
    where r.name is not null
    order by t.priority desc, t.created_at, t.pos limit ${limit}::int`);
  return found.map(({ row, more: [action] }) => ({ row, action: action as Action | null }));
}

/** The start actions of these tasks. */
export async function startActions(sql: Sql, ids: string[]): Promise<Map<string, Action | null>> {
  const found = await sql<{ id: string; action: Action | null }[]>`
    select id, start_action as action from task_spec where id = any(${idList(ids)}::uuid[])`;
  return new Map(found.map((row) => [row.id, row.action]));
}

/** What these tasks hold while they are active: a key for each shape of their kind. Ask after their rows were locked. */
export async function keysOf(sql: Sql, ids: readonly string[]): Promise<Map<string, readonly string[]>> {
  const found = await sql<{ id: string; keys: string[] }[]>`
    select s.id, array_to_json(array(
      select k from shape h, rule_key(h.kind, h.fields, s.metadata) k where h.kind = t.kind and k is not null)) as keys
    from task_spec s join task t on t.id = s.id where s.id = any(${idList(ids)}::uuid[])`;
  return new Map(found.map((row) => [row.id, row.keys]));
}
