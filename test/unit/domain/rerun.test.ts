// Planning a rerun: what is run again, what its tasks wait for, and what each keeps.
import { describe, expect, it } from "vitest";
import type { LaterAction } from "#domain/action";
import type { KeptBatch, KeptTask, RerunKind } from "#domain/rerun";
import { batchOf, id, now, plan, type Sketch, task } from "./sketch.ts";

/** `a b<a c<a+b`: each task that is run again, with the parents that it waits for. */
function drawn(sketch: Sketch, only: RerunKind, deadEnds = true): string {
  const { specs, links } = plan(batchOf(sketch), only, deadEnds);
  const names = new Map(specs.map((spec) => [spec.id, spec.local_id]));
  return specs
    .map((spec) => {
      const parents = links.filter((link) => link.child_id === spec.id).map((link) => names.get(link.parent_id));
      return parents.length === 0 ? spec.local_id : `${spec.local_id}<${parents.join("+")}`;
    })
    .join(" ");
}

describe("what is run again", () => {
  const diamond: Sketch = {
    a: ["Success"],
    b: ["Failure", { a: "required" }],
    c: ["Success", { a: "always" }],
    d: ["Failure", { b: "required", c: "required" }],
  };
  const failed: readonly [string, Sketch, string][] = [
    ["what failed, and what failed with it", diamond, "b d<b"],
    ["canceled and skipped tasks", { a: ["Canceled"], b: ["Skipped", { a: "on_success" }] }, "a b<a"],
    ["no step that succeeded, though its parent is", { a: ["Failure"], b: ["Success", { a: "on_failure" }] }, "a"],
    ["nothing, where all succeeded", { a: ["Success"], b: ["Success", { a: "required" }] }, ""],
    [
      "what waits for the failure of a task that is lost in both ways",
      {
        a: ["Success"],
        b: ["Skipped", { a: "on_failure" }],
        c: ["Failure", { b: "required", a: "on_failure" }],
        d: ["Failure", { c: "on_failure" }],
      },
      "d",
    ],
    ["no step that waits for a success to fail", { a: ["Success"], b: ["Skipped", { a: "on_failure" }] }, ""],
    [
      "nor one that also waits for something that is run again",
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
      "what handles the failure that this means",
      {
        a: ["Success"],
        b: ["Skipped", { a: "on_failure" }],
        c: ["Failure", { b: "required" }],
        d: ["Failure", { c: "on_failure" }],
      },
      "d",
    ],
    [
      "nothing that only a left out step would need",
      {
        a: ["Success"],
        x: ["Canceled"],
        y: ["Canceled", { x: "always" }],
        z: ["Skipped", { a: "on_failure", y: "always" }],
      },
      "",
    ],
    [
      "what is above a barrier that only a left out step would need",
      {
        a: ["Success"],
        x: ["Canceled"],
        y: ["Canceled", { x: "always" }, "barrier"],
        z: ["Skipped", { a: "on_failure", y: "always" }],
      },
      "x",
    ],
    [
      "what failed, though only a left out step would need it",
      { a: ["Success"], x: ["Failure"], z: ["Skipped", { a: "on_failure", x: "always" }] },
      "x",
    ],
    ["what was canceled, though its only child went on", { x: ["Canceled"], y: ["Success", { x: "always" }] }, "x"],
    [
      "what somebody else needs too",
      {
        a: ["Success"],
        x: ["Canceled"],
        y: ["Canceled", { x: "required" }],
        z: ["Skipped", { a: "on_failure", x: "always" }],
      },
      "x y<x",
    ],
  ];
  it.each(failed)("failed: %s", (_what, sketch, wanted) => expect(drawn(sketch, "failed")).toBe(wanted));

  it("failed: what only a left out step would need, where dead ends are not canceled", () => {
    const sketch: Sketch = { a: ["Success"], x: ["Canceled"], z: ["Skipped", { a: "on_failure", x: "always" }] };
    expect([drawn(sketch, "failed", false), drawn(sketch, "failed")]).toEqual(["x", ""]);
  });

  it("all: everything, with every dependency", () => {
    expect(drawn(diamond, "all")).toBe("a b<a c<a d<b+c");
    expect(drawn({ a: ["Success"], b: ["Skipped", { a: "on_failure" }] }, "all")).toBe("a b<a");
    expect(drawn({}, "all")).toBe("");
  });

  it("counts what each waits for, and its children, among the new tasks alone", () => {
    const sketch: Sketch = {
      done: ["Success"],
      a: ["Failure", { done: "required" }],
      b: ["Canceled", { done: "on_success", a: "always" }],
      c: ["Skipped", { a: "required", b: "on_success" }],
    };
    const { tasks, links } = plan(batchOf(sketch), "failed");
    expect(tasks.map((t) => [t.pos, t.status, t.wait_finished, t.wait_success, t.kids])).toEqual([
      [1, "Pending", 0, 0, 2],
      [2, "Waiting", 1, 0, 1],
      [3, "Waiting", 2, 2, 0],
    ]);
    const [a, b, c] = tasks.map((t) => t.id);
    expect(links).toEqual([
      { parent_id: a, child_id: b, requires_success: null, condition: null },
      { parent_id: a, child_id: c, requires_success: true, condition: null },
      { parent_id: b, child_id: c, requires_success: null, condition: "on_success" },
    ]);
  });
});

describe("what a task keeps", () => {
  const hook = { kind: "Webhook", params: { url: "http://h:81/x", verb: "Post" } } as const;
  const kept: KeptTask = task("a", {
    pos: 7,
    kind: "build",
    priority: -3,
    expected_count: 9,
    timeout: 5,
    dead_end_barrier: true,
    retry: {
      max_retries: 2,
      initial_delay_secs: 1,
      backoff_multiplier: 2,
      max_delay_secs: 9,
      retry_on: ["timeout"],
    },
    metadata: { p: 1 },
    rules: [{ type: "Concurrency" }],
    dedupe: [{ kind: "build", status: "Pending", fields: ["p"] }],
    start_action: hook,
    actions: [
      { ...hook, trigger: "End", on: "success" },
      { ...hook, trigger: "Cancel" },
    ],
  });
  const whole: KeptBatch = { scope: "s", metadata: { m: 1 }, onComplete: [hook], tasks: [kept], links: [] };

  it("is all that was sent, under new ids", () => {
    const made = plan(whole, "all");
    expect(made).toMatchObject({ id, scope: "s", metadata: { m: 1 }, onComplete: [hook], links: [] });
    const { status: _, run_at, start_action, actions, local_id, name, metadata, rules, dedupe, ...hot } = kept;
    const newId = made.tasks[0]?.id;
    expect(newId).toMatch(/^[0-9a-f-]{36}$/);
    expect(made.tasks).toEqual([
      {
        ...hot,
        id: newId,
        batch_id: id,
        status: "Pending",
        wait_finished: 0,
        wait_success: 0,
        kids: 0,
        receiver: "http://h:81",
        acts: 11,
        run_at: null,
        delay_secs: null,
      },
    ]);
    expect(made.specs).toEqual([
      { id: newId, batch_id: id, local_id, name, metadata, rules, dedupe, start_action, actions },
    ]);
  });

  it("is no cancel action that a service answered", () => {
    const answered: LaterAction = { ...hook, trigger: "Cancel", answered: true };
    const with2 = plan({ ...whole, tasks: [{ ...kept, actions: [...kept.actions, answered] }] }, "all");
    expect([with2.specs[0]?.actions, with2.tasks[0]?.acts]).toEqual([kept.actions, 11]);
    const alone = plan({ ...whole, tasks: [{ ...kept, actions: [answered] }] }, "all");
    expect([alone.specs[0]?.actions, alone.tasks[0]?.acts]).toEqual([[], 1]);
  });

  it.each([
    ["that has passed", -1, null],
    ["that is now", 0, null],
    ["that is ahead", 1, "2026-11-23T12:00:00.001Z"],
  ])("is a time %s only while it is ahead", (_what, ms, wanted) => {
    const { tasks } = plan({ ...whole, tasks: [{ ...kept, run_at: new Date(now + ms) }] }, "all");
    expect(tasks[0]?.run_at).toBe(wanted);
  });
});
