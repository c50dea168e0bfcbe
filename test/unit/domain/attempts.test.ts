// The attempts of a task, read from its events.
import { describe, expect, it } from "vitest";
import { type AttemptEvent, attemptsOf } from "#domain/attempts";
import type { StartCall } from "#domain/row";

const second = (n: number) => new Date(Date.UTC(2030, 0, 1, 0, 0, n));
const start = { created_at: second(0), run_at: null };
const event = (n: number, name: string, from: string, to: string, more: Partial<AttemptEvent> = {}): AttemptEvent => ({
  ...{ from: from as "Pending", to: to as "Pending", event: name, at: second(n), attempt: 0, reason: null },
  ...{ actor: "worker:7", detail: null, ...more },
});
const claim = (n: number, more: Partial<AttemptEvent> = {}) => event(n, "claim", "Pending", "Claimed", more);
const call = (more: Partial<StartCall> = {}) => ({
  detail: { call: { status: 200, error: null, after: 100, ms: 250, connect: 50, ...more } },
});
const none = { started_at: null, ended_at: null, status: null, error: null, ms: { connect: null, answer: null } };

describe("an attempt", () => {
  it("says when it was claimed, by whom, and how its start call went", () => {
    expect(attemptsOf([claim(5), event(6, "started", "Claimed", "Running", call())], start)).toEqual([
      {
        ...{ attempt: 0, claimed_at: second(5), worker: "worker:7", waited_for: null, status: 200, error: null },
        ...{ started_at: new Date(second(5).getTime() + 100), ended_at: new Date(second(5).getTime() + 350) },
        ms: { connect: 50, answer: 200 },
      },
    ]);
  });

  it("is there for each claim, those that were put back included", () => {
    const events = [
      claim(1),
      event(2, "start_unsent", "Claimed", "Pending", call({ status: null, error: "connect refused", connect: null })),
      claim(3),
      event(4, "start_deferred", "Claimed", "Pending", call({ status: 429, error: "HTTP 429" })),
      claim(5),
      event(6, "start_failed", "Claimed", "Retrying", call({ status: 500, error: "HTTP 500" })),
      event(7, "backoff_elapsed", "Retrying", "Pending", { attempt: 1 }),
      claim(8, { attempt: 1, detail: { waited_for: "rule" } }),
      event(9, "succeed", "Claimed", "Success", { attempt: 1 }),
    ];
    const shown = attemptsOf(events, start).map(({ attempt, status, error, ms, waited_for }) => [
      ...[attempt, status, error, ms.connect, ms.answer, waited_for],
    ]);
    expect(shown).toEqual([
      [0, null, "connect refused", null, null, null],
      [0, 429, "HTTP 429", 50, 200, "unreachable"],
      [0, 500, "HTTP 500", 50, 200, "run_at"],
      [1, null, null, null, null, "rule"],
    ]);
  });

  it("knows nothing of a call whose task was reported on before its answer came", () => {
    const [shown] = attemptsOf([claim(1), event(2, "succeed", "Claimed", "Success")], start);
    expect(shown).toMatchObject(none);
  });

  it("of a gate begins when the gate is open, and has no call", () => {
    const [shown] = attemptsOf([claim(1), event(1, "started", "Claimed", "Running")], start);
    expect(shown).toMatchObject({ ...none, started_at: second(1) });
  });

  it("says that its worker was lost", () => {
    const [shown] = attemptsOf([claim(1), event(9, "lease_expired", "Claimed", "Pending")], start);
    expect(shown).toMatchObject({ ...none, error: "the lease of its worker has run out" });
  });

  it("waited for a time that came after the task could have started", () => {
    const waited = (run_at: Date) => attemptsOf([claim(9)], { ...start, run_at })[0]?.waited_for;
    expect([waited(second(5)), waited(second(0)), waited(second(10))]).toEqual(["run_at", null, null]);
  });

  it("does not change with reports that were refused", () => {
    const events = [
      claim(1),
      event(2, "start_unsent", "Claimed", "Pending", call({ status: null, error: "connect refused", connect: null })),
      event(3, "succeed", "Pending", "Pending"),
      claim(4),
    ];
    expect(attemptsOf(events, start).map(({ waited_for }) => waited_for)).toEqual([null, "unreachable"]);
  });

  it("that began before the events does not show", () => {
    expect(attemptsOf([event(2, "started", "Claimed", "Running", call())], start)).toEqual([]);
  });
});
