// What is remembered of a command, so that it takes effect once whatever is delivered twice.
import { describe, expect, it } from "vitest";
import { answerBefore, type Memo, memoOf, remember } from "#actor/memo";
import type { Answer, ClientCommand } from "#domain/command";
import { always, ask, asked, stage, told } from "./rows.ts";

const memoFor = (command: ClientCommand, retry: typeof always | null = null) =>
  memoOf(asked(command), stage({ retry }).scene);
const yes: Answer = { status: 200, id: "a", state: "Paused", attempt: 0 };

describe("is remembered", () => {
  it.each([
    ["cancel", {}],
    ["pause", {}],
    ["resume", {}],
    ["stop_batch", {}],
    ["pause_batch", {}],
    ["resume_batch", {}],
    ["succeed", { new_success: 1 }],
    ["fail", { new_failures: 1 }],
    ["update", { new_success: 1, priority: 1 }],
  ] as const)("%s with %j, under its own id", (verb, fields) => {
    expect(memoFor(ask(verb, "a", { id: "c9", fields }))).toMatchObject({ id: "a:c9", hash: null });
  });

  it("a failure that retries, because its repetition would be another failure", () => {
    expect(memoFor(ask("fail"), always)).not.toBeNull();
    expect(memoFor(ask("fail"))).toBeNull();
  });

  it("an update, because its repetition may undo what came after it", () => {
    expect(memoFor(ask("update", "a", { fields: { priority: 1 } }))).not.toBeNull();
  });

  it("not: a success, and what the worker knows itself", () => {
    expect(memoFor(ask("succeed"))).toBeNull();
    expect(memoOf(told({ type: "started", task: "a", claimId: 7 }), stage().scene)).toBeNull();
  });
});

describe("a client's own key", () => {
  const keyed = (more: Partial<ClientCommand> = {}, target = "a") =>
    memoFor(ask("succeed", target, { key: "k", ...more })) as Memo;

  it("is good for one task, whatever the id of the command", () => {
    expect(keyed({ id: "c1" })).toEqual(keyed({ id: "c2" }));
    expect(keyed().id).not.toBe(keyed({}, "b").id);
  });

  it("knows another body, verb or attempt", () => {
    const all = [
      keyed(),
      keyed({ verb: "fail" }),
      keyed({ attempt: 0 }),
      keyed({ attempt: 1 }),
      keyed({ fields: { new_success: 1 } }),
      keyed({ fields: { new_success: 2 } }),
    ];
    expect(new Set(all.map(({ hash }) => hash)).size).toBe(all.length);
  });

  it("gets the first answer again, and 422 for another body", () => {
    const { scene } = stage();
    expect(answerBefore(scene, keyed())).toBeNull();
    remember(scene, keyed(), yes);
    expect(answerBefore(scene, keyed())).toEqual(yes);
    const other = answerBefore(scene, keyed({ fields: { priority: 1 } }));
    expect(other).toMatchObject({ status: 422, id: "a" });
    const { id, hash } = keyed();
    expect(scene.answers).toEqual([{ id, hash, answer: yes }]);
  });

  it("is not used up by a task that was not there yet", () => {
    const { scene } = stage();
    remember(scene, keyed(), { status: 404, id: "a", error: "Task not found" });
    expect([scene.answers.length, answerBefore(scene, keyed())]).toEqual([0, null]);
  });

  it("keeps a refusal as well", () => {
    const { scene } = stage();
    remember(scene, keyed(), { status: 409, id: "a", allowed: [] });
    expect(answerBefore(scene, keyed())).toMatchObject({ status: 409 });
  });
});
