// Dead letters as operators see them, until they are sent again.
import type { Db } from "#store/pg/pool";
import { idList } from "#store/pg/unnest";
import { type Listed, look, newest, type Page, reading, walk } from "#store/read/walk";

export interface ListedDeadLetter {
  readonly id: string;
  /** As it was sent. */
  readonly subject: string;
  readonly reason: string;
  readonly at: Date;
  /** Up to 64 KB. */
  readonly payload: Uint8Array;
  /** The message was longer. */
  readonly cut: boolean;
}

/** Newest first. */
export const listDeadLetters = (db: Db, page: Page): Promise<Listed<ListedDeadLetter>> =>
  reading(db, async (sql) => {
    const from = sql`(select id, at as created_at from dead_letter) t`;
    const { rows, next } = await walk(page, (after, sought) =>
      look(
        sql,
        { rows: newest(sql, { from, where: sql`true` }, after, sought.skip + sought.take), match: undefined },
        sought,
      ),
    );
    if (rows.length === 0) return { rows: [], next };
    const letters = await sql<ListedDeadLetter[]>`
      select d.* from unnest(${idList(rows.map(({ id }) => id))}::uuid[]) with ordinality u (id, n)
        join dead_letter d on d.id = u.id order by u.n`;
    return { rows: letters, next };
  });

/** Undefined: there is none, or it was sent again. */
export const findDeadLetter = (db: Db, id: string): Promise<ListedDeadLetter | undefined> =>
  db.use(async (sql) => (await sql<ListedDeadLetter[]>`select * from dead_letter where id = ${id}`)[0]);

/** Forgets one that was sent again. */
export const dropDeadLetter = (db: Db, id: string): Promise<void> =>
  db.use(async (sql) => {
    await sql`delete from dead_letter where id = ${id}`;
  });
