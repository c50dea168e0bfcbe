// When the days of the log of events are made and dropped: at once and again soon where somebody is in the way, dropping only
// where retention is on. The table is faked.
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Db } from "#store/pg/pool";
import { makeLogger } from "#telemetry/log";
import { stays, until } from "#test/until";
import type { Loop } from "#timers/loop";
import { eventPartitions } from "#timers/partitions";

const table = vi.hoisted(() => ({ made: 0, old: [] as (string | false)[], lumps: [] as (number | false)[], asked: 0 }));
vi.mock("#store/events/partitions", () => ({
  makeDays: async () => ++table.made > 0,
  dropOldest: async () => {
    table.asked++;
    return table.old.shift() ?? null;
  },
  clearDefault: async () => table.lumps.shift() ?? 0,
}));

let running: Loop;
const start = (retentionEnabled: boolean) => {
  const settings = { retentionEnabled, retentionDays: 30, retentionCleanupIntervalSecs: 0.01 };
  running = eventPartitions({} as Db, settings, makeLogger({ logLevel: "silent" }, "test"));
};
beforeEach(() => Object.assign(table, { made: 0, old: [], lumps: [], asked: 0 }));
afterEach(() => running.stop());

it("makes days at once, and drops nothing without retention", async () => {
  table.old = ["event_20200101"];
  start(false);
  await until(() => table.made === 1);
  await stays(() => table.made === 1 && table.asked === 0, 50);
});

it("drops day after day with retention, and what landed in the default", async () => {
  table.old = ["event_20200101", false, "event_20200102"];
  table.lumps = [5, false];
  start(true);
  await until(() => table.old.length === 0 && table.lumps.length === 0);
  expect(table.made).toBeGreaterThan(2);
});
