// The table of timers, read from place to place: each row once, in order, however many are due at one instant; and a page costs
// the same wherever it begins.
import { expect, it } from "vitest";
import { type DuePlace, firstDue, lookDue } from "#store/maintenance/due";
import type { Db } from "#store/pg/pool";
import { create, openStage } from "../actor/stage.ts";
import { inside, measured } from "../actor/turn.blocked.meter.ts";

const rows = 3_000;

async function stage(): Promise<{ db: Db; ids: string[] }> {
  const { db } = await openStage();
  const { ids } = await create(
    db,
    Array.from({ length: rows }, () => ({ timeout: 7 })),
  );
  await db.use((sql) => sql`update task set due_at = now() - interval '1 hour', ready_at = now() - interval '1 hour'`);
  return { db, ids };
}

it("gives every due timer once, page by page, and the next one to come", async () => {
  const { db, ids } = await stage();
  const seen: string[] = [];
  let place: DuePlace = firstDue;
  for (;;) {
    const { timers, nextMs } = await lookDue(db, place, 500);
    expect(nextMs).toBeNull();
    seen.push(...timers.map(({ id }) => id));
    const last = timers.at(-1);
    if (last === undefined) break;
    expect(last).toMatchObject({ kind: "ready", timeoutSecs: 7 });
    place = last;
  }
  expect(seen.length).toBe(rows);
  expect(new Set(seen)).toEqual(new Set(ids));
  await db.use(
    (sql) => sql`update task set due_at = now() + interval '1 minute', ready_at = null where id = ${ids[0] as string}`,
  );
  const { nextMs } = await lookDue(db, firstDue, 1);
  expect(nextMs).toBeGreaterThan(50_000);
});

it("gives timers of tasks and deadlines of batches in one order, each for what it is", async () => {
  const { db } = await openStage();
  const limits = { max_duration_secs: 100, expires_secs: 100, timeout: 7 };
  const { batch, ids } = await create(db, [{}, limits, limits, limits, limits, {}], { deadlineSecs: 100 });
  const complete = await create(db, [{}], { deadlineSecs: 100 });
  const stopping = await create(db, [{}], { deadlineSecs: 100 });
  await db.use(async (sql) => {
    const at = async (n: number, secs: number, change: ReturnType<typeof sql>) =>
      sql`update task set due_at = now() - ${secs} * interval '1 s', ${change} where id = ${ids[n] as string}`;
    await at(0, 60, sql`status = 'Retrying'`);
    await at(1, 50, sql`created_at = now() - interval '100 s'`);
    await at(
      2,
      40,
      sql`status = 'Running', first_claimed_at = now() - interval '99 s', created_at = now() - interval '1 day'`,
    );
    await at(3, 30, sql`status = 'Running', first_claimed_at = now() - interval '100 s'`);
    await at(4, 10, sql`status = 'Paused', first_claimed_at = now() - interval '100 s'`);
    await sql`update task set due_at = now() + interval '50 s' where id = ${ids[5] as string}`;
    await sql`update batch set deadline_at = now() - interval '20 s'`;
    await sql`update batch set unfinished = 0, succeeded = 1, completed_at = now() where id = ${complete.batch}`;
    await sql`update batch set stopping = true where id = ${stopping.batch}`;
  });
  const all = await lookDue(db, firstDue, 10);
  expect(all.timers.map(({ id, kind, timeoutSecs }) => [id, kind, timeoutSecs])).toEqual([
    [ids[0], "ready", 60],
    [ids[1], "limit", 7],
    [ids[2], "silence", 7],
    [ids[3], "limit", 7],
    [batch, "deadline", 0],
    [ids[4], "limit", 7],
  ]);
  expect(all.nextMs).toBeGreaterThan(40_000);
  // Page by page, whatever a timer is of.
  const seen: string[] = [];
  let place: DuePlace | undefined = firstDue;
  while (place !== undefined) {
    const { timers } = await lookDue(db, place, 1);
    seen.push(...timers.map(({ id }) => id));
    place = timers.at(-1);
  }
  expect(seen).toEqual(all.timers.map(({ id }) => id));
  await db.use((sql) => sql`update batch set deadline_at = now() + interval '9 s' where id = ${batch}`);
  expect((await lookDue(db, firstDue, 1)).nextMs).toBeLessThan(9_001);
});

it("reads as much for a page as it gives, wherever it begins", async () => {
  const { db } = await stage();
  await db.use((sql) => sql`analyze task`);
  const { timers } = await lookDue(db, firstDue, 2_000);
  const looks = [firstDue, timers.at(-1) as DuePlace].map((from) =>
    measured(db, (sql) => lookDue(inside(db, sql), from, 10)),
  );
  for (const { result, whole, rows: read, entries, where } of await Promise.all(looks)) {
    expect(result.timers).toHaveLength(10);
    expect(whole).toEqual([]);
    // With the next one to come, which there is none of.
    expect(read, where).toBeLessThanOrEqual(11);
    expect(entries, where).toBeLessThanOrEqual(11);
  }
});
