// Which timers are told to whom and when: time-outs only as far as the news that would prevent them has been applied; none
// again at once; and how long the sweep sleeps. The table is faked; what it says is what each look finds.
import { afterEach, expect, it, vi } from "vitest";
import type { LocalCommand } from "#actor/mailbox";
import { limits } from "#config";
import type { Db } from "#store/client";
import type { DueLook } from "#store/due";
import { makeLogger } from "#telemetry/log";
import { stays, until } from "#test/until";
import { dueTimers } from "#timers/due";
import type { Loop } from "#timers/loop";

const log = makeLogger({ logLevel: "silent" }, "test");
const table = vi.hoisted(() => ({
  looks: 0,
  look: (): Promise<unknown> => Promise.reject(new Error("not started")),
  /** Time-outs, with when they were due. */
  silent: [] as { id: string; dueAt: number }[],
}));
vi.mock("#store/due", () => ({
  lookDue: () => {
    table.looks++;
    return table.look();
  },
  timedOut: async (_: Db, applied: Date) =>
    table.silent
      .filter(({ dueAt }) => dueAt <= applied.getTime())
      .map(({ id, dueAt }) => ({ task: id, at: `${dueAt}` })),
}));

const hour = 3_600_000;
const rest: DueLook = { due: [], timeouts: false, nextMs: null };
const timer = (task: string, at = "first") => ({ task, at });
const retry: DueLook = { ...rest, due: [timer("retry")] };
const late: DueLook = { ...rest, timeouts: true };

const running: Loop[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((timers) => timers.stop()));
});

function start(looks: readonly (DueLook | Error)[], applied: () => Date | null = () => new Date(hour), sweepMs = hour) {
  const told: LocalCommand[] = [];
  const state = { asked: 0, backlog: 0 };
  Object.assign(table, { looks: 0, silent: [] });
  table.look = async () => {
    const look = looks[Math.min(table.looks, looks.length) - 1] as DueLook | Error;
    if (look instanceof Error) throw look;
    return look;
  };
  const timers = dueTimers({
    ...{ db: {} as Db, sweepMs, log },
    tell: (command) => void told.push(command),
    appliedUntil: async () => {
      state.asked++;
      return applied();
    },
    backlog: () => state.backlog,
  });
  running.push(timers);
  return { told, state, timers };
}

it("tells what is due, and looks again soon, as more may have been due", async () => {
  const { told } = start([retry, { ...rest, due: [timer("retry"), timer("other")] }, rest]);
  await until(() => table.looks === 3);
  expect(told).toEqual([
    { type: "due", task: "retry", ends: false },
    { type: "due", task: "other", ends: false },
  ]);
  await stays(() => table.looks === 3, 150);
});

it("tells the same timer again only when the turns have had time for it", async () => {
  const { told } = start([retry], undefined, 10);
  await until(() => told.length === 1);
  const began = performance.now();
  await until(() => told.length === 2);
  expect(performance.now() - began).toBeGreaterThan(1_800);
});

it("tells the next timer of a task at once, however soon it is due after the first", async () => {
  const { told } = start([retry, { ...rest, due: [timer("retry", "second")] }, rest]);
  await until(() => table.looks === 3);
  expect(told).toHaveLength(2);
});

it("does not look while the turns are far behind", async () => {
  const { state, told, timers } = start([rest, retry]);
  await until(() => table.looks === 1);
  state.backlog = limits.sweepRowsMax + 1;
  timers.nudge();
  await stays(() => table.looks === 1, 250);
  state.backlog = 0;
  await until(() => told.length === 1);
});

it("keeps time-outs back while nothing is known of the news before them, and nothing else", async () => {
  const { told } = start([{ ...retry, timeouts: true }], () => null);
  table.silent = [{ id: "silent", dueAt: 0 }];
  await until(() => table.looks > 2);
  expect(told).toEqual([{ type: "due", task: "retry", ends: false }]);
});

it("tells a time-out as soon as everything stored before it was due has been applied", async () => {
  let applied = 4;
  const { told } = start([late], () => new Date(applied));
  table.silent = [
    { id: "first", dueAt: 3 },
    { id: "second", dueAt: 5 },
  ];
  await until(() => table.looks > 2);
  expect(told).toEqual([{ type: "due", task: "first", ends: true }]);
  applied = 5;
  await until(() => told.length === 2);
  expect(told[1]).toEqual({ type: "due", task: "second", ends: true });
});

it("asks what has been applied only where a time-out is due", async () => {
  const { state } = start([retry, rest]);
  await until(() => table.looks === 2);
  expect(state.asked).toBe(0);
});

it("sleeps until the next timer, where that is sooner than the sweep", async () => {
  start([{ ...rest, nextMs: 20 }, rest]);
  await until(() => table.looks === 2);
  await stays(() => table.looks === 2, 60);
});

it("looks at once when it is told of a sooner one, and every sweep otherwise", async () => {
  const { timers } = start([rest]);
  await until(() => table.looks === 1);
  timers.within(5);
  await until(() => table.looks === 2);
  await timers.stop();
  start([rest], () => null, 10);
  await until(() => table.looks > 4);
});

it("goes on after a look that failed", async () => {
  const { told } = start([new Error("away"), retry, rest]);
  await until(() => told.length === 1);
});
