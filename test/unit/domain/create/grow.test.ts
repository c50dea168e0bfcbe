// Planning tasks that are added: what they begin with by parents of the call and of the batch, ranks above all that is there,
// what ends as soon as it exists, and the same plan again for a repetition.
import { describe, expect, it } from "vitest";
import { levelsOf } from "#domain/create/batch";
import type { Parent } from "#domain/create/begin";
import { omittedOf } from "#domain/create/dedupe";
import { beganOf, type GrownBatch, planAgain, planGrowth } from "#domain/create/grow";
import { Faults } from "#domain/faults";
import { conditions } from "#domain/propagation/edges";
import { readBatch } from "#domain/schema/batch";
import type { KnownNames } from "#domain/schema/dependencies";
import type { TaskState } from "#machines/task";
import { strict } from "#test/policy";

const now = Date.parse("2026-11-23T12:00:00Z");
const batchId = "019b0000-0000-7000-8000-000000000000";
const limits = { tasksMax: 100, dependenciesMax: 9, linksMax: 100, actionsMax: 9, policy: strict };

const any = { has: () => true };
function read(
  tasks: readonly object[],
  known: KnownNames = { taken: new Set(), nameable: any, byHandle: false, above: null },
) {
  const faults = new Faults();
  const body = tasks.map((task) => ({ name: "N", kind: "k", ...task }));
  const batch = readBatch(body, 1_000, limits, now, faults, known);
  return { batch, faults: faults.list };
}
const sound = (tasks: readonly object[]) => {
  const { batch, faults } = read(tasks);
  if (!batch) throw new Error(faults.join());
  return batch;
};

const grown = (parents: Readonly<Record<string, TaskState>> = {}, more: Partial<GrownBatch> = {}): GrownBatch => {
  const named = Object.entries(parents).map(([name, status], rank): [string, Parent] => [
    name,
    { id: `id of ${name}`, status, endedAt: 1_000 - rank, rank },
  ]);
  return {
    id: batchId,
    total: 10,
    links: 3,
    paused: false,
    deadEnd: null,
    kinds: ["old"],
    named: new Map(named),
    read: new Set(),
    ...more,
  };
};
const none: ReadonlySet<number> = new Set();
const plan = (tasks: readonly object[], to = grown(), omitted = none) => planGrowth(sound(tasks), to, now, omitted);
const begin = (made: ReturnType<typeof plan>) =>
  made.tasks.map(({ status, wait_finished, wait_success, lost }) =>
    lost ? [lost.as, lost.reason] : [status, wait_finished, wait_success],
  );
const needs = (id: string, more: object = {}) => ({ dependencies: [{ id, ...more }] });

describe("an added task", () => {
  const met: Readonly<Record<string, readonly TaskState[]>> = {
    always: ["Success", "Failure", "Canceled", "Skipped"],
    on_success: ["Success"],
    on_failure: ["Failure", "Canceled"],
    none_failed: ["Success", "Skipped"],
  };
  it.each(conditions)("counts a parent that has ended at once, by the edge %s", (condition) => {
    for (const status of ["Success", "Failure", "Canceled", "Skipped"] as const) {
      const [task] = begin(plan([{ id: "x", ...needs("p", { condition }) }], grown({ p: status })));
      const lost = ["Skipped", `Condition ${condition} of parent task p not met: it is ${status}`];
      expect(task).toEqual(met[condition]?.includes(status) ? ["Pending", 0, 0] : lost);
    }
  });

  it("fails at once where a parent that it requires has failed, and so does what requires it in turn", () => {
    const made = plan(
      [
        { id: "y", ...needs("x", { requires_success: true }) },
        { id: "x", ...needs("p", { requires_success: true }) },
        { id: "z", ...needs("y") },
      ],
      grown({ p: "Failure" }),
    );
    expect(begin(made)).toEqual([
      ["Failure", "Required parent task x failed"],
      ["Failure", "Required parent task p failed"],
      ["Pending", 0, 0],
    ]);
  });

  it("names the parent that ended last", () => {
    const dependencies = ["p", "q"].map((id) => ({ id, condition: "on_success" }));
    // The first one ended later.
    expect(begin(plan([{ id: "x", dependencies }], grown({ p: "Failure", q: "Skipped" })))).toEqual([
      ["Skipped", "Condition on_success of parent task p not met: it is Failure"],
    ]);
  });

  it("waits for parents of the batch that have not ended, and for those of the call", () => {
    const dependencies = [{ id: "p", requires_success: true }, { id: "q" }, { id: "x", condition: "on_success" }];
    const made = plan([{ id: "x" }, { id: "y", dependencies }], grown({ p: "Running", q: "Success" }));
    expect(begin(made)).toEqual([
      ["Pending", 0, 0],
      ["Waiting", 2, 2],
    ]);
    expect(made.links.map(({ parent_id, child_id }) => [parent_id, child_id])).toEqual([
      [made.tasks[0]?.id, made.tasks[1]?.id],
      ["id of p", made.tasks[1]?.id],
      ["id of q", made.tasks[1]?.id],
    ]);
    expect(made.tasks.map(({ children }) => children)).toEqual([1, 0]);
  });

  it("needs one parent that is met where it joins any, and is lost when none can be", () => {
    const dependencies = [
      { id: "p", condition: "on_success" },
      { id: "q", condition: "on_success" },
    ];
    const begun = (p: TaskState, q: TaskState) =>
      begin(plan([{ id: "x", join: "any", dependencies }], grown({ p, q })))[0];
    expect(begun("Success", "Running")).toEqual(["Pending", 0, 0]);
    expect(begun("Failure", "Running")).toEqual(["Waiting", 1, 0]);
    expect(begun("Running", "Running")).toEqual(["Waiting", 2, 0]);
    expect(begun("Failure", "Skipped")?.[0]).toBe("Skipped");
  });

  it("counts what was deduplicated, then or now, as met", () => {
    const made = plan(
      [{ id: "gone" }, { id: "x", ...needs("gone") }, { id: "y", ...needs("gone before") }],
      grown(),
      new Set([0]),
    );
    expect(begin(made)).toEqual([
      ["Pending", 0, 0],
      ["Pending", 0, 0],
    ]);
    expect(made.links).toEqual([]);
  });

  it("has a rank above all that was there, behind its parents", () => {
    const made = plan(
      [
        { id: "b", ...needs("a") },
        { id: "a", ...needs("p") },
      ],
      grown({ p: "Running" }),
    );
    expect(made.tasks.map(({ rank, pos }) => [rank, pos])).toEqual([
      [11, 0],
      [10, 1],
    ]);
  });

  it("is paused by a paused batch, and keeps dead ends as the batch does", () => {
    const made = plan(
      [{ id: "a" }, { id: "b", paused: true, dead_end: "cancel" }],
      grown({}, { paused: true, deadEnd: "keep" }),
    );
    expect(
      made.tasks.map(({ status, paused_by_batch, dead_end_keep }) => [status, paused_by_batch, dead_end_keep]),
    ).toEqual([
      ["Paused", true, true],
      ["Paused", false, false],
    ]);
  });

  it("is level 0 in a dry run where it depends on tasks of the batch alone", () => {
    const made = plan([{ id: "a", ...needs("p") }, { id: "b", ...needs("a") }, { id: "c" }], grown({ p: "Running" }));
    expect(levelsOf(made)).toEqual([["a", "c"], ["b"]]);
  });

  it("is warned of a matcher kind only where no task of the batch has it either", () => {
    const rule = (kind: string) => ({
      type: "Concurrency",
      max_concurrency: 1,
      matcher: { kind, status: "Running", fields: [] },
    });
    expect(plan([{ id: "a", rules: [rule("old")] }]).warnings).toEqual([]);
    expect(plan([{ id: "a", rules: [rule("other")] }]).warnings).toHaveLength(1);
  });
});

it("a twin of the call is looked for in the state that it begins with", () => {
  const twin = (id: string, status: string) => ({
    id,
    metadata: { n: 1 },
    dedupe_strategy: [{ kind: "k", status, fields: ["n"] }],
  });
  const omitted = (status: string, parent: TaskState) => {
    const first = { id: "a", metadata: { n: 1 }, ...needs("p", { requires_success: true }) };
    const { named } = grown({ p: parent });
    return [...omittedOf(sound([first, twin("b", status)]), new Set(), named)];
  };
  expect([omitted("Waiting", "Running"), omitted("Pending", "Running")]).toEqual([[1], []]);
  expect([omitted("Pending", "Success"), omitted("Failure", "Failure"), omitted("Pending", "Failure")]).toEqual([
    [1],
    [1],
    [],
  ]);
});

it("is planned again as it was, from its body and from what was kept", () => {
  const tasks = [
    { id: "gone" },
    { id: "x", ...needs("p", { requires_success: true }) },
    { id: "y", paused: true },
    { id: "z" },
  ];
  const to = grown({ p: "Failure" }, { deadEnd: "keep" });
  const made = plan(tasks, to, new Set([0]));
  const ids = [null, ...made.tasks.map(({ id }) => id)];
  const began = JSON.parse(JSON.stringify(beganOf(made, to)));
  const again = planAgain(sound(tasks), { batchId, tasks: ids, created: new Date(now) }, began);
  const seen = ({ tasks: all, deduplicated, warnings }: typeof made) => ({
    tasks: all.map(({ id, status, lost, dead_end_keep }) => [id, lost ?? status, dead_end_keep]),
    ...{ deduplicated, warnings },
  });
  expect(seen(again)).toEqual(seen(made));
});

describe("what is wrong with a call", () => {
  const known = (byHandle: boolean): KnownNames => ({
    taken: new Set(["p"]),
    nameable: new Set(["p", "left out"]),
    byHandle,
    above: null,
  });

  it("is an id that the batch has, and a dependency that neither has", () => {
    const tasks = [{ id: "p" }, { id: "x", dependencies: [{ id: "left out" }, { id: "p" }, { id: "ghost" }] }];
    expect(read(tasks, known(false)).faults).toEqual([
      'tasks[0].id: "p" is already the id of a task of the batch',
      'tasks[1].dependencies[2].id: no task of this call or of the batch has the id "ghost"',
    ]);
  });

  it("is by a signed handle a task that its task has not added, whether or not there is one", () => {
    const { faults } = read([{ id: "x", ...needs("ghost") }], known(true));
    expect(faults).toEqual([
      'tasks[0].dependencies[0].id: neither the task of the handle nor one that it added has the id "ghost"',
    ]);
  });

  it("is whatever else a whole batch may say", () => {
    const faults = new Faults();
    const body = { tasks: [{ id: "x", name: "N", kind: "k" }], scope: "s", open: true };
    expect(readBatch(body, 100, limits, now, faults, known(false))).toBeUndefined();
    expect(faults.list).toEqual(["scope: is not a known field", "open: is not a known field"]);
  });
});
