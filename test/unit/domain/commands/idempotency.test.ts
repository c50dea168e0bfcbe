// What is remembered of a command, so that it takes effect once whatever is delivered twice.
import { describe, expect, it } from "vitest";
import type { Answer, ClientCommand } from "#domain/command";
import { answerBefore, type CommandKey, idsOf, keyOf, remember } from "#domain/commands/idempotency";
import { always, ask, asked, local, stage } from "../../actor/rows.ts";

const keyFor = (command: ClientCommand, retry: typeof always | null = null) =>
  keyOf(asked(command), stage({ retry }).state);
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
    expect(keyFor(ask(verb, "a", { id: "c9", fields }))).toMatchObject({ id: "a:c9", hash: null });
  });

  it("a failure that retries, because its repetition would be another failure", () => {
    expect(keyFor(ask("fail"), always)).not.toBeNull();
    expect(keyFor(ask("fail"))).toBeNull();
  });

  it("an update, because its repetition may undo what came after it", () => {
    expect(keyFor(ask("update", "a", { fields: { priority: 1 } }))).not.toBeNull();
  });

  it("not: a success, and what the worker knows itself", () => {
    expect(keyFor(ask("succeed"))).toBeNull();
    expect(keyOf(local({ type: "started", task: "a", claimId: 7 }), stage().state)).toBeNull();
  });
});

describe("a client's own key", () => {
  const keyed = (more: Partial<ClientCommand> = {}, target = "a") =>
    keyFor(ask("succeed", target, { key: "k", ...more })) as CommandKey;

  it("is good for one task, whatever the id of the command", () => {
    const { id, hash } = keyed({ id: "c1" });
    expect(keyed({ id: "c2" })).toMatchObject({ id, hash });
    expect(keyed().id).not.toBe(keyed({}, "b").id);
  });

  it("belongs to its method and path", () => {
    const idOf = (verb: ClientCommand["verb"]) => keyed({ verb }).id;
    expect(new Set([idOf("succeed"), idOf("fail"), idOf("update")]).size).toBe(1);
    const paths = [
      "succeed",
      "cancel",
      "pause",
      "resume",
      "stop_batch",
      "pause_batch",
      "resume_batch",
      "set_rules",
    ] as const;
    expect(new Set(paths.map(idOf)).size).toBe(paths.length);
    expect(keyed({ key: "cancel:k" }).id).not.toBe(idOf("cancel"));
  });

  it("knows another body, verb, attempt or reason, and not who asks", () => {
    expect(keyed({ actor: "nats" })).toEqual(keyed());
    const all = [
      keyed(),
      keyed({ verb: "fail" }),
      keyed({ attempt: 0 }),
      keyed({ attempt: 1 }),
      keyed({ fields: { new_success: 1 } }),
      keyed({ fields: { new_success: 2 } }),
      keyed({ reason: "no use" }),
    ];
    expect(new Set(all.map(({ hash }) => hash)).size).toBe(all.length);
  });

  it("gets the first answer again, and 422 for another body", () => {
    const { state } = stage();
    expect(answerBefore(state.remembered, keyed())).toBeNull();
    remember(state, keyed(), yes);
    expect(answerBefore(state.remembered, keyed())).toEqual({ answer: yes, isSame: true });
    const other = answerBefore(state.remembered, keyed({ fields: { priority: 1 } }));
    expect(other).toMatchObject({ answer: { status: 422, id: "a" }, isSame: false });
    const { id, hash } = keyed();
    expect(state.answers).toEqual([{ id, hash, answer: yes, batchId: null, seq: null }]);
  });

  it("is not used up by a task that was not there yet", () => {
    const { state } = stage();
    remember(state, keyed(), { status: 404, id: "a", error: "Task not found" });
    expect([state.answers.length, answerBefore(state.remembered, keyed())]).toEqual([0, null]);
  });

  it("is not used up by a refusal, which only the same command gets again when it is delivered twice", () => {
    const { state } = stage();
    const first = keyed({ id: "c1" });
    remember(state, first, { status: 409, id: "a", allowed: [] });
    expect(answerBefore(state.remembered, first)).toMatchObject({ answer: { status: 409 }, isSame: false });
    expect(answerBefore(state.remembered, keyed({ id: "c2" }))).toBeNull();
    expect(answerBefore(state.remembered, keyed({ id: "c3", fields: { priority: 1 } }))).toBeNull();
    expect(idsOf(first)).toEqual([first.id, first.own]);
  });

  it("gives the refusal again, though another command under the key was accepted meanwhile", () => {
    const { state } = stage();
    const refused = keyed({ id: "c1" });
    remember(state, refused, { status: 409, id: "a", allowed: [] });
    remember(state, keyed({ id: "c2" }), yes);
    expect(answerBefore(state.remembered, refused)).toMatchObject({ answer: { status: 409 }, isSame: false });
    expect(answerBefore(state.remembered, keyed({ id: "c3" }))).toEqual({ answer: yes, isSame: true });
  });
});
