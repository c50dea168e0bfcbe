// Who did something, and why, as the events of a turn say it: who asked for it, for what was asked; the worker, for what
// follows by itself; and whoever asked for a sweep, whoever brings it to its tasks.
import { describe, expect, it } from "vitest";
import { propagate } from "#actor/propagation/propagate";
import type { Origin } from "#domain/actor";
import type { ClientCommand } from "#domain/command";
import { decideBatch } from "#domain/commands/batch-commands";
import { decideTask, settle } from "#domain/commands/task-commands";
import { visit, visitOutstanding } from "#domain/portions/visit";
import type { TurnState } from "#domain/turn/state";
import { ask, batchId, nobody, relativesIn, stage, stateOf, task, work } from "../../actor/rows.ts";

const byAlice: Origin = { actor: "token:alice", reason: null };
const why: Origin = { actor: "token:alice", reason: "wrong input" };
const worker = "worker:1";
const saidBy = ({ events }: TurnState) => events.map(({ event, actor, reason }) => [event, actor, reason]);
const decide = (state: TurnState, command: ClientCommand, origin = byAlice) =>
  state.by(origin, () => decideTask(state, command));

describe("a command", () => {
  it("is an event of who asked for it, and gives the name back when it is decided", () => {
    const { state } = stage({ status: "Running" });
    decide(state, ask("fail", "a", { fields: { failure_reason: "broken" } }));
    expect(saidBy(state)).toEqual([["fail", "token:alice", "broken"]]);
    expect(state.origin).toEqual({ actor: worker, reason: null });
  });

  it("that fails half-way gives the name back as well", () => {
    const { state } = stage();
    const broken = () => {
      throw new Error("broken");
    };
    expect(() => state.by(byAlice, broken)).toThrow("broken");
    expect(state.origin.actor).toBe(worker);
  });

  it("that is refused, where it is a report, is an event of who sent it", () => {
    const { state } = stage({ status: "Success", endedAt: new Date(0) });
    decide(state, ask("fail", "a", { fields: { failure_reason: "late" } }));
    expect(saidBy(state)).toEqual([["fail", "token:alice", "late"]]);
  });

  it("to cancel gives its reason to the event and to the task", () => {
    const { state, row } = stage({ status: "Running" });
    decide(state, ask("cancel", "a", { reason: "wrong input" }), why);
    expect(saidBy(state)).toEqual([["cancel", "token:alice", "wrong input"]]);
    expect(row.failureReason).toBe("wrong input");
  });

  it("to pause or resume gives it to the event alone", () => {
    const { state, row } = stage({ failureReason: "an earlier attempt" });
    decide(state, ask("pause"), why);
    decide(state, ask("resume"));
    expect(saidBy(state)).toEqual([
      ["pause", "token:alice", "wrong input"],
      ["resume", "token:alice", null],
    ]);
    expect(row.failureReason).toBe("an earlier attempt");
  });
});

it("what this worker learned by itself is its own", () => {
  const { state } = stage({ status: "Claimed" });
  settle(state, { type: "started", task: "a", claimId: 7 });
  expect(saidBy(state)).toEqual([["started", worker, null]]);
});

it("what follows from a command for children and parents is the worker's, and has a reason of its own", async () => {
  const rows = [task({ id: "a", status: "Running", children: 1, openChildren: 1 }), task({ id: "b", rank: 1 })];
  Object.assign(rows[1] as object, { status: "Waiting", waitFinished: 1, waitSuccess: 1 });
  const state = stateOf(rows);
  const links = [{ parent: "a", child: "b", edge: "requires_success" as const }];
  decide(state, ask("cancel", "a", { reason: "wrong input" }), why);
  const all = Number.POSITIVE_INFINITY;
  const budget = { linksMax: all, tasksMax: all, rankMax: all, rankMin: 0, mayClimb: () => true };
  await propagate(state, relativesIn(state.rows, links), budget);
  expect(state.events.map(({ task_id, to, actor }) => [task_id, to, actor])).toEqual([
    ["a", "Canceled", "token:alice"],
    ["b", "Failure", worker],
  ]);
  expect(state.events[1]?.reason).not.toBe("wrong input");
});

describe("a sweep", () => {
  it("that is done at once names who asked for it; a stopped task says that its batch was", () => {
    const rows = [task({ id: "a" }), task({ id: "b", status: "Running" })];
    const state = stateOf(rows);
    decideBatch(state, ask("stop_batch", batchId), { ...nobody, ...why });
    expect(saidBy(state)).toEqual([
      ["stop_batch", "token:alice", "wrong input"],
      ["stop_batch", "token:alice", "wrong input"],
    ]);
    expect(rows.map(({ failureReason }) => failureReason)).toEqual(["Batch stopped", "Batch stopped"]);
  });

  it("without a reason says in the event that the batch was stopped", () => {
    const { state } = stage();
    visit(state, work({ kind: "stop", ...byAlice }), task());
    expect(saidBy(state)).toEqual([["stop_batch", "token:alice", "Batch stopped"]]);
  });

  it("of pause and resume keeps its reason, and changes no task's", () => {
    const { state, row } = stage();
    visit(state, work({ kind: "pause", ...why }), row);
    visit(state, work({ seq: 2, kind: "resume", ...byAlice, reason: "mended" }), row);
    expect(saidBy(state)).toEqual([
      ["pause_batch", "token:alice", "wrong input"],
      ["resume_batch", "token:alice", "mended"],
    ]);
    expect(row.failureReason).toBeNull();
  });

  it("that another command meets is still theirs who asked for it", () => {
    const { state, row } = stage();
    state.works.set(batchId, [work({ kind: "pause", ...why })]);
    state.by({ actor: "nats", reason: "no use" }, () => {
      visitOutstanding(state, [row]);
      decideTask(state, ask("cancel", "a", { reason: "no use" }));
    });
    expect(saidBy(state)).toEqual([
      ["pause_batch", "token:alice", "wrong input"],
      ["cancel", "nats", "no use"],
    ]);
  });
});
