// How the table of timers is gone through: every timer fires once and in time, what waits is passed over, and neither a locked
// batch nor an outage makes the loops read everything over and over. The table is faked: a list, read as the store reads it.
import { afterEach, expect, it, vi } from "vitest";
import { limits } from "#config";
import type { LocalCommand } from "#domain/turn/items";
import type { DueLook, DuePlace, Timer } from "#store/maintenance/due";
import type { Db } from "#store/pg/pool";
import { makeLogger } from "#telemetry/log";
import { stays, until } from "#test/until";
import { DueTimers } from "#timers/due/due";

const log = makeLogger({ logLevel: "silent" }, "test");
const table = vi.hoisted(() => ({ looks: 0, rows: [] as Timer[], nextMs: null as number | null, away: false }));
vi.mock("#store/maintenance/due", () => ({
  firstDue: { at: "", id: "" },
  dueFrom: (at: Date) => ({ at: at.toISOString(), id: "" }),
  lookDue: async (_: Db, after: DuePlace, limit: number): Promise<DueLook> => {
    table.looks++;
    if (table.away) throw new Error("away");
    const now = new Date();
    const isAfter = (row: Timer) => row.at > after.at || (row.at === after.at && row.id > after.id);
    const due = table.rows.filter((row) => isAfter(row) && row.at <= now.toISOString());
    const timers = due.sort((a, b) => (a.at === b.at ? (a.id < b.id ? -1 : 1) : a.at < b.at ? -1 : 1));
    return { timers: timers.slice(0, limit), now, nextMs: table.nextMs };
  },
}));

const hour = 3_600_000;
let made = 0;
const timer = (id: string, more: Partial<Timer> = {}): Timer => ({
  ...{ id, batch: "b", at: new Date(Date.now() - 60_000 + made++).toISOString(), kind: "ready" },
  ...{ timeoutSecs: 60, lastUpdated: new Date(0), ...more },
});
const silent = (id: string) => timer(id, { kind: "silence", batch: `of ${id}` });

const running: DueTimers[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((timers) => timers.stop()));
});

/** `decide`: what fires is decided at once, and leaves the table. */
function start(rows: Timer[], { decide = true, sweepMs = hour, nextMs = null as number | null } = {}) {
  Object.assign(table, { looks: 0, rows, nextMs, away: false });
  const fired: string[] = [];
  const commands: LocalCommand[] = [];
  const waiting = new Set<string>();
  const streams = { newest: {} as Record<string, number> | null, asked: 0 };
  const timers = new DueTimers({
    ...{ db: {} as Db, sweepMs, log },
    tell: (command: LocalCommand) => {
      const id = command.type === "deadline" ? command.batch : command.task;
      fired.push(id);
      commands.push(command);
      if (decide) table.rows = table.rows.filter((row) => row.id !== id);
      else waiting.add(id);
    },
    isWaiting: (id) => waiting.has(id),
    unsettled: async () => {
      streams.asked++;
      const { newest } = streams;
      return newest && { newest: (id) => newest[id] ?? null, isPartial: false };
    },
    upSinceMs: () => Number.NEGATIVE_INFINITY,
  });
  running.push(timers);
  return { fired, commands, waiting, streams, timers };
}

it("tells everything that is due when it starts, once, and then rests", async () => {
  const { fired } = start([timer("a"), timer("b"), silent("c")]);
  await until(() => fired.length === 3);
  const { looks } = table;
  await stays(() => table.looks === looks && fired.length === 3, 150);
  expect(new Set(fired)).toEqual(new Set(["a", "b", "c"]));
});

it("goes past what waits, however much that is", async () => {
  const flood = Array.from({ length: 3 * limits.sweepRowsMax }, (_, n) => timer(`locked ${n}`, { batch: "locked" }));
  const { fired } = start([...flood, timer("free", { batch: "free" })], { decide: false });
  await until(() => fired.includes("free"));
  expect(new Set(fired).size).toBe(fired.length);
});

it("tells all of a batch that moves, a share at a time", async () => {
  const herd = Array.from({ length: 1_000 }, (_, n) => timer(`t${n}`));
  const { fired, waiting } = start([...herd], { decide: false });
  const deciding = setInterval(() => {
    table.rows = table.rows.filter(({ id }) => !waiting.has(id));
    waiting.clear();
  }, 5);
  try {
    await until(() => fired.length >= herd.length, 10_000);
  } finally {
    clearInterval(deciding);
  }
  expect(new Set(fired).size).toBe(herd.length);
});

it("does not read what waits again and again", async () => {
  const flood = Array.from({ length: 2_000 }, (_, n) => timer(`locked ${n}`, { batch: "locked" }));
  const { fired } = start(flood, { decide: false });
  await until(() => fired.length > 0);
  // The batch is taken for locked after a second; from then on only sweeps look, and there is none for an hour.
  let looks = 0;
  await until(async () => {
    looks = table.looks;
    await stays(() => table.looks === looks, 400);
    return true;
  });
  expect(table.looks).toBe(looks);
});

it("sweeps over all that is due now and then: what was lost on the way fires again", async () => {
  const { fired } = start([timer("lost")], { decide: false, sweepMs: 50 });
  await until(() => fired.length === 1);
  table.rows.push(timer("armed late, and due long ago"));
  await until(() => fired.length === 2, 2_000);
});

it("tells what a long turn armed though its time has passed meanwhile, without a sweep", async () => {
  const { fired, timers } = start([timer("first")]);
  await until(() => fired.length === 1);
  const { looks } = table;
  await stays(() => table.looks === looks, 150);
  const late = timer("armed late, and due long ago");
  table.rows.push(late);
  timers.armed(new Date(late.at));
  await until(() => fired.length === 2, 2_000);
  const after = table.looks;
  await stays(() => table.looks - after <= 1, 300);
});

it("rests between sweeps while NATS is away, with time-outs that are due", async () => {
  const rows = Array.from({ length: 50 }, (_, n) => silent(`s${n}`));
  const { fired, streams } = start([...rows, timer("retry")], { sweepMs: 300 });
  streams.newest = null;
  await until(() => fired.length > 0);
  const { looks } = table;
  await stays(() => table.looks - looks < 10, 1_000);
  streams.newest = {};
  await until(() => fired.filter((task) => task.startsWith("s")).length === 50, 2_000);
});

it("tells a time-out soon after the message that it waited for is settled", async () => {
  const { fired, streams } = start([silent("held"), silent("free")]);
  streams.newest = { held: 1 };
  await until(() => fired.includes("free"));
  await stays(() => !fired.includes("held"), 250);
  streams.newest = {};
  await until(() => fired.includes("held"), 2_000);
});

it("tells that the time of a task or of a batch is over, whatever is not known of the streams", async () => {
  const { commands, fired, streams } = start([
    silent("silent"),
    timer("over", { kind: "limit" }),
    timer("batch", { kind: "deadline" }),
  ]);
  streams.newest = null;
  await until(() => fired.length === 2);
  expect(commands).toEqual([
    { type: "due", task: "over", ends: true },
    { type: "deadline", batch: "batch" },
  ]);
});

it("asks nothing of the streams where no time-out is due", async () => {
  const { fired, streams } = start([timer("a")]);
  await until(() => fired.length === 1);
  expect(streams.asked).toBe(0);
});

it("sleeps until the next timer where that is sooner than the sweep, and looks at once when it hears of a sooner one", async () => {
  const { timers, fired } = start([], { nextMs: 30 });
  await until(() => table.looks >= 4);
  table.nextMs = null;
  await until(async () => {
    const { looks } = table;
    await stays(() => table.looks === looks, 100);
    return true;
  });
  table.rows.push(timer("soon", { at: new Date().toISOString() }));
  timers.within(5);
  await until(() => fired.includes("soon"));
});

it("goes on after a look that failed", async () => {
  const { fired } = start([timer("a")]);
  await until(() => fired.length === 1);
  table.away = true;
  table.rows.push(timer("b", { at: new Date().toISOString() }));
  running.at(-1)?.within(0);
  await until(() => table.looks > 3);
  table.away = false;
  await until(() => fired.length === 2, 3_000);
});
