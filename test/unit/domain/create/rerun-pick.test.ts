// Which tasks run again, what they wait for, and how those are lost that cannot.
import { describe, expect, it } from "vitest";
import { type Ask, ended, pick, plan, type Sketch } from "../sketch.ts";

/** `a b<a c!Failure<b`: each task that runs again, how it is lost at once, and its parents that run again. */
function drawn(sketch: Sketch, ask: Ask): string {
  const old = ended(sketch);
  const { specs, tasks } = plan(old, ask);
  const names = new Set(specs.map((spec) => spec.local_id));
  return specs
    .map(({ local_id }, n) => {
      const parents = Object.keys(sketch[local_id]?.[1] ?? {}).filter((parent) => names.has(parent));
      const { lost } = tasks[n] as (typeof tasks)[number];
      return `${local_id}${lost ? `!${lost.as}` : ""}${parents.length === 0 ? "" : `<${parents.join("+")}`}`;
    })
    .join(" ");
}

const diamond: Sketch = {
  a: ["Success"],
  b: ["Failure", { a: "required" }],
  c: ["Success", { a: "always" }],
  d: ["Failure", { b: "required", c: "required" }],
};

describe("failed", () => {
  const cases: readonly [string, Sketch, string][] = [
    ["what failed, and what failed with it", diamond, "b d<b"],
    ["canceled and skipped tasks", { a: ["Canceled"], b: ["Skipped", { a: "on_success" }] }, "a b<a"],
    ["no step that succeeded, though its parent is", { a: ["Failure"], b: ["Success", { a: "on_failure" }] }, "a"],
    ["nothing, where all succeeded", { a: ["Success"], b: ["Success", { a: "required" }] }, ""],
    ["no step that waits for a success to fail", { a: ["Success"], b: ["Skipped", { a: "on_failure" }] }, ""],
    [
      "nor one that also waits for something that runs again",
      { a: ["Success"], b: ["Failure"], c: ["Skipped", { a: "on_failure", b: "always" }] },
      "b",
    ],
    [
      "what runs after such a step however it ends",
      { a: ["Success"], b: ["Skipped", { a: "on_failure" }], c: ["Canceled", { b: "always" }] },
      "c",
    ],
    [
      "nothing that needs such a step to succeed, or to fail",
      {
        a: ["Success"],
        b: ["Skipped", { a: "on_failure" }],
        c: ["Skipped", { b: "on_success" }],
        d: ["Skipped", { b: "on_failure" }],
        e: ["Failure", { b: "required" }],
      },
      "",
    ],
    [
      "what handles the failure that this was",
      {
        a: ["Success"],
        b: ["Skipped", { a: "on_failure" }],
        c: ["Failure", { b: "required" }],
        d: ["Failure", { c: "on_failure" }],
      },
      "d",
    ],
    [
      "what handles a cancel of a step that is left out: it counts as it ended",
      { a: ["Success"], b: ["Canceled", { a: "on_failure" }], c: ["Failure", { b: "on_failure" }] },
      "c",
    ],
    [
      "what nobody in the new batch needs",
      { a: ["Success"], x: ["Canceled"], z: ["Skipped", { a: "on_failure", x: "always" }] },
      "x",
    ],
    [
      "what skipped parents let pass",
      { a: ["Success"], b: ["Skipped", { a: "on_failure" }], c: ["Failure", { b: "none_failed" }] },
      "c",
    ],
    [
      "what any one parent may start, while one may",
      { a: ["Success"], b: ["Failure"], c: ["Skipped", { a: "on_failure", b: "on_success" }, "any"] },
      "b c<b",
    ],
    ["nothing that no parent can start", { a: ["Success"], c: ["Skipped", { a: "on_failure" }, "any"] }, ""],
  ];
  it.each(cases)("takes %s", (_what, sketch, wanted) => expect(drawn(sketch, { only: "failed" })).toBe(wanted));
});

describe("all", () => {
  it("takes everything", () => {
    expect(drawn(diamond, { only: "all" })).toBe("a b<a c<a d<b+c");
    expect(drawn({ a: ["Success"], b: ["Skipped", { a: "on_failure" }] }, { only: "all" })).toBe("a b<a");
    expect(drawn({}, { only: "all" })).toBe("");
  });
});

const release: Sketch = {
  build: ["Success"],
  test: ["Failure", { build: "required" }],
  lint: ["Success", { build: "required" }],
  report: ["Success", { test: "always", lint: "always" }],
  notify: ["Success", { report: "required" }],
};

describe("dependents", () => {
  it("take with what failed also what ran after it", () => {
    expect(drawn(release, { only: "failed" })).toBe("test");
    expect(drawn(release, { only: "failed", dependents: true })).toBe("test report<test notify<report");
    expect(drawn(release, { only: "all", dependents: true })).toBe(drawn(release, { only: "all" }));
  });

  it("bring back a step whose parent was left out and is not any more", () => {
    const sketch: Sketch = { a: ["Failure"], b: ["Success", { a: "always" }], c: ["Skipped", { b: "on_failure" }] };
    expect(drawn(sketch, {})).toBe("a");
    expect(drawn(sketch, { dependents: true })).toBe("a b<a c<b");
  });
});

describe("from", () => {
  it("takes these tasks and what depends on them, and nothing that failed elsewhere", () => {
    expect(drawn({ ...release, other: ["Failure"] }, { from: ["lint"] })).toBe("lint report<lint notify<report");
    expect(drawn(release, { from: ["build"], only: "failed" })).toBe(drawn(release, { only: "all" }));
    expect(drawn(release, { from: [] })).toBe("");
  });

  it("starts the named ones whatever their parents did; what depends on them counts left-out parents as they ended", () => {
    const sketch: Sketch = {
      bad: ["Failure"],
      good: ["Success"],
      named: ["Failure", { bad: "required" }],
      both: ["Failure", { named: "required", bad: "required" }],
      clean: ["Skipped", { named: "always", good: "on_failure" }],
      after: ["Failure", { both: "required" }],
      alarm: ["Success", { both: "on_failure" }],
      some: ["Success", { named: "on_success", bad: "on_success" }, "any"],
      one: ["Success", { named: "on_success", good: "on_success" }, "any"],
    };
    expect(drawn(sketch, { from: ["named"] })).toBe(
      "named both!Failure<named clean!Skipped<named after!Failure<both alarm<both some<named one<named",
    );
    const { specs, tasks } = plan(ended(sketch), { from: ["named"] });
    const of = (name: string) => tasks[specs.findIndex(({ local_id }) => local_id === name)];
    expect(of("both")?.lost?.reason).toBe("Required parent task bad failed");
    expect(of("after")?.lost?.reason).toBe("Required parent task both failed");
    expect(of("clean")?.lost?.reason).toBe("Condition on_failure of parent task good not met: it is Success");
    // The failure that it waits for has come.
    expect(of("alarm")).toMatchObject({ status: "Pending", wait_finished: 0 });
    expect(of("some")).toMatchObject({ status: "Waiting", wait_finished: 1, wait_success: 0 });
    expect(of("one")).toMatchObject({ status: "Pending", wait_finished: 0 });
  });

  it("names the parent that ended last, where several are lost", () => {
    const sketch: Sketch = {
      ...{ x: ["Failure"], y: ["Canceled"], named: ["Success"] },
      z: ["Failure", { y: "required", x: "required", named: "always" }],
    };
    expect(plan(ended(sketch), { from: ["named"] }).tasks[1]?.lost?.reason).toBe("Required parent task y failed");
  });

  it("says which ids the batch does not have", () => {
    expect(pick(ended(diamond), { from: ["a", "zz", "d", "yy"] }).unknown).toEqual([1, 3]);
  });
});

it("hears links in pages of any size, and only those that matter", () => {
  const { batch, links } = ended(diamond);
  expect(pick({ batch, links }, {}).children).toEqual(["old-b", "old-d"]);
  expect(pick({ batch, links }, { dependents: true }).children).toHaveLength(4);
});

it("counts what each waits for, and its children, among the new tasks alone", () => {
  const sketch: Sketch = {
    done: ["Success"],
    a: ["Failure", { done: "required" }],
    b: ["Canceled", { done: "on_success", a: "always" }],
    c: ["Skipped", { a: "required", b: "on_success" }],
  };
  const { tasks, copied } = plan(ended(sketch), { only: "failed" });
  expect(tasks.map((t) => [t.pos, t.status, t.wait_finished, t.wait_success, t.children])).toEqual([
    [1, "Pending", 0, 0, 2],
    [2, "Waiting", 1, 0, 1],
    [3, "Waiting", 2, 2, 0],
  ]);
  expect([...(copied?.ids ?? [])]).toEqual(["a", "b", "c"].map((name, n) => [`old-${name}`, tasks[n]?.id]));
  expect(copied?.links).toBe(3);
});
