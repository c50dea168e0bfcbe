// What a refusal says by NATS: the same status, code, error and faults that HTTP gives, whatever was asked of which task.
import { describe, expect, it } from "vitest";
import { shown } from "#bus/commands/commands";
import type { Answer, Fields, TaskVerb } from "#domain/command";
import { decideBatch } from "#domain/commands/batch-commands";
import { expired } from "#domain/commands/expiry";
import { answerBefore, keyFor } from "#domain/commands/idempotency";
import { decideTask } from "#domain/commands/task-commands";
import { judge } from "#domain/counters/count";
import { single } from "#domain/counters/counts";
import { errorCodes } from "#domain/errors";
import { replyTo } from "#intake/reply";
import { states } from "#test/table";
import { always, ask, later, nobody, stage, verbs } from "../../actor/rows.ts";

const full = Number.MAX_SAFE_INTEGER;
const fieldsOf: Partial<Record<TaskVerb, readonly Fields[]>> = {
  fail: [{ failure_reason: "x" }],
  update: [{ priority: 1 }, { run_at: null }, { run_at: "2999-01-01T00:00:00Z" }, { new_success: 1, new_failures: 1 }],
};

type Case = readonly [what: string, answer: Answer];

/** Every verb in every state: for the present attempt, for another one, and with sums that JSON could not carry. */
const ofTasks: Case[] = verbs.flatMap((verb) =>
  (fieldsOf[verb] ?? [{}]).flatMap((fields) =>
    states.flatMap((status) =>
      [1, 0].flatMap((attempt) =>
        [0, full].map((success): Case => {
          const { state } = stage({ status, retry: always, attempt: 1, success, failures: success });
          const what = `${verb} ${JSON.stringify(fields)} in ${status} for attempt ${attempt} at ${success}`;
          const override = verb === "override" ? { override: { status: "Failure", reason: "x" } as const } : {};
          return [what, decideTask(state, ask(verb, "a", { attempt, fields, ...override }))];
        }),
      ),
    ),
  ),
);

function ofProgress(of: object | null, update: object, storedAt = 1, before: string | null = null): Answer {
  const item = { update: { task: "a", success: 1, failures: 0, ...update }, bundle: single("k"), place: 0, storedAt };
  const row = { id: "a", status: "Running", attempt: 1, endedAt: null, success: 0, failures: 0, ...of };
  const known = { fresh: new Set(before === null ? [item] : []), before: new Map([["k", { counts: before }]]) };
  const { verdicts } = judge([item] as never, new Map(of ? [["a", row]] : []) as never, known as never);
  return [...verdicts.values()][0]?.answer as Answer;
}

const key = keyFor(ask("cancel", "a", { key: "k" }), ["cancel"]);
const others: Case[] = [
  ["a task that is not there", decideTask(stage().state, ask("cancel", "b"))],
  ["a batch that is not there", decideBatch(stage().state, ask("stop_batch", "b"), nobody).answer],
  ["a command that waited too long", expired("a")],
  [
    "a key that stood for something else",
    answerBefore(new Map([[key.id, { hash: "x", answer: {} }]]), key)?.answer as Answer,
  ],
  ["progress of a task that is not there", ofProgress(null, {})],
  ["progress of another attempt", ofProgress({}, { attempt: 0 })],
  ["progress that no sum can carry", ofProgress({ success: full }, {})],
  ["progress under a key that stood for something else", ofProgress({}, {}, 1, "7/0")],
  ["progress after the end", late()],
];

function late(): Answer {
  const item = {
    update: { task: "a", success: 1, failures: 0 },
    bundle: single("k"),
    place: 0,
    storedAt: later(9).getTime(),
  };
  const row = { id: "a", status: "Success", attempt: 0, endedAt: later(1), success: 0, failures: 0 };
  const known = { fresh: new Set(), before: new Map() };
  const { verdicts } = judge([item] as never, new Map([["a", row]]) as never, known as never);
  return [...verdicts.values()][0]?.answer as Answer;
}

describe("a refusal", () => {
  const refusals = [...ofTasks, ...others].filter(([, { status }]) => status >= 300);

  it("is what all the others and most commands in a final state get", () => {
    expect(others.filter(([, { status }]) => status < 300)).toEqual([]);
    expect(refusals.length).toBeGreaterThan(200);
    expect(new Set(refusals.map(([, { status, code }]) => `${status} ${code}`))).toEqual(
      new Set([
        ...["400 validation_failed", "400 not_in_this_state", "409 not_in_this_state", "409 wrong_attempt"],
        ...["404 unknown_task", "404 unknown_batch", "422 key_reused", "503 busy"],
      ]),
    );
  });

  it.each(refusals)("has the code that HTTP gives: %s", (_, answer) => {
    const what = answer.code === "unknown_batch" ? "batch" : "task";
    const { status, body } = replyTo(answer, what) as { status: number; body: Record<string, unknown> };
    const said = shown(answer) as Record<string, unknown>;
    expect(errorCodes[answer.code as keyof typeof errorCodes].statuses).toContain(status);
    expect(said).toMatchObject({ status, ...body });
    if (answer.code === "not_in_this_state" || answer.code === "wrong_attempt")
      expect(said).toMatchObject({ current_status: answer.state, allowed: answer.allowed ?? [] });
  });
});
