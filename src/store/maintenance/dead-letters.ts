// Dead letters as rows, for people to look at.
import type { DeadLetter } from "#domain/values/dead-letter";
import type { Db } from "#store/pg/pool";
import { array } from "#store/pg/unnest";

/** Keeps these, each once however often it comes. */
export function keepDeadLetters(db: Db, letters: readonly DeadLetter[]): Promise<void> {
  return db.use(async (sql) => {
    const of = (read: (letter: DeadLetter) => string | Date | boolean) => array(letters.map(read));
    await sql`
      insert into dead_letter (id, subject, reason, at, payload, cut)
      select id, subject, reason, at, decode(payload, 'hex'), cut from unnest(
        ${of(({ id }) => id)}::uuid[], ${of(({ subject }) => storable(subject))}::text[],
        ${of(({ reason }) => storable(reason))}::text[], ${of(({ at }) => at)}::timestamptz[],
        ${of(({ payload }) => Buffer.from(payload).toString("hex"))}::text[],
        ${of(({ cut }) => cut)}::boolean[]
      ) as u (id, subject, reason, at, payload, cut)
      on conflict do nothing`;
  });
}

/** Without what Postgres does not store. */
const storable = (text: string): string => text.replace(/[\0\p{Cs}]/gu, "");
