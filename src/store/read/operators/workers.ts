// The processes that are alive, as each says of itself.
import { nilUuid } from "#domain/values/uuid";
import type { Db } from "#store/pg/pool";
import { slice } from "#store/read/operators/slice";
import { type Listed, type Page, reading } from "#store/read/walk";

export interface ListedWorker {
  readonly id: number;
  readonly roles: readonly string[];
  readonly version: string;
  readonly started_at: Date;
  readonly alive_until: Date;
  readonly calls_open: number;
  readonly lag_ms: number;
  readonly skew_ms: number;
}

/** The oldest first. */
export const listWorkers = (db: Db, page: Page): Promise<Listed<ListedWorker>> =>
  reading(db, (sql) =>
    slice<ListedWorker>(
      page,
      ({ after, skip, take }) => sql<ListedWorker[]>`
        with alive as materialized (select * from process where alive_until > now())
        select id, to_jsonb(roles) as roles, version, started_at, alive_until, calls_open, lag_ms, skew_ms from alive
        where id > ${after?.at ?? "0"}::text::bigint order by id limit ${take} offset ${skip}`,
      ({ id }) => ({ at: String(id), id: nilUuid }),
    ),
  );
