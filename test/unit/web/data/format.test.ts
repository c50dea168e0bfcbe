// Times, durations and ids as every screen writes them.
import { expect, it } from "vitest";
import { agoText, countText, durationText, shortId, timeText } from "#web/data/format";

const now = Date.parse("2026-11-29T14:02:07.400Z");

it.each([
  ["2026-11-29T03:12:44Z", "03:12:44Z"],
  ["2026-11-28T14:02:07Z", "28 Nov 14:02Z"],
  ["2025-01-02T00:00:00Z", "2 Jan 2025 00:00Z"],
])("writes %s in UTC as %s", (at, text) => expect(timeText(Date.parse(at), "utc", now)).toBe(text));

it.each([
  [0, "0 ms"],
  [182, "182 ms"],
  [4_200, "4.2 s"],
  [9_949, "9.9 s"],
  [12_400, "12 s"],
  [59_960, "1 min 00 s"],
  [72_000, "1 min 12 s"],
  [11_100_000, "3 h 05 min"],
  [187_200_000, "2 d 4 h"],
])("writes %i ms as %s", (ms, text) => expect(durationText(ms)).toBe(text));

it.each([
  [-12_000, "12 s ago"],
  [-240_000, "4 min ago"],
  [-7_300_000, "2 h ago"],
  [-300_000_000, "3 d ago"],
  [18_000, "in 18 s"],
  [0, "0 s ago"],
])("says of %i ms from now: %s", (ms, text) => expect(agoText(now + ms, now)).toBe(text));

it("counts one and many", () => {
  expect([countText(1, "task"), countText(5_000, "task"), countText(2, "batch", "batches")]).toEqual([
    ...["1 task", "5,000 tasks", "2 batches"],
  ]);
});

it("shows the end of an id, which tells neighbours apart", () => {
  expect(shortId("019b0000-0000-7000-8000-0000000000aa")).toBe("…000000aa");
});
