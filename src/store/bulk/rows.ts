// Bulk operations as clients ask for them, read them and stop them.
import { limits } from "#config";
import { type BulkAsk, type BulkLife, type BulkState, begunBulk, isBulkOver, stoppedBulk } from "#domain/bulk";
import { matching } from "#store/bulk/match";
import { type CreateKey, find, type Kept, take } from "#store/create/key";
import type { Db, Sql } from "#store/pg/pool";
import { idList } from "#store/pg/unnest";
import { type Listed, look, newest, type Page, reading, walk } from "#store/read/walk";

/** An operation as clients see it. */
export interface ListedBulk {
  readonly bulk_id: string;
  readonly action: BulkAsk["action"];
  /** Under the name of its listing. */
  readonly filter: object;
  readonly reason: string | null;
  readonly actor: string;
  readonly state: BulkState;
  readonly matched: number | null;
  readonly done: number;
  readonly skipped: number;
  readonly failed: number;
  readonly created_at: Date;
  readonly ended_at: Date | null;
}

/** What matches now. */
export interface Matched {
  readonly ids: readonly string[];
  /** There are more, or it is not known within the time. */
  readonly isMore: boolean;
  /** As of when, by the clock of Postgres. */
  readonly at: string;
}

/** As of one moment, up to `max`, and for so long as a caller may be kept waiting. */
export const matchingNow = (db: Db, asked: BulkAsk, max: number): Promise<Matched> =>
  reading(db, async (sql) => {
    const endAt = performance.now() + limits.bulkAskMs;
    const [clock] = await sql<{ at: string }[]>`select now()::text as at`;
    const { at } = clock as { at: string };
    const ids: string[] = [];
    let page: Page = { page: 0, size: Math.min(max, limits.bulkMatchedMax) };
    for (;;) {
      const { rows, next } = await matching(sql, asked, page);
      for (const { id } of rows) ids.push(id);
      if (next === undefined) return { ids: ids.slice(0, max), isMore: ids.length > max, at };
      if (ids.length > max || performance.now() > endAt) return { ids: ids.slice(0, max), isMore: true, at };
      page = { ...page, after: next };
    }
  });

export interface NewBulk {
  readonly id: string;
  readonly asked: BulkAsk;
  readonly actor: string;
  /** Null: a worker collects it. */
  readonly ids: readonly string[] | null;
  readonly at: string;
}

/** Writes it down, in one transaction with its key: what the key stands for already, or "in_flight" while another call has it. */
export const insertBulk = (
  db: Db,
  { id, asked, actor, ids, at }: NewBulk,
  key: CreateKey | undefined,
): Promise<Kept | "in_flight" | null> =>
  db.tx(async (sql, send) => {
    if (key !== undefined) {
      const before = await take(sql, key);
      if (before !== "taken") return before;
    }
    const life = begunBulk(ids?.length ?? null);
    const isOver = isBulkOver(life);
    send(
      sql`
        insert into bulk (id, action, kind, filter, reason, actor, state, collected, matched, open, created_at, ended_at)
        values (${id}, ${asked.action}, ${asked.kind}, ${JSON.stringify(asked.filter)}::text::jsonb, ${asked.reason}, ${actor},
          ${life.state}, ${life.collected}, ${life.matched}, ${!isOver}, ${at}::text::timestamptz,
          case when ${isOver}::boolean then now() end)`.execute(),
    );
    if (ids !== null && ids.length > 0) send(insertItems(sql, id, ids, 0));
    if (key !== undefined) {
      const began = JSON.stringify({ bulk_id: id, matched: life.matched });
      send(
        sql`
          insert into create_key (key, hash, batch_id, tasks, began)
          values (${key.text}, ${key.hash}, null, '{}', ${began}::text::jsonb)`.execute(),
      );
    }
    return null;
  });

/** What a key stands for already, asked without taking it. */
export const findBulkKey = (db: Db, key: string): Promise<Kept | undefined> => db.use((sql) => find(sql, key));

/** Items after the first `from`. */
export const insertItems = (sql: Sql, id: string, targets: readonly string[], from: number): Promise<unknown> =>
  sql`
    insert into bulk_item (bulk_id, n, target)
    select ${id}::uuid, ${from}::int + n, target from unnest(${idList(targets)}::uuid[]) with ordinality u (target, n)`.execute();

/** Newest first. */
export const listBulks = (db: Db, page: Page): Promise<Listed<ListedBulk>> =>
  reading(db, async (sql) => {
    const { rows, next } = await walk(page, (after, sought) =>
      look(
        sql,
        {
          rows: newest(sql, { from: sql`bulk t`, where: sql`true` }, after, sought.skip + sought.take),
          match: undefined,
        },
        sought,
      ),
    );
    if (rows.length === 0) return { rows: [], next };
    const bulks = await sql<ListedBulk[]>`
      select ${columns(sql)} from unnest(${idList(rows.map(({ id }) => id))}::uuid[]) with ordinality u (u, n)
        join bulk on id = u.u order by u.n`;
    return { rows: bulks, next };
  });

/** Undefined: there is none. */
export const findBulk = (db: Db, id: string): Promise<ListedBulk | undefined> =>
  db.use(async (sql) => (await sql<ListedBulk[]>`select ${columns(sql)} from bulk where id = ${id}`)[0]);

/** Stops it, unless it is over; undefined: there is none. `isAtWork`: a portion is under way, and it stops with that. */
export const stopBulk = (db: Db, id: string): Promise<{ readonly isAtWork: boolean } | undefined> =>
  db.tx(async (sql, send) => {
    const [life] = await sql<BulkLife[]>`select ${lifeColumns(sql)} from bulk where id = ${id} for no key update`;
    if (life === undefined) return undefined;
    const { state, stopAsked } = stoppedBulk(life);
    const isOver = isBulkOver({ ...life, state });
    // A new fence: a page of items that is being collected is not written.
    if (!isBulkOver(life))
      send(
        sql`
          update bulk set state = ${state}, stop_asked = ${stopAsked}, fence = fence + ${isOver ? 1 : 0}::int,
            free_at = case when ${isOver}::boolean then now() else free_at end,
            ended_at = case when ${isOver}::boolean then now() end
          where id = ${id}`.execute(),
      );
    return { isAtWork: !isOver };
  });

const columns = (sql: Sql) => sql`
  id as bulk_id, action, jsonb_build_object(kind, filter) as filter, reason, actor, state, matched, done, skipped, failed,
  created_at, ended_at`;

export const lifeColumns = (sql: Sql) => sql`state, stop_asked as "stopAsked", collected, matched, taken, reached`;
