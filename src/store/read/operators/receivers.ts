// The receivers that were called lately, or that calls wait for now.
import type { CircuitState } from "#domain/calls/circuit";
import { nilUuid } from "#domain/values/uuid";
import type { Db, Sql } from "#store/pg/pool";
import { type Slice, slice } from "#store/read/operators/slice";
import { type Listed, type Page, reading } from "#store/read/walk";

export interface ListedReceiver {
  /** Scheme, host and port, as actions name it. */
  readonly receiver: string;
  readonly circuit: CircuitState;
  /** When it may be tried again; null while the circuit is closed. */
  readonly until: Date | null;
  /** Starts and deliveries. */
  readonly calls_open: number;
  /** Starts and deliveries that could be made but for the receiver, or for a free call slot; no more are counted than `waitingMax`. */
  readonly waiting: number;
  readonly last_error: string | null;
  /** When the newest call ended; null: none lately. */
  readonly at: Date | null;
}

const waitingMax = 10_000;
/** Admission queues that are open, in which tasks may wait for the receiver alone. */
const queuesMax = 100;

/** By name. */
export const listReceivers = (db: Db, page: Page): Promise<Listed<ListedReceiver>> =>
  reading(db, (sql) =>
    slice<ListedReceiver>(
      page,
      (wanted) => sql<ListedReceiver[]>`
        with names as materialized (${namesOf(sql, wanted)}),
        queues as materialized (
          select 0 as id union all
          (select id from admission_queue where ready and waiting_on is null order by -priority, since, pos, id limit ${queuesMax})),
        claimed as materialized (select receiver, count(*)::int as n from task where owner is not null group by receiver)
        select n.receiver, coalesce(c.state, 'closed') as circuit, greatest(c.open_until, c.probe_until) as until,
          coalesce(o.n, 0) + (
            select count(*)::int from (
              select from delivery d where d.status = 'pending' and coalesce(d.receiver, '') = n.receiver
                and greatest(d.next_at, d.hold_until, d.lease_until) > now() and d.lease_until > now() limit ${waitingMax}) s
          ) as calls_open,
          least(${waitingMax}, (
            select count(*)::int from (
              select from queues q cross join lateral (
                select from task t where t.queue = q.id and coalesce(t.receiver, '') = n.receiver
                  and t.status = 'Pending' and t.ready_at is null limit ${waitingMax}) t limit ${waitingMax}) s
          ) + (
            select count(*)::int from (
              select from delivery d where d.status = 'pending' and coalesce(d.receiver, '') = n.receiver
                and greatest(d.next_at, d.hold_until, d.lease_until) <= now() limit ${waitingMax}) s
          ) + (
            select count(*)::int from (
              select from unsent u where u.host = substring(n.receiver from '://(.*)$')
                || case when n.receiver ~ ':[0-9]+$' then '' when n.receiver like 'https:%' then ':443' else ':80' end
                and u.until > now() limit ${waitingMax}) s
          )) as waiting,
          r.last_error, r.at
        from names n left join receiver r on r.receiver = n.receiver left join circuit c on c.receiver = n.receiver
          left join claimed o on o.receiver = n.receiver
        order by n.receiver`,
      ({ receiver }) => ({ at: receiver, id: nilUuid }),
    ),
  );

/** Those that were called, those that tasks without rules wait for, those that deliveries wait for: each is read from an index. */
function namesOf(sql: Sql, { after, skip, take }: Slice) {
  const from = after?.at ?? "";
  const most = skip + take;
  return sql`
    with recursive of_task (name) as (
      (select coalesce(t.receiver, '') from task t where t.queue = 0 and t.status = 'Pending' and t.ready_at is null
         and coalesce(t.receiver, '') > ${from}::text order by t.queue, coalesce(t.receiver, '') limit 1)
      union all
      select n.name from of_task o cross join lateral (
        select coalesce(t.receiver, '') as name from task t where t.queue = 0 and t.status = 'Pending' and t.ready_at is null
          and coalesce(t.receiver, '') > o.name order by t.queue, coalesce(t.receiver, '') limit 1) n),
    of_delivery (name) as (
      (select coalesce(d.receiver, '') from delivery d where d.status = 'pending' and coalesce(d.receiver, '') > ${from}::text
       order by coalesce(d.receiver, '') limit 1)
      union all
      select n.name from of_delivery o cross join lateral (
        select coalesce(d.receiver, '') as name from delivery d where d.status = 'pending' and coalesce(d.receiver, '') > o.name
        order by coalesce(d.receiver, '') limit 1) n)
    select name as receiver from (
      (select name from of_task limit ${most}) union (select name from of_delivery limit ${most})
      union (select receiver from receiver where receiver > ${from}::text order by receiver limit ${most})
      union (select receiver from circuit where receiver > ${from}::text order by receiver limit ${most})) u
    order by 1 limit ${take} offset ${skip}`;
}
