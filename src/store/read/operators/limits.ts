// The limits that tasks are admitted by: a row a type, key and limit, while an admission queue goes by it.
import type { Db } from "#store/pg/pool";
import { slice } from "#store/read/operators/slice";
import { type Listed, type Page, reading } from "#store/read/walk";
import { used } from "#store/rules/queues";
import { startedNow } from "#store/rules/rates";

export interface ListedLimit {
  readonly type: string;
  readonly kind: string;
  readonly fields: readonly string[];
  /** In the order of the fields. */
  readonly values: readonly unknown[];
  readonly limit: number;
  /** Of a Rate: the seconds of its window. */
  readonly per_secs: number | null;
  /** How many tasks or starts, or how much work. */
  readonly used: number;
  /** The first of the tasks that hold a slot. */
  readonly holders: readonly string[];
  /** Tasks that could start but for limits, this one among them; no more are counted than `waitingMax`. */
  readonly waiting: number;
}

const usersMax = 10;
const waitingMax = 10_000;

type Row = ListedLimit & { readonly key: string };

/** By their keys, which is no order that says anything. */
export const listLimits = (db: Db, page: Page): Promise<Listed<ListedLimit>> =>
  reading(db, async (sql) => {
    const { rows, next } = await slice<Row>(
      page,
      ({ after, skip, take }) => {
        const [type = "", limit = "0"] = after?.at.split(" ") ?? [];
        const beyond = after
          ? sql`where (key, type, "limit") > (${after.id}::uuid, ${type}::text, ${limit}::text::bigint)`
          : sql``;
        return sql<Row[]>`
          with recursive step as (
            (select key, type, "limit" from limit_key ${beyond} order by key, type, "limit" limit 1)
            union all
            select n.* from step s cross join lateral (
              select key, type, "limit" from limit_key l where (l.key, l.type, l."limit") > (s.key, s.type, s."limit")
              order by l.key, l.type, l."limit" limit 1) n),
          w as materialized (select * from step limit ${take} offset ${skip})
          select w.key, w.type, one.kind, to_jsonb(one.fields) as fields, one."values", w."limit",
            one.per as per_secs,
            case w.type when 'Capacity' then u.load when 'Rate' then p.started else u.count end::float8 as used,
            array_to_json(array(
              select h.task_id from slot h where h.key = w.key order by h.task_id limit ${usersMax})) as holders,
            c.waiting
          from w cross join lateral (
              select kind, fields, "values", rate_key, per from limit_key l
              where l.key = w.key and l.type = w.type and l."limit" = w."limit" limit 1) one
            cross join lateral (select ${used(sql, sql`w.type = 'Capacity'`)}) u
            cross join lateral (
              select ${startedNow(sql)} as started from (select one.rate_key as key, w."limit" as max, one.per) w) p
            cross join lateral (
              select count(*)::int as waiting from (
                select from (
                    select queue from limit_key l where l.key = w.key and l.type = w.type and l."limit" = w."limit"
                    limit ${waitingMax}) q
                  cross join lateral (
                    select from task t where t.queue = q.queue and t.status = 'Pending' and t.ready_at is null and t.pos >= 0
                    limit ${waitingMax}) t
                limit ${waitingMax}) s) c
          order by w.key, w.type, w."limit"`;
      },
      ({ key, type, limit }) => ({ id: key, at: `${type} ${limit}` }),
    );
    return { rows: rows.map(({ key: _, ...row }) => row), next };
  });
