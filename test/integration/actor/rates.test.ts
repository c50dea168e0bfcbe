// Rate rules in workers that call nobody: how many a window admits, what counts, what does not, and that the next start comes at
// its time without a sweep.
import { beforeEach, describe, expect, it } from "vitest";
import { holdMs } from "#domain/rules/rate";
import type { Db } from "#store/pg/pool";
import { stays, until } from "#test/until";
import { create, openStage, type Rig, startRig } from "./stage.ts";

let db: Db;
beforeEach(async () => {
  ({ db } = await openStage());
});

const rate = (kind: string, max_starts: number, per_secs: number, ...fields: string[]) => ({
  ...{ type: "Rate", max_starts, per_secs },
  matcher: { kind, fields },
});
const slots = (kind: string, max_concurrency: number) => ({
  ...{ type: "Concurrency", max_concurrency },
  matcher: { kind, status: "Running", fields: [] },
});
const call = { kind: "Webhook", params: { url: "http://a/x", verb: "Post" } };
const wait = { kind: "Wait", params: {} };
const make = async (specs: readonly object[]) => (await create(db, specs as never)).ids;
const several = (n: number, more: object) =>
  make(Array.from({ length: n }, () => ({ kind: "k", on_start: call, ...more })));
const startsOf = (rows = "select at, claim_id from rate_start order by at") => db.use((sql) => sql.unsafe(rows));
/** When each task was claimed, by the clock of Postgres. */
const claims = async () =>
  (await db.use((sql) => sql<{ at: Date }[]>`select at from event where event = 'claim' order by id`)).map(({ at }) =>
    at.getTime(),
  );
const waiting = () => db.use((sql) => sql`select from rate_window`);
const started = (rig: Rig, n: number, ms = 5_000) => until(() => rig.started.length >= n, ms, `${n} starts`);
/** What a turn of this worker leaves ready is looked for by another effect, which the rig has not. */
const lookUntil = (rig: Rig, n: number) =>
  until(() => {
    rig.look();
    return rig.started.length >= n;
  });

it("starts as many as the window holds, the next ones when it opens, and no window holds more", async () => {
  await several(7, { rules: [rate("k", 3, 1)] });
  const rig = startRig(db);
  rig.look();
  await started(rig, 3);
  await stays(() => rig.started.length === 3, 300);
  await started(rig, 7, 4_000);
  const at = await claims();
  for (let i = 3; i < at.length; i++) {
    const gap = (at[i] as number) - (at[i - 3] as number);
    expect(gap).toBeGreaterThanOrEqual(holdMs(1));
    // Within 100 ms of its time.
    expect(gap).toBeLessThan(holdMs(1) + 100);
  }
  expect(await waiting()).toEqual([]);
  await rig.stop();
});

it("starts no more than the window holds in one round over several queues and receivers", async () => {
  const to = (host: string) => ({ kind: "Webhook", params: { url: `http://${host}/x`, verb: "Post" } });
  const specs = ["a", "b", "c"].flatMap((host) =>
    [5, 6].map((n) => ({ kind: "k", on_start: to(host), rules: [rate("k", 2, 60), slots("other", n)] })),
  );
  await make([...specs, ...specs]);
  const rig = startRig(db);
  rig.look();
  await started(rig, 2);
  await until(async () => (await waiting()).length === 1);
  await stays(() => rig.started.length === 2, 200);
  await rig.stop();
});

it("says by when a call has to begin, also for a task that it counts and that carries no rule", async () => {
  await several(1, { rules: [rate("k", 3, 60), rate("k", 9, 1)] });
  await several(1, {});
  await several(1, { kind: "other" });
  const rig = startRig(db);
  const before = performance.now();
  rig.look();
  await started(rig, 3);
  const byMs = rig.started.map(({ kind, beginByMs }) => [kind, beginByMs === null ? null : beginByMs - before]);
  for (const [kind, ms] of byMs)
    if (kind === "other") expect(ms).toBeNull();
    else expect(ms).toBeLessThan(34 + performance.now() - before);
  expect(await startsOf()).toHaveLength(2);
  await rig.stop();
});

describe("what counts", () => {
  it("starts of matching tasks without the rule, by their values", async () => {
    await several(1, { rules: [rate("k", 2, 60, "t")], metadata: { t: 1 } });
    await several(1, { metadata: { t: 1 } });
    await several(3, { metadata: { t: 2 } });
    await several(1, { kind: "j", metadata: { t: 1 } });
    const rig = startRig(db);
    rig.look();
    await started(rig, 6);
    const [held] = await several(1, { rules: [rate("k", 2, 60, "t")], metadata: { t: 1 } });
    await several(1, { rules: [rate("k", 4, 60, "t")], metadata: { t: 2 } });
    rig.look();
    await started(rig, 7);
    await stays(() => rig.started.every(({ task }) => task !== held), 200);
    await rig.stop();
  });

  it("neither gates nor tasks without a start, and they are let through while there is a place", async () => {
    const rules = [rate("k", 1, 60)];
    await several(3, { rules, on_start: wait });
    await several(3, { rules, on_start: undefined });
    const rig = startRig(db);
    rig.look();
    await started(rig, 3);
    expect(await startsOf()).toEqual([]);
    expect(await db.use((sql) => sql`select from task where status = 'Running'`)).toHaveLength(3);
    await several(2, { rules });
    rig.look();
    await started(rig, 4);
    expect(await startsOf()).toHaveLength(1);
    await rig.stop();
  });

  it("no claim that was given back or could not be sent, and its place is free at once", async () => {
    await several(3, { rules: [rate("k", 1, 60)] });
    const rig = startRig(db);
    rig.look();
    await started(rig, 1);
    const [first] = rig.started;
    rig.mailbox.tell({ type: "released", task: first?.task as string, claimId: first?.claimId as number });
    await lookUntil(rig, 2);
    const second = rig.started[1];
    const unsent = { host: "a:80", error: "connect refused", counts: true } as const;
    rig.mailbox.tell({
      type: "start_unsent",
      task: second?.task as string,
      claimId: second?.claimId as number,
      ...unsent,
    });
    await lookUntil(rig, 3);
    await stays(() => rig.started.length === 3, 200);
    expect((await startsOf()).map(({ claim_id }) => claim_id)).toEqual([rig.started[2]?.claimId]);
    await rig.stop();
  });

  it("a call that was put off, and one whose worker died, once more", async () => {
    const [id = ""] = await several(1, { rules: [rate("k", 2, 60), slots("k", 1)] });
    const rig = startRig(db);
    rig.look();
    await started(rig, 1);
    rig.mailbox.tell({ type: "lease_expired", task: id, claimId: rig.started[0]?.claimId as number });
    await lookUntil(rig, 2);
    rig.mailbox.tell({ type: "lease_expired", task: id, claimId: rig.started[1]?.claimId as number });
    await until(async () => {
      rig.look();
      return (await waiting()).length === 1;
    });
    await stays(() => rig.started.length === 2, 200);
    expect(await startsOf()).toHaveLength(2);
    await rig.stop();
  });

  it("what started before the rule was there counts only from then on, and a longer window keeps what a shorter one counted", async () => {
    await several(3, {});
    const rig = startRig(db);
    rig.look();
    await started(rig, 3);
    await several(2, { rules: [rate("k", 2, 1)] });
    rig.look();
    await started(rig, 5);
    const [held] = await several(1, { rules: [rate("k", 2, 60)] });
    rig.look();
    await until(async () => (await waiting()).length === 1);
    await stays(() => rig.started.every(({ task }) => task !== held), 1_500);
    await rig.stop();
  });
});

it("goes by several limits of the same starts, and by slots as well", async () => {
  await several(8, { rules: [rate("k", 2, 1), rate("k", 5, 60), slots("k", 4)] });
  const rig = startRig(db);
  rig.look();
  await started(rig, 4, 4_000);
  await stays(() => rig.started.length === 4, 1_500);
  const [first] = rig.started;
  await rig.ask({ verb: "succeed", target: first?.task as string });
  rig.look();
  await started(rig, 5);
  await rig.ask({ verb: "succeed", target: rig.started[1]?.task as string });
  rig.look();
  await stays(() => rig.started.length === 5, 1_500);
  await rig.stop();
});

it("lets tasks of other queues pass while one waits, and starts the best when it opens", async () => {
  await several(1, { rules: [rate("k", 1, 1)] });
  const rig = startRig(db);
  rig.look();
  await started(rig, 1);
  const [low] = await several(1, { rules: [rate("k", 1, 1), slots("x", 5)] });
  const [high] = await several(1, { rules: [rate("k", 1, 1), slots("x", 6)], priority: 5 });
  const [other] = await several(1, { kind: "z" });
  rig.look();
  await started(rig, 2, 500);
  expect(rig.started[1]?.task).toBe(other);
  await started(rig, 4, 5_000);
  expect(rig.started.slice(2).map(({ task }) => task)).toEqual([high, low]);
  await rig.stop();
});

it("another worker goes on where the one that found out when it opens is gone", async () => {
  await several(4, { rules: [rate("k", 1, 1)] });
  const [one, other] = [startRig(db, 1), startRig(db, 2)];
  one.look();
  await started(one, 1);
  await one.stop();
  // It hears of the time by any turn.
  other.look();
  await started(other, 3, 5_000);
  await other.stop();
});
