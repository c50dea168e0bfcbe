// Reads of requests end in time, whatever the database does: it is away, goes away meanwhile, or never says a word.
import { expect, it, vi } from "vitest";
import { Unavailable } from "#domain/errors";
import { inTime } from "#store/pg/in-time";
import type { Db } from "#store/pg/pool";

function silentDb() {
  const state = { up: true, asked: 0 };
  const never = () => {
    state.asked++;
    return new Promise<never>(() => {});
  };
  const db = {
    get up() {
      return state.up;
    },
    use: never,
    tx: never,
  } as unknown as Db;
  return { state, db: inTime(db, 30_000) };
}

/** How many milliseconds passed until it was refused. */
async function refusedAfter(running: Promise<unknown>): Promise<number> {
  const began = performance.now();
  await expect(running).rejects.toBeInstanceOf(Unavailable);
  return performance.now() - began;
}

it("refuses at once what is asked while Postgres is known to be away, and asks it nothing", async () => {
  const { state, db } = silentDb();
  state.up = false;
  expect(await refusedAfter(db.use(async () => 1))).toBeLessThan(1_000);
  expect(await refusedAfter(db.tx(async () => 1))).toBeLessThan(1_000);
  expect(state.asked).toBe(0);
});

it("refuses within a second what is under way when Postgres goes away", async () => {
  const { state, db } = silentDb();
  const reads = [db.use(async () => 1), db.use(async () => 2)].map(refusedAfter);
  state.up = false;
  for (const tookMs of await Promise.all(reads)) expect(tookMs).toBeLessThan(1_000);
});

it("refuses after POOL_TIMEOUT_SECS what is never answered, all waits together", async () => {
  vi.useFakeTimers();
  try {
    const { db } = silentDb();
    const refused = expect(db.use(async () => 1)).rejects.toBeInstanceOf(Unavailable);
    await vi.advanceTimersByTimeAsync(30_000);
    await refused;
    expect(vi.getTimerCount()).toBeLessThanOrEqual(1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

it("hands on what is answered, and what is refused", async () => {
  const { db } = silentDb();
  const answering = inTime(
    { ...db, up: true, use: async (work: (sql: never) => unknown) => work(0 as never) } as never,
    30_000,
  );
  expect(await answering.use(async () => "row")).toBe("row");
  await expect(
    answering.use(async () => {
      throw new Error("wrong");
    }),
  ).rejects.toThrow("wrong");
});
