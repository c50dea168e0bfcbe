// A worker renews its lease in time also where all its database work goes through one connection, and that work waits for
// what somebody else has locked.
import postgres from "postgres";
import { expect, it, onTestFinished } from "vitest";
import { stays, until } from "#test/until";
import { Leases } from "#timers/leases";
import { create, log, openStage, startRig } from "../actor/stage.ts";

const leaseSecs = 1;
const leases = 6;

it(`a lease of ${leaseSecs} s lasts while turns and portions of a pool of one wait for a locked batch`, async () => {
  const { db, url } = await openStage(1);
  const other = postgres(url, { max: 2, onnotice: () => {} });
  onTestFinished(() => other.end({ timeout: 1 }));
  const { batch, ids } = await create(db, [{}, {}]);
  await other`update batch set works = 1, seq = 1, paused = true where id = ${batch}`;
  await other`insert into batch_work (batch_id, seq, kind, upto) values (${batch}, 1, 'pause', 1)`;
  const lease = new Leases({
    ...{ db, log, leaseSecs, sweepMs: 60_000, tell: () => {}, isWaiting: () => false, held: () => new Set() },
    self: { name: "one", roles: ["worker"], version: "0" },
    figures: () => ({ callsOpen: 0, lagMs: 0, skewMs: 0 }),
    onGood: () => {},
  } as never);
  onTestFinished(() => lease.stop());
  await until(() => lease.id !== null);
  const rig = startRig(db, lease.id as number, 64, false, leaseSecs);
  onTestFinished(() => rig.stop());
  await other.begin(async (sql) => {
    await sql`select from batch where id = ${batch} for update`;
    rig.works.start();
    onTestFinished(() => rig.works.stop());
    rig.works.nudge([batch]);
    const answers = ids.map((target) => rig.ask({ verb: "cancel", target }, { expires: false }));
    for (const answer of answers) answer.catch(() => {});
    const isAlive = async () => {
      const [row] = await other`select from process where id = ${lease.id} and alive_until > now()`;
      return row !== undefined && lease.good();
    };
    await stays(isAlive, leases * leaseSecs * 1_000);
  });
  // It was the lock that all this waited for.
  await until(
    async () => (await other`select from batch where id = ${batch} and completed_at is not null`).length === 1,
  );
  expect(lease.good()).toBe(true);
});

it("a lease that was lost is one line of the log, which names the process before and after", async () => {
  const { db, url } = await openStage(1);
  const other = postgres(url, { max: 1, onnotice: () => {} });
  onTestFinished(() => other.end({ timeout: 1 }));
  const noted: [string, object][] = [];
  const noting = { ...log, info() {}, warn: (fields: object, text: string) => void noted.push([text, fields]) };
  const lease = new Leases({
    ...{ db, log: noting, leaseSecs, sweepMs: 60_000, tell: () => {}, isWaiting: () => false, held: () => new Set() },
    self: { name: "one", roles: ["worker"], version: "0" },
    figures: () => ({ callsOpen: 0, lagMs: 0, skewMs: 0 }),
    onGood: () => {},
  } as never);
  onTestFinished(() => lease.stop());
  const before = await until(() => lease.id);
  expect(noted).toEqual([]);
  // As the others do once it has run out.
  await other`delete from process where id = ${before}`;
  const now = await until(() => lease.id !== before && lease.id);
  expect(noted).toEqual([["this worker's lease was lost; others take over its claims", { worker: before, now }]]);
});
