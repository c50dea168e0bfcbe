// Which receivers were called lately, and why the newest call that failed did: noted by each process now and then, for people.
import type { Db } from "#store/pg/pool";
import { array } from "#store/pg/unnest";

export interface CalledReceiver {
  readonly receiver: string;
  /** How long ago its newest call ended. */
  readonly agoMs: number;
  /** Of the newest call that failed; undefined: none has since this was noted last. */
  readonly error: string | undefined;
}

/** In the order of their names, so that processes that note the same at once wait for each other and never in a circle. */
export function noteReceivers(db: Db, called: readonly CalledReceiver[]): Promise<void> {
  const sorted = called.toSorted((a, b) => (a.receiver < b.receiver ? -1 : 1));
  return db.use(async (sql) => {
    await sql`
      insert into receiver as r (receiver, at, last_error)
      select receiver, now() - ago * interval '1 ms', error
      from unnest(${array(sorted.map(({ receiver }) => receiver))}::text[], ${array(sorted.map(({ agoMs }) => agoMs))}::float8[],
        ${array(sorted.map(({ error }) => error ?? null))}::text[]) as u (receiver, ago, error)
      on conflict (receiver) do update set at = greatest(r.at, excluded.at), last_error = coalesce(excluded.last_error, r.last_error)`;
  });
}
