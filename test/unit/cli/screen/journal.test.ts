// The demo's lines where nothing can be redrawn: one for each change that was seen, in the order of time.
import { expect, it } from "vitest";
import { journal } from "../../../../src/cli/screen/journal.ts";

const beganMs = Date.parse("2026-01-01T00:00:00.000Z");
const task = (local_id: string, status: string, afterMs: number) => ({
  ...{
    id: local_id,
    local_id,
    status,
    success: 0,
    failures: 0,
    expected_count: null,
    attempt: 0,
    failure_reason: null,
  },
  ...{ started_at: null, ended_at: null, next_retry_at: null, run_at: null, retry: null },
  last_updated: new Date(beganMs + afterMs).toISOString(),
});
const seen = (...tasks: object[]) => ({ dag: { tasks, links: [] }, frame: 0 }) as never;

it("prints what changed in the order of its times, whatever the order of the tasks", () => {
  const lines: string[] = [];
  const show = journal({ print: (line: string) => void lines.push(line) }, beganMs);
  show(seen(task("late", "Running", 3_000), task("early", "Success", 1_000), task("between", "Running", 2_000)));
  // Committed later than it was decided.
  show(seen(task("late", "Success", 4_000), task("early", "Success", 1_000), task("between", "Success", 2_900)));
  expect(
    lines.map(
      (line) =>
        line
          .trim()
          .split(/\s+/)
          .filter((word) => /^[a-z]{4,}$/.test(word))[0],
    ),
  ).toEqual(["early", "between", "late", "between", "late"]);
  const times = lines.map((line) => Number.parseFloat(line));
  expect(times).toEqual(times.toSorted((a, b) => a - b));
});

it("says nothing of what waits from its creation on, but of what waits again", () => {
  const lines: string[] = [];
  const show = journal({ print: (line: string) => void lines.push(line) }, beganMs);
  show(seen(task("first", "Pending", 0), task("later", "Waiting", 0)));
  show(seen(task("first", "Running", 100), task("later", "Paused", 100)));
  show(seen(task("first", "Success", 200), task("later", "Waiting", 200)));
  expect(lines.map((line) => line.trim().split(/\s+/).slice(2, 4).join(" "))).toEqual([
    "first Pending",
    "first Running",
    "later Paused",
    "first Success",
    "later Waiting",
  ]);
});
