// Dead letters as operators see them, until they are sent again.
import type { DeadLetter } from "#domain/values/dead-letter";
import type { Db } from "#store/pg/pool";
import { idList } from "#store/pg/unnest";
import { type Listed, look, newest, type Page, reading, walk } from "#store/read/walk";

/** Newest first. */
export const listDeadLetters = (db: Db, page: Page): Promise<Listed<DeadLetter>> =>
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
    const letters = await sql<DeadLetter[]>`
      select d.* from unnest(${idList(rows.map(({ id }) => id))}::uuid[]) with ordinality u (id, n)
        join dead_letter d on d.id = u.id order by u.n`;
    return { rows: letters, next };
  });

/** Undefined: there is none, or it was sent again. */
export const findDeadLetter = (db: Db, id: string): Promise<DeadLetter | undefined> =>
  db.use(async (sql) => (await sql<DeadLetter[]>`select * from dead_letter where id = ${id}`)[0]);

/** Forgets one that was sent again. */
export const dropDeadLetter = (db: Db, id: string): Promise<void> =>
  db.use(async (sql) => {
    await sql`delete from dead_letter where id = ${id}`;
  });
