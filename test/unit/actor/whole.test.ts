// Commands for a whole batch: who is stopped, paused and resumed, and the counts in the answer.
import { expect, it } from "vitest";
import { decideWhole } from "#actor/whole";
import type { TaskRow } from "#domain/row";
import { always, ask, batchId, later, sceneOf, task } from "./rows.ts";

const retrying = { status: "Retrying", retry: always, nextRetryAt: later(60), dueAt: later(60) } as const;
/** One of each state; a turn over a batch holds only what has not ended. */
const open = (): TaskRow[] => [
  task({ id: "w", status: "Waiting", waitFinished: 1, waitSuccess: 1 }),
  task({ id: "p", status: "Pending" }),
  task({ id: "c", status: "Claimed" }),
  task({ id: "r", status: "Running" }),
  task({ id: "y", ...retrying }),
  task({ id: "z", status: "Paused" }),
];
const stageOf = (rows: TaskRow[], total = rows.length) => {
  const scene = sceneOf(rows, [{ parent: "p", child: "w", needs: "required" }]);
  scene.batches.set(batchId, { id: batchId, total, unfinished: rows.length });
  return scene;
};
const statuses = (rows: readonly TaskRow[]) => Object.fromEntries(rows.map(({ id, status }) => [id, status]));

it("stops every unfinished task itself, counts them by where they were, and fails nobody", async () => {
  const rows = open();
  const scene = stageOf(rows, 10);
  expect(await decideWhole(scene, ask("stop_batch", batchId))).toEqual({
    status: 200,
    id: batchId,
    counts: {
      canceled_waiting: 1,
      canceled_pending: 1,
      canceled_claimed: 1,
      canceled_running: 1,
      canceled_paused: 1,
      canceled_retrying: 1,
      already_terminal: 4,
    },
  });
  for (const row of rows)
    expect(row).toMatchObject({ status: "Canceled", failureReason: "Batch stopped", dueAt: null });
  expect(scene.owed.map(({ row, on, holdUntil }) => [row.id, on, holdUntil])).toEqual([
    ["c", "cancel", later(40)],
    ["r", "cancel", null],
  ]);
  expect([scene.ended.length, scene.finished.length]).toEqual([0, 6]);
});

it("finds nothing to stop a second time", async () => {
  const answer = await decideWhole(stageOf([], 3), ask("stop_batch", batchId));
  expect(answer.counts).toMatchObject({ canceled_pending: 0, already_terminal: 3 });
});

it("pauses what waits; what is under way goes on and remembers", async () => {
  const rows = open();
  const scene = stageOf(rows);
  expect(await decideWhole(scene, ask("pause_batch", batchId))).toEqual({
    status: 200,
    id: batchId,
    counts: { paused: 3 },
  });
  expect(statuses(rows)).toEqual({ w: "Paused", p: "Paused", c: "Claimed", r: "Running", y: "Paused", z: "Paused" });
  expect(rows.filter((row) => row.pauseRequested).map(({ id }) => id)).toEqual(["c", "r"]);
  expect(scene.events.map(({ task_id }) => task_id)).toEqual(["w", "p", "y"]);
});

it("resumes each to where it belongs, and withdraws what was remembered", async () => {
  const rows = open();
  await decideWhole(stageOf(rows), ask("pause_batch", batchId));
  const scene = stageOf(rows);
  const answer = await decideWhole(scene, ask("resume_batch", batchId));
  expect(answer).toEqual({ status: 200, id: batchId, counts: { resumed: 4 } });
  expect(statuses(rows)).toEqual({
    w: "Waiting",
    p: "Pending",
    c: "Claimed",
    r: "Running",
    y: "Retrying",
    z: "Pending",
  });
  expect(rows.filter((row) => row.pauseRequested)).toEqual([]);
  expect(rows.find(({ id }) => id === "y")).toMatchObject({ dueAt: later(60), nextRetryAt: later(60) });
});

it("touches no other batch, and does not know one that is not there", async () => {
  const stranger = task({ id: "s", batchId: "00000000-0000-7000-8000-0000000000b1" });
  const scene = stageOf([...open(), stranger], 6);
  expect((await decideWhole(scene, ask("stop_batch", batchId))).counts).toMatchObject({ already_terminal: 0 });
  expect(stranger.status).toBe("Pending");
  for (const verb of ["stop_batch", "pause_batch", "resume_batch"] as const)
    expect(await decideWhole(scene, ask(verb, "nobody"))).toEqual({
      status: 404,
      id: "nobody",
      error: "Batch not found",
    });
});
