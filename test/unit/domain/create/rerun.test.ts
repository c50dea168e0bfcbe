// Planning a rerun: what each task that runs again keeps.
import { describe, expect, it } from "vitest";
import type { LaterAction } from "#domain/action";
import type { KeptBatch, KeptTask } from "#domain/create/rerun";
import { id, now, plan, task } from "../sketch.ts";

describe("what a task keeps", () => {
  const hook = { kind: "Webhook", params: { url: "http://h:81/x", verb: "Post" } } as const;
  const kept: KeptTask = task("a", {
    kind: "build",
    priority: -3,
    expected_count: 9,
    timeout: 5,
    dead_end_barrier: true,
    dead_end_keep: true,
    joins_any: true,
    retry: {
      max_retries: 2,
      initial_delay_secs: 1,
      backoff_multiplier: 2,
      max_delay_secs: 9,
      retry_on: ["timeout"],
    },
    max_duration_secs: 100,
    expires_secs: 10,
    metadata: { p: 1 },
    rules: [{ type: "Concurrency" }],
    dedupe: [{ kind: "build", status: "Pending", fields: ["p"] }],
    start_action: hook,
    actions: [
      { ...hook, trigger: "End", on: "success" },
      { ...hook, trigger: "Cancel" },
    ],
  });
  const whole: KeptBatch = {
    ...{ id: "old", scope: "s", metadata: { m: 1 }, onComplete: [hook], deadEnd: "keep" },
    ...{ paused: false, deadlineSecs: 9, tasks: [kept] },
  };
  const again = (...tasks: KeptTask[]) => plan({ batch: { ...whole, tasks }, links: [] }, { only: "all" });

  it("is all that was sent, under new ids", () => {
    const made = again(kept);
    expect(made).toMatchObject({ id, scope: "s", metadata: { m: 1 }, onComplete: [hook], links: [] });
    expect(made).toMatchObject({ deadEnd: "keep", deadlineSecs: 9 });
    const { status: _, ended_at, run_at, start_action, actions, sources, ...sent } = kept;
    const { local_id, name, metadata, rules, dedupe, paused, ...hot } = sent;
    const newId = made.tasks[0]?.id;
    expect(newId).toMatch(/^[0-9a-f-]{36}$/);
    expect(made.tasks).toEqual([
      {
        ...hot,
        rank: 0,
        pos: 0,
        id: newId,
        batch_id: id,
        status: "Pending",
        paused_by_batch: false,
        wait_finished: 0,
        wait_success: 0,
        children: 0,
        receiver: "http://h:81",
        queue_timeout_secs: null,
        acts: 11,
        run_at: null,
        delay_secs: null,
      },
    ]);
    expect(made.specs).toEqual([
      {
        id: newId,
        batch_id: id,
        local_id,
        name,
        metadata,
        rules,
        dedupe,
        paused,
        delay_secs: null,
        start_action,
        actions,
      },
    ]);
  });

  it("is paused as it was sent, the batch or a task of it", () => {
    const both = { ...whole, tasks: [kept, { ...kept, id: "other", local_id: "b", paused: true }] };
    const made = (batch: KeptBatch) => plan({ batch, links: [] }, { only: "all" });
    const begun = (batch: KeptBatch) =>
      made(batch).tasks.map(({ status, paused_by_batch }) => [status, paused_by_batch]);
    expect(begun(both)).toEqual([
      ["Pending", false],
      ["Paused", false],
    ]);
    expect(begun({ ...both, paused: true })).toEqual([
      ["Paused", true],
      ["Paused", false],
    ]);
    expect([made(both).paused, made({ ...both, paused: true }).paused]).toEqual([false, true]);
  });

  it("is no cancel action that a service answered", () => {
    const answered: LaterAction = { ...hook, trigger: "Cancel", answered: true };
    const with2 = again({ ...kept, actions: [...kept.actions, answered] });
    expect([with2.specs[0]?.actions, with2.tasks[0]?.acts]).toEqual([kept.actions, 11]);
    const alone = again({ ...kept, actions: [answered] });
    expect([alone.specs[0]?.actions, alone.tasks[0]?.acts]).toEqual([[], 1]);
  });

  it.each([
    ["that has passed", -1, null],
    ["that is now", 0, null],
    ["that is ahead", 1, "2026-11-23T12:00:00.001Z"],
  ])("is a time %s only while it is ahead", (_what, ms, wanted) => {
    const { tasks } = again({ ...kept, run_at: new Date(now + ms) });
    expect(tasks[0]?.run_at).toBe(wanted);
  });

  it("is a delay as it was sent, and not the time that it led to", () => {
    const [first] = again({ ...kept, delay_secs: 60, run_at: new Date(now + 1) }).tasks;
    expect([first?.run_at, first?.delay_secs]).toEqual([null, 60]);
  });

  it("is its place in the order of creation, also where tasks were added", () => {
    const two = [task("a", { rank: 5 }), task("b", { rank: 2 })];
    expect(again(...two).tasks.map(({ pos, rank }) => [pos, rank])).toEqual([
      [0, 1],
      [1, 0],
    ]);
  });

  it("has a rank without gaps among the tasks that run again: sweeps go by it up to their number", () => {
    const tasks = [
      task("a", { rank: 0, status: "Success" }),
      task("b", { rank: 2, status: "Failure" }),
      task("c", { rank: 1, status: "Failure" }),
    ];
    const made = plan({ batch: { ...whole, tasks }, links: [] }, { only: "failed" });
    expect(made.tasks.map(({ rank }) => rank)).toEqual([1, 0]);
  });
});
