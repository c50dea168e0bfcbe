// What the answer to a start call says beside its status: an action for a cancel, or the result of the work.
import { describe, expect, it } from "vitest";
import type { Action } from "#domain/action";
import { until } from "#test/until";
import { action, answer, bench, claim, nats } from "./starter.bench.ts";

it.each([
  ["an action of no known kind", '{"kind":"Mail","params":{}}', "kind: must be one of Webhook, Nats"],
  [
    "one of another trigger",
    JSON.stringify({ ...action, trigger: "End" }),
    "trigger: must be Cancel here, or left out",
  ],
  [
    "one to a blocked host",
    JSON.stringify({ kind: "Webhook", params: { url: "http://localhost/", verb: "Get" } }),
    /blocked/,
  ],
])("a refused action in an answer, %s, is outcomes and logged with the reason", async (_, body, reason) => {
  const { starter, outcomes, calls, warned } = bench();
  starter.start(claim(7));
  calls[0]?.end(answer({ body }));
  await until(() => outcomes.length === 1);
  const ignored = expect.stringMatching(reason);
  expect(outcomes).toEqual([{ type: "started", task: "task-7", claimId: 7, ignored }]);
  expect(warned).toEqual([{ task: "task-7", batch: "batch", kind: "etl", reason: ignored }]);
});

it("an action in an answer may say that it is one of a cancel", async () => {
  const { starter, outcomes, calls, warned } = bench();
  starter.start(claim(7));
  calls[0]?.end(answer({ body: JSON.stringify({ ...action, trigger: "Cancel" }) }));
  await until(() => outcomes.length === 1);
  expect([outcomes, warned]).toEqual([[{ type: "started", task: "task-7", claimId: 7, cancelAction: action }], []]);
});

describe("a call that is the report", () => {
  const onResponse: Action = { kind: "Webhook", params: { ...action.params, completes: "on_response" } as never };
  it("may last as long as the task, and its answer is the result", async () => {
    const { starter, outcomes, calls } = bench();
    starter.start(claim(1, { action: onResponse, timeoutSecs: 90 }));
    expect(calls[0]?.totalMs).toBe(90_000);
    calls[0]?.end(answer({ body: '{"rows":3}' }));
    await until(() => outcomes.length === 1);
    expect(outcomes).toEqual([{ type: "answered", task: "task-1", claimId: 1, result: { rows: 3 } }]);
  });
  it("whose answer cannot be kept says why, and is logged", async () => {
    const { starter, outcomes, calls, warned } = bench();
    starter.start(claim(1, { action: onResponse }));
    calls[0]?.end(answer({ body: '{"id":9007199254740993}' }));
    await until(() => outcomes.length === 1);
    const ignored = expect.stringMatching(/^id: /);
    expect(outcomes).toEqual([{ type: "answered", task: "task-1", claimId: 1, result: null, ignored }]);
    expect(warned).toEqual([{ task: "task-1", batch: "batch", kind: "etl", reason: ignored }]);
  });
  it("has failed with anything but 2xx", async () => {
    const { starter, outcomes, calls } = bench();
    starter.start(claim(1, { action: onResponse }));
    calls[0]?.end(answer({ ok: false, status: 500, error: "HTTP 500" }));
    await until(() => outcomes.length === 1);
    expect(outcomes[0]).toMatchObject({ type: "start_failed" });
  });
});

it.each([
  ["JSON", { body: '{"error":"disk full"}' }, 'HTTP 500: {"error":"disk full"}'],
  ["a body that broke off", { part: "disk fu" }, "HTTP 500: disk fu"],
  ["nothing", { body: "  " }, "HTTP 500"],
  ["what we sent it as a secret", { body: "no tenant t0p-secret" }, "HTTP 500: no tenant ***"],
])("a start that is refused with %s fails with the service's own words", async (_, body, reason) => {
  const { starter, outcomes, made, calls } = bench();
  const params = { ...action.params, headers: { "x-tenant": "t0p-secret" } };
  starter.start(claim(1, { action: { kind: "Webhook", params } as Action }));
  calls[0]?.end(answer({ ok: false, status: 500, error: "HTTP 500", ...body }));
  await until(() => outcomes.length === 1);
  expect(outcomes).toEqual([
    { type: "start_failed", task: "task-1", claimId: 1, reason: `on_start failed: ${reason}` },
  ]);
  expect(made).toMatchObject([{ status: 500, error: reason }]);
});

describe("how a call went", () => {
  it("goes with what came of it: status, error, when it began after the claim, how long it took", async () => {
    const { starter, made, calls } = bench();
    starter.start(claim(1));
    starter.start(claim(2));
    calls[0]?.end(answer({ connectMs: 12.4 }));
    const failed = {
      ok: false,
      status: null,
      end: "unsent",
      fault: "unreachable",
      error: "refused",
      sent: false,
    } as const;
    calls[1]?.end(answer({ ...failed, connectMs: null }));
    await until(() => made.length === 2);
    const some = { after: expect.any(Number), ms: expect.any(Number) };
    expect(made).toEqual([
      { status: 200, error: null, connect: 12, ...some },
      { status: null, error: "refused", connect: null, ...some },
    ]);
  });

  it("of a message has no status", async () => {
    const { starter, made } = bench();
    starter.start(claim(1, { action: nats, receiver: null }));
    await until(() => made.length === 1);
    expect(made).toMatchObject([{ status: null, error: null, connect: null }]);
  });

  it("is not said of a claim that was given back", async () => {
    const { starter, made } = bench({ mayStart: () => false });
    starter.start(claim(1));
    await until(() => made.length === 1);
    expect(made).toEqual([undefined]);
  });
});
