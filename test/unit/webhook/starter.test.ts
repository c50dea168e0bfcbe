// The start call of a claim: each way it can end becomes exactly one outcome for the actor, and every call slot comes back.
import { describe, expect, it } from "vitest";
import type { Published } from "#bus/work";
import { ReceiverCapacity } from "#flow/receiver-capacity";
import { until } from "#test/until";
import type { SendResult } from "#webhook/send";
import { answer, bench, claim, nats, receiver } from "./starter.bench.ts";

describe("a claim with inputs", () => {
  const inputs = { localId: "load", values: { rows: 3 } };

  it("sends them in the key baton of a call, and beside the body of a message", async () => {
    const { starter, calls, messages } = bench();
    starter.start(claim(7, { inputs, attempt: 2 }));
    starter.start(claim(8, { inputs, action: nats, receiver: null }));
    await until(() => messages.length === 1);
    const baton = { task_id: "task-7", batch_id: "batch", local_id: "load", attempt: 2, inputs: { rows: 3 } };
    expect(JSON.parse(calls[0]?.request.body ?? "")).toEqual({ a: 1, baton: { ...baton, handle: expect.any(String) } });
    const about = { task_id: "task-8", attempt: 0, handle: expect.any(String), trigger: "start", body: null };
    expect(JSON.parse(messages[0]?.message.payload ?? "")).toEqual({ ...about, inputs: { rows: 3 } });
  });

  it("of which some point at nothing sends them as null, and says so in the log", async () => {
    const { starter, calls, warned } = bench();
    starter.start(claim(7, { inputs: { localId: "load", values: { rows: null }, absent: ["rows"] } }));
    starter.start(claim(8, { inputs }));
    await until(() => calls.length === 2);
    expect(warned).toEqual([{ task: "task-7", batch: "batch", kind: "etl", inputs: ["rows"] }]);
    expect(JSON.parse(calls[0]?.request.body ?? "").baton.inputs).toEqual({ rows: null });
  });

  it("that are too large makes no call, takes no call slot and gives the probe back", () => {
    const { starter, callSlots, outcomes, calls, givenUp } = bench();
    starter.start(claim(7, { inputs: { localId: "load", bytes: 300_000 }, isProbe: true }));
    const reason = "on_start failed: its inputs take 300000 bytes as compact JSON, at most 262144 are sent";
    expect(outcomes).toEqual([{ type: "start_failed", task: "task-7", claimId: 7, reason }]);
    expect([calls, callSlots.freeFor(receiver), givenUp]).toEqual([[], 2, [receiver]]);
  });
});

describe("an answer", () => {
  const cancel = { kind: "Webhook", params: { url: "http://service/stop", verb: "Post" } };
  it.each<[string, SendResult, object]>([
    ["2xx", answer({ status: 202, body: '{"ok":true}' }), { type: "started" }],
    ["with a cancel action", answer({ body: JSON.stringify(cancel) }), { type: "started", cancelAction: cancel }],
    ["with a bad action", answer({ body: '{"kind":"Webhook"}' }), { type: "started" }],
    [
      "429",
      answer({ ok: false, status: 429, retryAfter: "7", error: "HTTP 429" }),
      { type: "start_deferred", waitMs: 7_000 },
    ],
    [
      "503 at once",
      answer({ ok: false, status: 503, retryAfter: "0", error: "HTTP 503" }),
      { type: "start_deferred", waitMs: 1_000 },
    ],
    [
      "503 without a time",
      answer({ ok: false, status: 503, error: "HTTP 503" }),
      { type: "start_failed", reason: "on_start failed: HTTP 503" },
    ],
    [
      "none",
      answer({ ok: false, status: null, error: "connection closed" }),
      { type: "start_unanswered", reason: "on_start failed: connection closed" },
    ],
    [
      "none to a call that left",
      answer({ ok: false, status: null, end: "failed", fault: "late", error: "no answer within 10 s", sent: true }),
      { type: "start_unanswered", reason: "on_start failed: no answer within 10 s" },
    ],
    [
      "none, of a receiver that is not trusted",
      answer({ ok: false, status: null, end: "failed", fault: "tls", error: "TLS: expired", sent: false }),
      { type: "start_failed", reason: "on_start failed: TLS: expired" },
    ],
    [
      "none, and not a byte left",
      answer({ ok: false, status: null, end: "unsent", fault: "unreachable", error: "host not found", sent: false }),
      { type: "start_unsent", host: "service:80", error: "host not found", counts: true },
    ],
    [
      "none that can be relied on",
      answer({ ok: false, status: null, end: "doubtful", fault: "unreachable", error: "connect refused" }),
      { type: "lease_expired", wasSent: true },
    ],
  ])("%s becomes one word, and the call slot is free again", async (_, result, word) => {
    const { starter, callSlots, outcomes, calls } = bench();
    starter.start(claim(7));
    expect([callSlots.free(), callSlots.freeFor(receiver)]).toEqual([3, 1]);
    expect(calls[0]?.request.headers).toContain("task-7:start");
    calls[0]?.end(result);
    await until(() => callSlots.free() === 4);
    expect(outcomes).toEqual([{ ...word, task: "task-7", claimId: 7 }]);
    await starter.drain();
  });
});

describe("a claim", () => {
  it("without a start action becomes joined at once, and takes no slot", () => {
    const { starter, callSlots, outcomes } = bench();
    starter.start(claim(1, { action: null, receiver: null }));
    expect([outcomes, callSlots.free()]).toEqual([[{ type: "joined", task: "task-1", claimId: 1 }], 4]);
  });

  it("is given back uncalled when the worker's lease is not sure", () => {
    const { starter, callSlots, outcomes, calls } = bench({ mayStart: () => false });
    starter.start(claim(1));
    expect([outcomes, calls, callSlots.free()]).toEqual([[{ type: "released", task: "task-1", claimId: 1 }], [], 4]);
  });

  it("is given back when the lease was lost before a byte was sent, and not after", async () => {
    let sure = true;
    const { starter, outcomes, calls } = bench({ mayStart: () => sure });
    starter.start(claim(1));
    starter.start(claim(2));
    sure = false;
    calls[0]?.end(answer({ ok: false, status: null, error: "not sent in time", sent: false }));
    calls[1]?.end(answer({ ok: false, status: null, error: "connection reset", sent: true }));
    await until(() => outcomes.length === 2);
    expect(outcomes.map(({ type }) => type)).toEqual(["released", "start_unanswered"]);
  });

  it("that is too old to be sent by now still says that its receiver could not be reached", async () => {
    let bestFrom = 0;
    const { starter, outcomes, calls } = bench({ mayStart: (sinceMs) => sinceMs >= bestFrom });
    starter.start(claim(1));
    starter.start(claim(2));
    bestFrom = performance.now();
    const none = { ok: false, status: null, end: "unsent", sent: false } as const;
    calls[0]?.end(answer({ ...none, fault: "unreachable", error: "connect timed out after 3 s" }));
    calls[1]?.end(answer({ ...none, fault: "local", error: "not sent in time" }));
    await until(() => outcomes.length === 2);
    expect(outcomes.map(({ type }) => type)).toEqual(["start_unsent", "released"]);
  });

  it("beyond the call slots of its receiver waits for one, and keeps its place", async () => {
    const { starter, callSlots, outcomes, calls } = bench();
    for (const id of [1, 2, 3]) starter.start(claim(id));
    starter.start(
      claim(4, {
        receiver: "http://other",
        action: { kind: "Webhook", params: { url: "http://other/", verb: "Get" } },
      }),
    );
    expect(calls.map(({ request }) => request.origin)).toEqual(["http://service", "http://service", "http://other"]);
    expect(callSlots.free()).toBe(1);
    calls[0]?.end(answer());
    await until(() => calls.length === 4);
    expect(calls[3]?.request.headers).toContain("task-3:start");
    for (const { end } of calls) end(answer());
    await until(() => outcomes.length === 4);
    expect(callSlots.free()).toBe(4);
  });

  it("of a receiver whose circuit is not closed is given back uncalled, also where it waits already, but for the probe", () => {
    const { starter, callSlots, outcomes, calls } = bench();
    for (const id of [1, 2, 3]) starter.start(claim(id));
    callSlots.gate(new Map([[receiver, 0]]));
    starter.start(claim(4));
    const released = () => outcomes.map((command) => [command.type, "task" in command && command.task]);
    expect(released()).toEqual([["released", "task-4"]]);
    starter.recheck();
    expect(released()).toEqual([
      ["released", "task-4"],
      ["released", "task-3"],
    ]);
    expect(calls).toHaveLength(2);
    const free = bench();
    free.callSlots.gate(new Map([[receiver, 1]]));
    free.starter.start(claim(5, { isProbe: true }));
    expect([free.calls.length, free.outcomes]).toEqual([1, []]);
  });

  it("that is a probe, and makes no call, leaves the probe to another one; one that calls does not", async () => {
    const probe = claim(1, { isProbe: true });
    const ill = bench({ mayStart: () => false });
    ill.starter.start(probe);
    const going = bench({ callSlots: new ReceiverCapacity(1, 1) });
    going.starter.start(claim(2, { receiver: "http://other:80" }));
    going.starter.start(probe);
    expect(going.givenUp).toEqual([]);
    void going.starter.drain();
    expect(going.givenUp).toEqual([receiver]);
    going.starter.start(probe);
    const senseless = bench();
    senseless.starter.start({ ...probe, action: { kind: "Webhook", params: { url: "nonsense", verb: "Get" } } });
    await until(() => senseless.outcomes.length === 1);
    expect([ill, going, senseless].map(({ givenUp }) => givenUp)).toEqual([
      [receiver],
      [receiver, receiver],
      [receiver],
    ]);
    const well = bench();
    well.starter.start(probe);
    well.calls[0]?.end(answer({ ok: false, status: 500, error: "HTTP 500" }));
    await until(() => well.outcomes.length === 1);
    const other = bench({ mayStart: () => false });
    other.starter.start(claim(1));
    expect([well.givenUp, other.givenUp, other.outcomes.length]).toEqual([[], [], 1]);
  });

  it("of which no request can be made has failed", async () => {
    const { starter, outcomes } = bench();
    starter.start(claim(1, { action: { kind: "Webhook", params: { url: "nonsense", verb: "Get" } } }));
    await until(() => outcomes.length === 1);
    expect(outcomes[0]).toMatchObject({ type: "start_failed" });
  });
});

describe("a NATS action", () => {
  const started = { type: "started", task: "task-9", claimId: 9 };
  it.each<[Published, object]>([
    [{ ok: true }, started],
    [
      { ok: false, sent: false, waits: true, error: "NATS is away" },
      { type: "start_unsent", host: "nats", error: "NATS is away", counts: false },
    ],
    [
      { ok: false, sent: false, error: "no work stream" },
      { type: "start_unsent", host: "nats", error: "no work stream", counts: true },
    ],
    [
      { ok: false, sent: true, mayArrive: true, error: "no answer from JetStream" },
      { type: "start_unanswered", reason: "on_start failed: no answer from JetStream" },
    ],
    [
      { ok: false, sent: true, error: "message too large for NATS" },
      { type: "start_failed", reason: "on_start failed: message too large for NATS" },
    ],
  ])("published %j", async (published, word) => {
    const { starter, callSlots, outcomes, messages } = bench({ published });
    starter.start(claim(9, { action: nats, receiver: null, attempt: 2, hasRetry: true }));
    await until(() => callSlots.free() === 4 && outcomes.length === 1);
    expect(outcomes).toEqual([{ task: "task-9", claimId: 9, ...word }]);
    // The id is the claim's own: a claim after a put-back must arrive as well.
    expect(messages[0]?.id).toBe("task-9:start:2:9");
    expect(JSON.parse(messages[0]?.message.payload ?? "")).toMatchObject({
      task_id: "task-9",
      attempt: 2,
      trigger: "start",
    });
  });
});

it("a drain gives back what has not been sent, waits for the rest, and starts nothing more", async () => {
  const { starter, outcomes, calls } = bench();
  for (const id of [1, 2, 3]) starter.start(claim(id));
  let drained = false;
  const draining = starter.drain().then(() => {
    drained = true;
  });
  starter.start(claim(4));
  expect(outcomes.map((command) => [command.type, "task" in command && command.task])).toEqual([
    ["released", "task-3"],
    ["released", "task-4"],
  ]);
  calls[0]?.end(answer());
  await until(() => outcomes.length === 3);
  expect([drained, calls.length]).toEqual([false, 2]);
  calls[1]?.end(answer());
  await draining;
});
