// The table of processes says who is alive: workers, and processes that are none; also where one connection has to do for all.
import { expect, it, onTestFinished } from "vitest";
import { limits } from "#config";
import { Unavailable } from "#domain/errors";
import type { Db } from "#store/pg/pool";
import { stays, until } from "#test/until";
import { Leases } from "#timers/leases";
import { presence } from "#timers/presence";
import { log, openStage } from "../actor/stage.ts";

const figures = () => ({ callsOpen: 3, lagMs: 12.4, skewMs: -7.6 });
const rowsIn = (db: Db) =>
  db.use(
    (sql) =>
      sql`select name, to_jsonb(roles) as roles, version, alive_until > now() as alive, calls_open, lag_ms, skew_ms from process`,
  );

it("has a row for a process that is no worker, until it ends", async () => {
  const { db } = await openStage(2);
  const self = { name: "here:1", roles: ["api"], version: "1.2.3" };
  const here = presence({ db, self, figures, leaseSecs: 1, log });
  await until(async () => (await rowsIn(db))[0]?.calls_open === 3);
  expect(await rowsIn(db)).toMatchObject([{ ...self, alive: true, calls_open: 3, lag_ms: 12, skew_ms: -8 }]);
  await stays(async () => (await rowsIn(db))[0]?.alive === true, 1_500);
  await here.stop();
  expect(await rowsIn(db)).toMatchObject([{ alive: false }]);
});

it("keeps a worker's lease while long work has the only connection", async () => {
  const { db } = await openStage(1);
  const leases = new Leases({
    ...{ db, figures, leaseSecs: 2, sweepMs: 60_000, log },
    self: { name: "w", roles: ["worker"], version: "1" },
    held: () => new Set(),
    tell: () => {},
    isWaiting: () => false,
    onGood: () => {},
  });
  onTestFinished(() => leases.stop());
  await until(() => leases.good());
  const long = db.use((sql) => sql`select pg_sleep(20)`, limits.bulkWorkTimeoutMs);
  long.catch(() => {});
  await stays(() => leases.good(), 5_000);
  await expect(long).rejects.toBeInstanceOf(Unavailable);
});
