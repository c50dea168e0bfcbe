// What an ended task means for its relatives, sentence by sentence of section 5 of the contract: children that are met,
// lost or skipped, and parents left without a purpose.
import { describe, expect, it } from "vitest";
import { acts } from "#domain/action";
import { type Edge, needsSuccess } from "#domain/propagation/edges";
import { childEnded, climb, judge, tellChild } from "#domain/propagation/rules";
import type { BatchRow, TaskRow } from "#domain/row";
import type { TaskState } from "#machines/task";
import { allActs, batchId, later, relativesIn, stateOf, task } from "../../actor/rows.ts";

type End = readonly [edge: Edge, ended: TaskState];

/** A child after it has heard of parents that ended so, one by one, and was judged where that was asked for. */
async function heard(ends: readonly End[], over: Partial<TaskRow> = {}, open: readonly Edge[] = []) {
  const edges = [...ends.map(([edge]) => edge), ...open];
  const parents = edges.map((_, i) => {
    const status = ends[i]?.[1] ?? "Running";
    return task({ id: `p${i}`, rank: i, status, children: 1 });
  });
  const waitSuccess = over.joinsAny ? 0 : edges.filter(needsSuccess).length;
  const child = task({ id: "c", rank: 99, status: "Waiting", waitFinished: edges.length, waitSuccess, ...over });
  const state = stateOf([child]);
  const links = edges.map((edge, i) => ({ parent: `p${i}`, child: "c", edge }));
  for (const [i, [edge, ended]] of ends.entries())
    tellChild(state, batchId, { parent: `p${i}`, child: "c", edge, rank: child.rank }, ended);
  const step = state.steps.find({ taskId: "c", step: "judge" });
  const relatives = relativesIn(new Map([...parents, child].map((row) => [row.id, row])), links);
  if (step) judge(state, child, await relatives.parentLinks(["c"]));
  return { state, child, isJudged: step !== undefined };
}

describe("a child of one parent", () => {
  const table: readonly (readonly [Edge, TaskState, TaskState])[] = [
    ["always", "Success", "Pending"],
    ["always", "Failure", "Pending"],
    ["always", "Canceled", "Pending"],
    ["always", "Skipped", "Pending"],
    ["requires_success", "Success", "Pending"],
    ["requires_success", "Failure", "Failure"],
    ["requires_success", "Canceled", "Failure"],
    ["requires_success", "Skipped", "Failure"],
    ["on_success", "Success", "Pending"],
    ["on_success", "Failure", "Skipped"],
    ["on_success", "Canceled", "Skipped"],
    ["on_success", "Skipped", "Skipped"],
    ["on_failure", "Success", "Skipped"],
    ["on_failure", "Failure", "Pending"],
    ["on_failure", "Canceled", "Pending"],
    ["on_failure", "Skipped", "Skipped"],
    ["none_failed", "Success", "Pending"],
    ["none_failed", "Failure", "Skipped"],
    ["none_failed", "Canceled", "Skipped"],
    ["none_failed", "Skipped", "Pending"],
  ];
  it.each(table)("that needs %s of one that is %s becomes %s", async (edge, parent, status) => {
    for (const joinsAny of [false, true]) {
      expect((await heard([[edge, parent]], { joinsAny })).child.status).toBe(status);
      const paused = await heard([[edge, parent]], { status: "Paused", joinsAny });
      expect(paused.child.status).toBe(status === "Pending" ? "Paused" : status);
      if (status === "Pending") expect(paused.child).toMatchObject({ waitFinished: 0, waitSuccess: 0 });
      expect(paused.isJudged).toBe(status !== "Pending");
    }
  });

  it("says why, once the local id of the parent is known", async () => {
    const { state, child } = await heard([["requires_success", "Canceled"]]);
    expect(child.endedAt).toEqual(later(10));
    expect(state.events).toMatchObject([{ task_id: "c", from: "Waiting", to: "Failure", event: "parent_lost" }]);
    expect(state.namedLosses).toEqual([
      {
        ...{ row: child, event: state.events[0], as: "Failure" },
        by: expect.objectContaining({ parent: "p0", edge: "requires_success", status: "Canceled" }),
      },
    ]);
    expect([...state.followed]).toEqual(["c"]);
  });
});

describe("a child of several", () => {
  it("goes on only with the last, and never counts below zero", async () => {
    const { child } = await heard(
      [
        ["always", "Failure"],
        ["requires_success", "Success"],
      ],
      {},
      ["requires_success"],
    );
    expect(child).toMatchObject({ status: "Waiting", waitFinished: 1, waitSuccess: 1 });
    const all = await heard([
      ["always", "Failure"],
      ["on_success", "Success"],
      ["on_failure", "Canceled"],
    ]);
    expect(all.child).toMatchObject({ status: "Pending", waitFinished: 0, waitSuccess: 0 });
    const over = { waitFinished: 0, waitSuccess: 0, status: "Paused" } as const;
    expect((await heard([["requires_success", "Success"]], over)).child).toMatchObject(over);
  });

  it("fails where a required one is lost, whatever else is lost with it, in any order", async () => {
    for (const ends of [
      [
        ["on_success", "Failure"],
        ["requires_success", "Failure"],
      ],
      [
        ["requires_success", "Canceled"],
        ["on_failure", "Success"],
      ],
      [
        ["always", "Success"],
        ["on_success", "Skipped"],
        ["requires_success", "Skipped"],
      ],
    ] as const)
      expect((await heard(ends)).child.status).toBe("Failure");
  });

  it("does not wait for the rest once it is lost", async () => {
    const { child } = await heard([["requires_success", "Failure"]], {}, ["always", "requires_success"]);
    expect(child.status).toBe("Failure");
  });

  it("names the required parent that ended last", async () => {
    const { state } = await heard([
      ["requires_success", "Failure"],
      ["requires_success", "Canceled"],
      ["on_success", "Failure"],
    ]);
    expect(state.namedLosses.map(({ by }) => by.parent)).toEqual(["p1"]);
  });
});

describe("a child that any parent is enough for", () => {
  const any = { joinsAny: true } as const;

  it("goes on with the first that is met, and hears no more", async () => {
    const { child } = await heard([["requires_success", "Success"]], any, ["requires_success", "always"]);
    expect(child).toMatchObject({ status: "Pending", waitFinished: 0 });
    const later = await heard(
      [
        ["always", "Success"],
        ["requires_success", "Failure"],
      ],
      any,
      ["always"],
    );
    expect(later.child).toMatchObject({ status: "Pending", waitFinished: 0 });
  });

  it("knows how many can still be met", async () => {
    const ends = [
      ["on_success", "Failure"],
      ["requires_success", "Canceled"],
    ] as const;
    expect((await heard(ends, any, ["always"])).child).toMatchObject({ status: "Waiting", waitFinished: 1 });
    // When it hears again, the number is the same.
    expect((await heard(ends, { ...any, waitFinished: 1 }, ["always"])).child.waitFinished).toBe(1);
  });

  it("is lost when none can be met any more", async () => {
    const skipped = await heard(
      [
        ["on_success", "Failure"],
        ["none_failed", "Canceled"],
      ],
      any,
    );
    expect(skipped.child.status).toBe("Skipped");
    const failed = await heard(
      [
        ["requires_success", "Failure"],
        ["on_success", "Failure"],
      ],
      any,
    );
    expect(failed.child.status).toBe("Failure");
  });
});

it.each(["Success", "Failure", "Canceled", "Skipped"] as const)("changes no child that is %s", async (status) => {
  for (const parent of ["Success", "Failure"] as const) {
    const { state, child, isJudged } = await heard([["requires_success", parent]], { status, endedAt: later(1) });
    expect([child.status, child.endedAt, state.changed.size, isJudged]).toEqual([status, later(1), 0, false]);
  }
});

describe("a parent without a purpose", () => {
  const reason = "All child tasks already terminated";
  /** A parent of whose children so many are unfinished, after one of them has ended. */
  const left = (openChildren: number, over: Partial<TaskRow> = {}, child: Partial<TaskRow> = {}, deadEnds = true) => {
    const parent = task({ id: "p", children: 2, openChildren, ...over });
    const ended = task({ id: "a", status: "Canceled", ...child });
    const state = stateOf([parent, ended], { env: { deadEnds } });
    return { state, parent, ended };
  };
  const climbs = ({ state, parent, ended }: ReturnType<typeof left>) => {
    childEnded(state, parent, ended);
    return state.steps.find({ taskId: "p", step: "up" }) !== undefined;
  };

  it.each(["Waiting", "Pending", "Claimed", "Running", "Retrying", "Paused"] as const)(
    "is canceled while it is %s",
    (status) => {
      const family = left(1, { status });
      expect(climbs(family)).toBe(true);
      climb(family.state, family.parent);
      expect(family.parent).toMatchObject({ status: "Canceled", failureReason: reason, openChildren: 0 });
      expect([...family.state.deadEnds]).toEqual(["p"]);
    },
  );

  it("goes on while one child is unfinished, or it has ended itself", () => {
    const family = left(2);
    expect([climbs(family), family.parent.openChildren]).toEqual([false, 1]);
    expect(family.state.changed.has(family.parent)).toBe(true);
    expect(climbs(left(1, { status: "Success", endedAt: later(1) }))).toBe(false);
  });

  it("goes on where something was added below it before it was its turn", () => {
    const family = left(1);
    expect(climbs(family)).toBe(true);
    family.parent.openChildren++;
    climb(family.state, family.parent);
    expect(family.parent.status).toBe("Pending");
  });

  it("is kept where it says so, and where dead ends are off", () => {
    expect(climbs(left(1, { deadEndKeep: true }))).toBe(false);
    expect(climbs(left(1, {}, {}, false))).toBe(false);
  });

  const added = { acts: allActs | acts.added };
  it.each(["Claimed", "Running"] as const)("is kept while it is %s and has added tasks", (status) => {
    expect(climbs(left(1, { status, ...added }))).toBe(false);
    // The step was there before it added some.
    const family = left(0, { status, ...added });
    climb(family.state, family.parent);
    expect(family.parent.status).toBe(status);
  });

  it.each(["Waiting", "Pending", "Retrying", "Paused"] as const)(
    "is canceled though it has added tasks, when it is %s",
    (status) => expect(climbs(left(1, { status, ...added }))).toBe(true),
  );

  it("is kept while its batch is open, also where the same turn closes it afterwards", () => {
    const inBatch = (family: ReturnType<typeof left>) => family.state.batches.get(batchId) as BatchRow;
    const open = left(1);
    inBatch(open).open = true;
    expect(climbs(open)).toBe(false);
    const closing = left(1);
    closing.state.closed.set(batchId, 5);
    closing.state.cause = 4;
    expect(climbs(closing)).toBe(false);
    const closed = left(1);
    closed.state.closed.set(batchId, 5);
    closed.state.cause = 6;
    expect(climbs(closed)).toBe(true);
  });

  it("may be a barrier, which stops the climb above it where it was canceled as a dead end itself", () => {
    expect(climbs(left(1, { deadEndBarrier: true }))).toBe(true);
    expect(climbs(left(1, {}, { deadEndBarrier: true }))).toBe(true);
    const above = left(1, {}, { deadEndBarrier: true });
    above.state.deadEnds.add("a");
    expect([climbs(above), above.parent.openChildren]).toEqual([false, 0]);
  });

  it("sends its cancel action, where it was under way", () => {
    const { state, parent } = left(0, { status: "Running" });
    climb(state, parent);
    expect(state.pendingDeliveries).toMatchObject([{ on: "cancel" }]);
    expect(state.events).toMatchObject([{ from: "Running", to: "Canceled", event: "dead_end", reason }]);
  });
});
