// Which updates count: each id once, whole or not at all, in time, and for what it first stood for.
import { expect, it } from "vitest";
import { judge } from "#domain/counters/count";
import { countsOf, single } from "#domain/counters/counts";
import { type CounterItem, freshOf, isInTime, sortOut } from "#domain/counters/messages";
import type { CountRow } from "#domain/counters/rows";

const ended = new Date("2030-01-01T00:00:00.000Z");
const row = (more: Partial<CountRow> = {}): CountRow => ({
  ...{
    id: "t",
    status: "Running",
    attempt: 3,
    inDoubt: false,
    endedAt: null,
    isAwaited: false,
    success: 0,
    failures: 0,
  },
  ...more,
});
const item = (id: string, success = 1, failures = 0, storedAt: number | null = null): CounterItem => ({
  ...{ update: { task: "t", success, failures }, bundle: single(id), place: 0 },
  ...{ storedAt, acceptedMs: storedAt ?? 0 },
  settle: () => {},
});

function decide(
  items: CounterItem[],
  of: CountRow | undefined,
  before: [string, string | null][] = [],
  gone: string[] = [],
) {
  const known = new Map(before.map(([id, counts]) => [id, { id, counts, open: [] }]));
  const rows = new Map(of ? [["t", of]] : []);
  const { fresh } = freshOf(sortOut(items, rows).bundles, new Set([...known.keys(), ...gone]), known);
  const judged = judge(items, rows, { fresh, before: known });
  const answers = items.map((one) => [judged.verdicts.get(one)?.answer.status, judged.verdicts.get(one)?.outcome]);
  return { answers, sums: of && countsOf(of), changed: judged.changed.length, refused: judged.refused };
}

it("answers as every command is answered", () => {
  const given = [item("a"), item("late", 1, 0, ended.getTime() + 1)];
  const [counted, late] = [row(), row({ status: "Success", endedAt: ended })].map((of, n) => {
    const one = given[n] as CounterItem;
    const fresh = new Set([one].filter(() => isInTime(one, of)));
    return judge([one], new Map([["t", of]]), { fresh, before: new Map() }).verdicts.get(one)?.answer;
  });
  expect(counted).toEqual({ status: 202, id: "t", state: "Running", attempt: 3 });
  expect(late).toMatchObject({ status: 409, id: "t", state: "Success", attempt: 3, allowed: [] });
});

it.each([
  [{}, ["succeed", "fail", "skip", "cancel", "update"]],
  [{ status: "Retrying" as const }, ["cancel", "pause", "update"]],
  [{ status: "Pending" as const, inDoubt: true }, ["succeed", "fail", "skip", "cancel", "pause", "update"]],
])("says with another attempt what the task accepts: %j", (more, allowed) => {
  const one = item("a", 1, 0, 1);
  const named = { ...one, update: { ...one.update, attempt: 2 } };
  const { verdicts } = judge([named], new Map([["t", row(more)]]), { fresh: new Set([named]), before: new Map() });
  expect(verdicts.get(named)?.answer).toMatchObject({ status: 409, code: "wrong_attempt", allowed });
});

it("counts for the attempt that an update names, and for no other", () => {
  const of = (id: string, attempt: number, storedAt: number | null) => {
    const one = item(id, 1, 0, storedAt);
    return { ...one, update: { ...one.update, attempt } };
  };
  const found = decide([of("a", 3, null), of("b", 2, null), of("c", 2, 1), of("d", 3, 1)], row());
  // What was accepted while its attempt went on is no loss, and its id is not free again.
  expect(found.answers).toEqual([
    [202, "done"],
    [202, "stale"],
    [409, "rejected"],
    [202, "done"],
  ]);
  expect(found).toMatchObject({ sums: "2/0", refused: ["c"] });
});

it("drops what was accepted unseen after its task had ended, and takes it for known when it comes again", () => {
  const of = (id: string, storedAt: number) => {
    const one = item(id, 1, 0, storedAt);
    return { ...one, update: { ...one.update, unseen: true } };
  };
  const end = row({ status: "Success", endedAt: ended });
  const late = of("b", ended.getTime() + 1);
  const found = decide([of("a", ended.getTime()), late, late], end);
  expect(found).toMatchObject({
    answers: [
      [202, "done"],
      [202, "stale"],
      [202, "stale"],
    ],
    sums: "1/0",
    refused: [],
  });
  expect(decide([late], end, [["b", "1/0"]]).answers).toEqual([[202, "stale"]]);
  // No such task: it is lost, though its client got 202.
  expect(decide([late], undefined).answers).toEqual([[404, "rejected"]]);
});

it("takes an update of nothing for a sign of life", () => {
  expect(decide([item("a", 0, 0)], row())).toMatchObject({ answers: [[202, "done"]], sums: "0/0", changed: 1 });
});

it("adds up what is new, each id once", () => {
  const found = decide([item("a", 2, 1), item("b"), item("a", 2, 1), item("c")], row(), [["c", "1/0"]]);
  expect(found.answers).toEqual([
    [202, "done"],
    [202, "done"],
    [202, "stale"],
    [202, "stale"],
  ]);
  expect(found).toMatchObject({ sums: "3/1", changed: 1, refused: [] });
});

it("refuses an id that stood for something else, whenever that was", () => {
  const found = decide([item("a"), item("a", 2), item("b", 1)], row(), [["b", "7/0"]]);
  expect(found.answers.map(([status]) => status)).toEqual([202, 422, 422]);
  expect(found.sums).toBe("1/0");
});

it("refuses an id that stood for the same in another attempt, where the client had named that", () => {
  const of = (id: string, attempt: number, named: boolean) => {
    const one = item(id);
    return { ...one, update: { ...one.update, attempt, named } };
  };
  const items = [of("a", 3, true), of("a", 3, true), of("a", 2, true), of("a", 3, false), of("b", 3, false)];
  const found = decide(items, row(), [["b", "1/0"]]);
  expect(found.answers.map(([status]) => status)).toEqual([202, 202, 422, 422, 202]);
  expect(found.sums).toBe("1/0");
});

it("takes an old id, of which it is not known what it stood for, for what comes", () => {
  expect(decide([item("a", 5)], row(), [["a", null]])).toMatchObject({ answers: [[202, "stale"]], changed: 0 });
});

it("counts no id that the table would not keep: another transaction has it already", () => {
  expect(decide([item("a")], row(), [], ["a"])).toMatchObject({ answers: [[202, "stale"]], sums: "0/0" });
});

it("refuses as a whole what no sum can carry, keeps nothing of it, and goes on with the others", () => {
  const full = row({ success: Number.MAX_SAFE_INTEGER - 5 });
  const found = decide([item("a", 6, 1), item("b", 5), item("a", 6, 1)], full);
  expect(found.answers).toEqual([
    [400, "rejected"],
    [202, "done"],
    [400, "rejected"],
  ]);
  expect(found).toMatchObject({ sums: `${Number.MAX_SAFE_INTEGER}/0`, refused: ["a"] });
});

it("takes what was accepted although the task has ended, and what was stored before; what came later only if it had counted", () => {
  const at = ended.getTime();
  const items = [item("a"), item("b", 1, 0, at), item("c", 1, 0, at + 1), item("d", 1, 0, at + 1)];
  const found = decide(items, row({ status: "Success", endedAt: ended }), [["d", "1/0"]]);
  expect(found.answers).toEqual([
    [202, "done"],
    [202, "done"],
    [409, "rejected"],
    [202, "stale"],
  ]);
  expect(found.sums).toBe("2/0");
});

it("knows no task, no counters", () => {
  expect(decide([item("a")], undefined).answers).toEqual([[404, "rejected"]]);
});
