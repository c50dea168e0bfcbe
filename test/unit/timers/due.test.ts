// Which timers are told to whom and when: time-outs only once the news that would prevent them has been applied; and how
// long the sweep sleeps. The table is faked; what it says is what each look finds.
import { afterEach, expect, it, vi } from "vitest";
import type { LocalCommand } from "#actor/mailbox";
import type { Db } from "#store/client";
import type { DueLook } from "#store/due";
import { makeLogger } from "#telemetry/log";
import { stays, until } from "#test/until";
import { dueTimers } from "#timers/due";
import type { Loop } from "#timers/loop";

const log = makeLogger({ logLevel: "silent" }, "test");
const table = vi.hoisted(() => ({ look: (): Promise<DueLook> => Promise.resolve({ due: [], nextMs: null }), looks: 0 }));
vi.mock("#store/due", () => ({
  dueTasks: () => {
    table.looks++;
    return table.look();
  },
}));

const hour = 3_600_000;
const at = (ms: number) => new Date(1_700_000_000_000 + ms);
const retry = { id: "retry", ends: false, dueAt: at(0) };
const timeout = { id: "timeout", ends: true, dueAt: at(0) };

let timers: Loop | null = null;
afterEach(() => timers?.stop());

function start(looks: readonly (DueLook | Error)[], applied: () => Date | null = () => at(hour), sweepMs = hour) {
  const told: LocalCommand[] = [];
  let asked = 0;
  table.looks = 0;
  table.look = async () => {
    const look = looks[Math.min(table.looks, looks.length) - 1] as DueLook | Error;
    if (look instanceof Error) throw look;
    return look;
  };
  const appliedUntil = async () => {
    asked++;
    return applied();
  };
  timers = dueTimers({ db: {} as Db, sweepMs, tell: (command) => void told.push(command), appliedUntil, log });
  return { told, asked: () => asked, timers };
}
const rest: DueLook = { due: [], nextMs: null };

it("tells what is due, and looks again soon, as more may have been due", async () => {
  const { told } = start([{ due: [retry, timeout], nextMs: null }, { due: [retry], nextMs: null }, rest]);
  await until(() => table.looks === 3);
  expect(told).toEqual([
    { type: "due", task: "retry", ends: false },
    { type: "due", task: "timeout", ends: true },
    { type: "due", task: "retry", ends: false },
  ]);
  await stays(() => table.looks === 3, 150);
});

it("keeps a time-out back while news from before it is not applied, or not known, and nothing else", async () => {
  for (const applied of [null, at(-1)]) {
    const { told } = start([{ due: [timeout, retry], nextMs: null }, rest], () => applied);
    await until(() => table.looks === 2);
    expect(told).toEqual([{ type: "due", task: "retry", ends: false }]);
    await timers?.stop();
  }
});

it("tells a time-out as soon as everything stored before it was due has been applied", async () => {
  let applied = at(-1);
  const look = { due: [timeout], nextMs: null };
  const { told } = start([look], () => applied, 10);
  await until(() => table.looks > 3);
  expect(told).toEqual([]);
  applied = at(0);
  await until(() => told.length > 0);
});

it("asks what has been applied only where a time-out is due", async () => {
  const { asked } = start([{ due: [retry], nextMs: null }, rest]);
  await until(() => table.looks === 2);
  expect(asked()).toBe(0);
});

it("sleeps until the next timer, where that is sooner than the sweep", async () => {
  start([{ due: [], nextMs: 20 }, rest]);
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
  const { told } = start([new Error("away"), { due: [retry], nextMs: null }, rest]);
  await until(() => told.length === 1);
});
