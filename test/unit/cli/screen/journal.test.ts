// The demo's lines where nothing can be redrawn: one for each change that was seen, in the order of time.
import { describe, expect, it } from "vitest";
import { history, journal } from "../../../../src/cli/screen/journal.ts";

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

describe("by events", () => {
  const open = () => {
    const printed: string[] = [];
    const { event, ...rest } = history({ print: (line: string) => void printed.push(line) }, beganMs);
    const happens = (id: string, from: string, to: string, afterMs: number, reason: string | null = null) =>
      event({ task_id: id, from, to, reason, at: new Date(beganMs + afterMs).toISOString() } as never);
    const said = () => printed.map((line) => line.trim().split(/\s+/).slice(2).join(" "));
    return { ...rest, happens, said, printed };
  };
  const dag = (...tasks: object[]) => ({ tasks, links: [] }) as never;

  it("prints each state in the order of the events, and why", () => {
    const { happens, named, said, printed } = open();
    named(dag(task("a", "Pending", 0), task("b", "Waiting", 0)));
    happens("a", "Pending", "Claimed", 100);
    happens("a", "Claimed", "Running", 110);
    happens("a", "Running", "Running", 115, "a report that was refused");
    happens("b", "Waiting", "Pending", 120);
    happens("a", "Running", "Failure", 119, "no such table");
    expect(said()).toEqual(["a Claimed", "a Running", "b Pending", "a Failure no such table"]);
    expect(printed.at(-1)?.trim()).toMatch(/^0\.12 s /);
  });

  it("waits for the name of a task that was added meanwhile, and keeps the order", () => {
    const { happens, named, said } = open();
    named(dag(task("a", "Claimed", 0)));
    happens("late", "Pending", "Claimed", 100);
    happens("a", "Claimed", "Success", 110);
    expect(said()).toEqual([]);
    named(dag(task("a", "Success", 110), task("late", "Claimed", 100)));
    expect(said()).toEqual(["late Claimed", "a Success"]);
  });

  it("prints from a look what no event says, once", () => {
    const { happens, named, seen, hasAll, said } = open();
    const last = dag(task("a", "Success", 200), task("b", "Skipped", 300));
    named(last);
    happens("a", "Pending", "Success", 200);
    expect(hasAll(last)).toBe(false);
    seen(last);
    seen(last);
    expect(hasAll(last)).toBe(true);
    expect(said()).toEqual(["a Success", "b Skipped its condition could not be met"]);
  });
});
