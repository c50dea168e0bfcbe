// Who holds which key: written in the transaction that makes a task active, removed in the one that ends that. Whatever may
// open a key or fill a lane leaves a wake in the same transaction.
import { array, idList } from "#store/arrays";
import type { Sql } from "#store/client";
import { type Judged, writeLanes } from "#store/lanes";

/** What a turn changes of holders and lanes. */
export interface Charges {
  readonly enters: readonly { readonly task: string; readonly key: string }[];
  /** Active no more. */
  readonly leaves: readonly string[];
  /** Active, with other counts. */
  readonly moved: readonly string[];
  /** Active, with other metadata. */
  readonly recharged: readonly string[];
  /** With other rules, or other values for them. */
  readonly relaned: readonly string[];
  /** Claimable now. */
  readonly fills: readonly {
    readonly lane: number;
    readonly priority: number;
    readonly since: Date;
    readonly pos: number;
  }[];
  /** What a claim round found out about lanes. */
  readonly judged: readonly Judged[];
}

/** Issues the writes, after those of the rows themselves; each that is passed to `wakes` tells how many wakes it left. */
export function writeCharges(
  sql: Sql,
  charges: Charges,
  last: (write: Promise<unknown>) => void,
  wakes: (write: Promise<{ readonly count: number }>) => void,
): void {
  const { enters, leaves, moved, recharged, relaned, fills, judged } = charges;
  if (leaves.length > 0 || recharged.length > 0) wakes(release(sql, [...leaves, ...recharged]));
  if (recharged.length > 0) last(recharge(sql, recharged));
  if (enters.length > 0) last(enter(sql, enters));
  if (moved.length > 0) wakes(wakeKeysOf(sql, moved));
  if (relaned.length > 0) wakes(relane(sql, relaned));
  if (fills.length > 0) wakes(fill(sql, fills));
  if (judged.length > 0) last(writeLanes(sql, judged));
}

const enter = (sql: Sql, enters: Charges["enters"]) =>
  sql`
    insert into holder (key, task_id)
    select * from unnest(${idList(enters.map(({ key }) => key))}::uuid[], ${idList(enters.map(({ task }) => task))}::uuid[])
    on conflict do nothing`.execute();

const release = (sql: Sql, tasks: readonly string[]) =>
  sql`
    with gone as (delete from holder where task_id = any(${idList(tasks)}::uuid[]) returning key)
    insert into wake (key) select distinct key from gone`.execute();

const recharge = (sql: Sql, tasks: readonly string[]) =>
  sql`
    insert into holder (key, task_id)
    select distinct k, t.id from task t join task_spec s on s.id = t.id
      cross join shape h cross join rule_key(h.kind, h.fields, s.metadata) k
    where t.id = any(${idList(tasks)}::uuid[]) and h.kind = t.kind and k is not null
    on conflict do nothing`.execute();

/** What these tasks hold may be open now: they have less work left. */
export const wakeKeysOf = (sql: Sql, tasks: readonly string[]) =>
  sql`
    insert into wake (key) select distinct key from holder
    where task_id = any(${idList(tasks)}::uuid[]) and exists (select from shape)`.execute();

const relane = (sql: Sql, tasks: readonly string[]) =>
  sql`
    with now_in as materialized (
      select id, lane_for(terms) as lane from (
        select t.id, rule_terms(s.rules, s.metadata, t.expected_count is not null) as terms
        from task t join task_spec s on s.id = t.id where t.id = any(${idList(tasks)}::uuid[]) order by 2, 1) x),
    moved as (
      update task t set lane = n.lane from now_in n where t.id = n.id and t.lane <> n.lane
      returning t.lane, t.priority, t.created_at, t.pos, t.status, t.due_at)
    insert into wake (lane, priority, since, pos)
    select distinct on (lane) lane, priority, created_at, pos from moved
    where lane <> 0 and status = 'Pending' and due_at is null order by lane, priority desc, created_at, pos`.execute();

const fill = (sql: Sql, fills: Charges["fills"]) => {
  const of = (field: keyof Charges["fills"][number]) => array(fills.map((one) => one[field]));
  return sql`
    insert into wake (lane, priority, since, pos)
    select distinct on (lane) lane, priority, since, pos
    from unnest(${of("lane")}::int[], ${of("priority")}::smallint[], ${of("since")}::timestamptz[], ${of("pos")}::int[])
      as u (lane, priority, since, pos)
    order by lane, priority desc, since, pos`.execute();
};
