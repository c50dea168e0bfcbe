// What an ended task means for its relatives, sentence by sentence of section 5 of the contract: children that are met,
// lost or skipped, parents left without a purpose, and the count of the batch.
import { describe, expect, it } from "vitest";
import { cancelStranded, countOff, tellChild } from "#actor/spread";
import { advance } from "#actor/step";
import type { Link, TaskRow } from "#domain/row";
import type { TaskState } from "#machines/task";
import { batchId, later, sceneOf, task } from "./rows.ts";

type Needs = Link["needs"];
const link = (parent: string, child: string, needs: Needs = "finish"): Link => ({ parent, child, needs });

/** A child of parents that ended so, after it has heard of them all at once. */
function heard(
  ends: readonly (readonly [Needs, TaskState])[],
  over: Partial<TaskRow> = {},
  more = { open: 0, openRequired: 0 },
) {
  const parents = ends.map(([, status], i) => task({ id: `p${i}`, status, kids: 1 }));
  const required = ends.filter(([needs]) => needs === "required" || needs === "success").length;
  const waits = { waitFinished: ends.length + more.open, waitSuccess: required + more.openRequired };
  const child = task({ id: "c", status: "Waiting", ...waits, ...over });
  const links = ends.map(([needs], i) => link(`p${i}`, "c", needs));
  const scene = sceneOf([...parents, child], links);
  tellChild(scene, child, links);
  return { scene, child };
}

describe("a child of one parent", () => {
  it.each([
    ["finish", "Success", "Pending"],
    ["finish", "Failure", "Pending"],
    ["finish", "Canceled", "Pending"],
    ["finish", "Skipped", "Pending"],
    ["required", "Success", "Pending"],
    ["required", "Failure", "Failure"],
    ["required", "Canceled", "Failure"],
    ["required", "Skipped", "Failure"],
    ["success", "Success", "Pending"],
    ["success", "Failure", "Skipped"],
    ["success", "Canceled", "Skipped"],
    ["success", "Skipped", "Skipped"],
    ["failure", "Success", "Skipped"],
    ["failure", "Failure", "Pending"],
    ["failure", "Canceled", "Pending"],
    ["failure", "Skipped", "Skipped"],
  ] as const)("that needs %s of one that is %s becomes %s", (needs, parent, status) => {
    expect(heard([[needs, parent]]).child.status).toBe(status);
    const paused = heard([[needs, parent]], { status: "Paused" });
    expect(paused.child.status).toBe(status === "Pending" ? "Paused" : status);
    if (status === "Pending") expect(paused.child).toMatchObject({ waitFinished: 0, waitSuccess: 0 });
  });

  it("says why", () => {
    expect(heard([["required", "Canceled"]]).child).toMatchObject({
      failureReason: "Required parent task p0 failed",
      endedAt: later(10),
    });
    expect(heard([["success", "Failure"]]).child.failureReason).toContain("p0");
    expect(heard([["required", "Failure"]]).scene.events).toMatchObject([
      { task_id: "c", from: "Waiting", to: "Failure" },
    ]);
  });
});

describe("a child of several", () => {
  it("goes on only with the last, and never counts below zero", () => {
    const { child } = heard(
      [
        ["finish", "Failure"],
        ["required", "Success"],
      ],
      {},
      { open: 1, openRequired: 1 },
    );
    expect(child).toMatchObject({ status: "Waiting", waitFinished: 1, waitSuccess: 1 });
    expect(
      heard([
        ["finish", "Failure"],
        ["success", "Success"],
        ["failure", "Canceled"],
      ]).child,
    ).toMatchObject({
      status: "Pending",
      waitFinished: 0,
      waitSuccess: 0,
    });
    const replayed = heard([["required", "Success"]], { waitFinished: 0, waitSuccess: 0, status: "Paused" });
    expect(replayed.child).toMatchObject({ status: "Paused", waitFinished: 0, waitSuccess: 0 });
  });

  it("fails where a required one is lost, whatever else is lost with it, in any order", () => {
    for (const ends of [
      [
        ["success", "Failure"],
        ["required", "Failure"],
      ],
      [
        ["required", "Canceled"],
        ["failure", "Success"],
      ],
      [
        ["finish", "Success"],
        ["success", "Skipped"],
        ["required", "Skipped"],
      ],
    ] as const)
      expect(heard(ends).child.status).toBe("Failure");
  });

  it("does not wait for the rest once it is lost", () => {
    expect(heard([["required", "Failure"]], {}, { open: 2, openRequired: 1 }).child.status).toBe("Failure");
  });
});

it.each(["Success", "Failure", "Canceled", "Skipped"] as const)("changes no child that is %s", (status) => {
  for (const parent of ["Success", "Failure"] as const) {
    const { scene, child } = heard([["required", parent]], { status, endedAt: later(1) });
    expect([child.status, child.endedAt, scene.changed.size]).toEqual([status, later(1), 0]);
  }
});

describe("a parent without a purpose", () => {
  const reason = "All child tasks already terminated";
  const links = [link("p", "a"), link("p", "b")];
  const family = (a: TaskState, b: TaskState, p: Partial<TaskRow> = {}) => {
    const rows = [
      task({ id: "p", status: "Pending", kids: 2, ...p }),
      task({ id: "a", status: "Waiting", waitFinished: 1 }),
      task({ id: "b", status: "Waiting", waitFinished: 1 }),
    ];
    const scene = sceneOf(rows, links);
    for (const [id, status] of [
      ["a", a],
      ["b", b],
    ] as const) {
      const row = scene.rows.get(id) as TaskRow;
      if (status === "Canceled") advance(scene, row, { type: "cancel" });
      if (status === "Failure") Object.assign(row, { status, endedAt: later(10) });
    }
    cancelStranded(scene, ["p"]);
    return scene.rows.get("p") as TaskRow;
  };

  it.each(["Pending", "Claimed", "Running", "Retrying", "Paused"] as const)("is canceled while it is %s", (status) => {
    expect(family("Canceled", "Failure", { status })).toMatchObject({ status: "Canceled", failureReason: reason });
  });
  it("goes on while one child is open, or it has ended itself", () => {
    expect(family("Canceled", "Waiting").status).toBe("Pending");
    expect(family("Canceled", "Canceled", { status: "Success", endedAt: later(1) }).status).toBe("Success");
  });
  it("may be a barrier", () =>
    expect(family("Canceled", "Canceled", { deadEndBarrier: true }).status).toBe("Canceled"));

  it("is told of its children as they stand in the table, where they are not in hand", () => {
    const scene = sceneOf([task({ id: "p", kids: 1 })]);
    scene.openKids.set("p", new Set(["elsewhere"]));
    cancelStranded(scene, ["p"]);
    expect(scene.rows.get("p")?.status).toBe("Pending");
  });

  it("sends its cancel action, where it was under way", () => {
    const scene = sceneOf([task({ id: "p", status: "Running", kids: 0 })]);
    cancelStranded(scene, ["p"]);
    expect(scene.owed).toMatchObject([{ on: "cancel" }]);
    expect(scene.events).toMatchObject([{ from: "Running", to: "Canceled", reason }]);
  });
});

describe("the count of a batch", () => {
  it("goes down by those that ended, once each", () => {
    const rows = [task({ id: "a" }), task({ id: "b" }), task({ id: "c" })];
    const scene = sceneOf(rows);
    for (const row of rows.slice(0, 2)) advance(scene, row, { type: "cancel" });
    scene.finished.push(...scene.ended);
    countOff(scene);
    expect(scene.batches.get(batchId)).toMatchObject({ total: 3, unfinished: 1 });
    expect(scene.changedBatches.size).toBe(1);
  });

  it("is not touched where nothing ended", () => {
    const scene = sceneOf([task()]);
    countOff(scene);
    expect(scene.changedBatches.size).toBe(0);
  });

  it("cannot be changed by a turn that does not hold it", () => {
    const scene = sceneOf([task()]);
    scene.batches.clear();
    scene.finished.push(scene.rows.get("a") as TaskRow);
    expect(() => countOff(scene)).toThrow(/does not hold/);
  });
});
