// What the rules of one task say now, and how many calls its receiver has, for whoever asks why it waits.
import type { RuleState } from "#domain/task";
import type { OpenCalls } from "#flow/receiver-capacity";
import type { Db, Sql } from "#store/pg/pool";
import { used } from "#store/rules/queues";
import { opens, startedNow } from "#store/rules/rates";

const listedMax = 100;

/** Of a task that is Pending; of any other one nothing. In the order of its rules. */
export const ruleStates = (sql: Sql, id: string): Promise<RuleState[]> => sql<RuleState[]>`
  select r.rule, n.max as limit,
    case n.type when 'Capacity' then u.load when 'Rate' then p.started else u.count end::float8 as used,
    p.until,
    array_to_json(array(
      select h.task_id from slot h where h.key = k.key order by h.task_id limit ${listedMax})) as holders,
    array_to_json(array(
      select f from unnest(n.fields) f where not coalesce(s.metadata, '{}') ? f
      union all select 'expected_count' where n.type = 'Capacity' and t.expected_count is null)) as missing
  from task t join task_spec s on s.id = t.id
    cross join jsonb_array_elements(s.rules) with ordinality r (rule, i)
    cross join rule_normal(jsonb_build_array(r.rule)) n
    -- slots and starts have keys of their own
    cross join lateral (select case when n.type <> 'Rate' then limit_key_of(n.kind, n.fields, s.metadata) end as key) k
    cross join lateral (select ${used(sql, sql`n.type = 'Capacity'`)} from (select k.key) w) u
    cross join lateral (
      select ${startedNow(sql)} as started, ${opens(sql)} as until
      from (select case n.type when 'Rate' then rate_key_of(n.kind, n.fields, s.metadata) end as key, n.max, n.per) w) p
  where t.id = ${id} and t.status = 'Pending'
    -- a slot that it holds, because it is in doubt, does not block it
    and not exists (select from slot h where h.key = k.key and h.task_id = t.id)
  order by r.i`;

export interface ReceiverLoad {
  readonly receiver: string;
  /** A worker each, with its start calls. */
  readonly processes: readonly OpenCalls[];
  /** Deliveries to the receiver that are under way. */
  readonly deliveries: number;
}

const countedMax = 10_000;

/** How many calls are open to the receiver of a task; undefined: it has none. Reads the tasks that are Claimed. */
export const receiverLoad = (db: Db, id: string): Promise<ReceiverLoad | undefined> =>
  db.use(async (sql) => {
    const [load] = await sql<ReceiverLoad[]>`
      with t as materialized (select receiver from task where id = ${id} and receiver is not null),
      claimed as materialized (
        select c.owner, count(*)::int as n, count(*) filter (where c.receiver = t.receiver)::int as own
        from t cross join task c where c.owner is not null group by c.owner)
      select t.receiver,
        array_to_json(array(
          select json_build_object('open', coalesce(c.n, 0), 'toReceiver', coalesce(c.own, 0))
          from process p left join claimed c on c.owner = p.id
          where p.alive_until > now() and 'worker' = any(p.roles))) as processes,
        (select count(*)::int from (
          select from delivery d
          where d.status = 'pending' and coalesce(d.receiver, '') = t.receiver
            and greatest(d.next_at, d.hold_until, d.lease_until) > now() and d.lease_until > now()
          limit ${countedMax}) s) as deliveries
      from t`;
    return load;
  });
