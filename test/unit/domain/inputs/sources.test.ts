// Where inputs are read from that are not in the batch: deduplicated tasks, and those that a rerun left out.
import { describe, expect, it } from "vitest";
import type { Inputs, StartAction } from "#domain/action";
import { planBatch } from "#domain/create/batch";
import { planGrowth } from "#domain/create/grow";
import type { NewTask } from "#domain/schema/task";
import { plan, task } from "../sketch.ts";

const start = (inputs: Inputs): StartAction => ({
  kind: "Webhook",
  params: { url: "http://h/", verb: "Post", inputs },
});
const sent = (id: string, needs: readonly string[] = [], inputs?: Inputs) =>
  ({
    ...{ id, name: id, kind: "k", dependencies: needs.map((one) => ({ id: one })) },
    ...(inputs === undefined ? {} : { on_start: start(inputs) }),
  }) as NewTask;
const batchOf = (tasks: readonly NewTask[]) => ({
  ...{ tasks, onComplete: [], scope: null, metadata: null, paused: false, deadEnd: null },
});

describe("a task that is created", () => {
  const tasks = [
    sent("a"),
    sent("b"),
    sent("c", ["a", "b"], "parents"),
    sent("d", ["c"], { x: { task: "a" }, y: { task: "b" } }),
  ];

  it("notes nothing where all that it asks for is in the batch", () => {
    expect(planBatch(batchOf(tasks), "batch", 0).specs.filter((spec) => "sources" in spec)).toEqual([]);
  });

  it("notes what was deduplicated: the id may be given to another task later, which is not meant", () => {
    const { specs } = planBatch(batchOf(tasks), "batch", 0, new Set([0]));
    expect(specs.map(({ local_id, sources }) => [local_id, sources])).toEqual([
      ["b", undefined],
      ["c", { a: null }],
      ["d", { a: null }],
    ]);
  });

  it("finds tasks of the batch to which it is added, and notes what that deduplicated", () => {
    const parent = { id: "id of a", status: "Running", endedAt: 0, rank: 0 } as const;
    const batch = {
      id: "batch",
      total: 1,
      links: 0,
      paused: false,
      deadEnd: null,
      kinds: [],
      named: new Map([["a", parent]]),
      read: new Set(["c"]),
    };
    const reading = sent("y", ["a"], { x: { task: "c" }, y: { task: "d" } });
    const { specs } = planGrowth(batchOf([sent("z", ["a", "b"], "parents"), reading]), batch, 0, new Set());
    expect(specs.map(({ sources }) => sources)).toEqual([{ b: null }, { d: null }]);
  });
});

describe("a task that runs again", () => {
  const link = (parent: string, child: string) => ({
    ...{ parent_id: `old-${parent}`, child_id: `old-${child}`, requires_success: true, condition: null },
  });
  /** a → b → c; only c failed. */
  const again = (inputs: Inputs, more: object = {}) => {
    const tasks = [
      task("a", { status: "Success", rank: 0 }),
      task("b", { status: "Success", rank: 1 }),
      task("c", { rank: 2, start_action: start(inputs), ...more }),
    ];
    const batch = { id: "old", scope: null, metadata: null, onComplete: [], paused: false, deadEnd: null, tasks };
    return (ask: object) => plan({ batch, links: [link("a", "b"), link("b", "c")] }, ask).specs.at(-1)?.sources;
  };

  it("reads what it left out from the first batch", () => {
    expect(again("parents")({})).toEqual({ b: "old-b" });
    expect(again({ x: { task: "a" }, y: { task: "b" } })({})).toEqual({ a: "old-a", b: "old-b" });
  });

  it("reads what runs again too from the new batch", () => {
    expect(again("parents")({ only: "all" })).toBeUndefined();
    expect(again({ x: { task: "a" }, y: { task: "b" } })({ from: ["b"] })).toEqual({ a: "old-a" });
  });

  it("goes on reading what the first batch, a rerun itself, read from an earlier one", () => {
    const sources = { z: "oldest", gone: null };
    expect(again({ x: { task: "z" }, y: { task: "b" } }, { sources })({})).toEqual({ ...sources, b: "old-b" });
    expect(again("parents", { sources })({ only: "all" })).toEqual(sources);
  });
});
