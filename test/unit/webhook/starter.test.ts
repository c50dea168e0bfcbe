// The start call of a claim: each way it can end becomes exactly one word to the actor, and every lane comes back.
import { describe, expect, it } from "vitest";
import type { LocalCommand } from "#actor/mailbox";
import type { Published } from "#bus/work";
import type { Action } from "#domain/action";
import type { Claimed } from "#domain/claimed";
import type { HttpRequest, WorkMessage } from "#domain/webhook";
import { strict } from "#test/policy";
import { until } from "#test/until";
import { Lanes } from "#webhook/lanes";
import type { Send, SendResult } from "#webhook/send";
import { type Answered, makeStarter } from "#webhook/starter";

const receiver = "http://service:80";
const action: Action = { kind: "Webhook", params: { url: "http://service/run", verb: "Post", body: { a: 1 } } };
const nats: Action = { kind: "Nats", params: { subject: "baton.work.build" } };
const now = new Date("2026-11-23T10:00:00.000Z");
const claim = (claimId: number, more: Partial<Claimed> = {}): Claimed => ({
  task: `task-${claimId}`,
  batch: "batch",
  attempt: 0,
  claimId,
  hasRetry: false,
  timeoutSecs: 60,
  receiver,
  action,
  isProbe: false,
  ...more,
});
const answer = (more: Partial<SendResult> = {}): SendResult => ({
  ok: true,
  status: 200,
  retryAfter: null,
  body: null,
  part: null,
  error: null,
  sent: true,
  ms: 1,
  ...more,
});

/** A starter whose calls end when the test says so. */
function bench(options: { lanes?: Lanes; mayStart?: () => boolean; answered?: boolean; published?: Published } = {}) {
  const lanes = options.lanes ?? new Lanes(4, 2);
  const told: (LocalCommand | Answered)[] = [];
  const calls: { request: HttpRequest; totalMs: number | undefined; end: (result: SendResult) => void }[] = [];
  const messages: { message: WorkMessage; id: string }[] = [];
  const givenUp: string[] = [];
  const send: Send = (request, totalMs) => new Promise((end) => calls.push({ request, totalMs, end }));
  const starter = makeStarter({
    config: { hostUrl: "http://baton", handleSecret: undefined, webhookSigningSecret: [] },
    policy: strict,
    lanes,
    send,
    giveUp: (of) => givenUp.push(of),
    work: {
      publish: async (message, id) => {
        messages.push({ message, id });
        return options.published ?? { ok: true };
      },
    },
    tell: (command) => told.push(command),
    ...(options.answered ? { answered: (outcome: Answered) => told.push(outcome) } : {}),
    mayStart: options.mayStart ?? (() => true),
    log: { debug() {}, error() {} },
    now: () => now,
  });
  return { starter, lanes, told, calls, messages, givenUp };
}

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
      { type: "start_failed", reason: "Start action failed: HTTP 503" },
    ],
    [
      "none",
      answer({ ok: false, status: null, error: "connect refused" }),
      { type: "start_failed", reason: "Start action failed: connect refused" },
    ],
  ])("%s becomes one word, and the lane is free again", async (_, result, word) => {
    const { starter, lanes, told, calls } = bench();
    starter.start(claim(7));
    expect([lanes.free(), lanes.room(receiver)]).toEqual([3, 1]);
    expect(calls[0]?.request.headers).toContain("task-7:start");
    calls[0]?.end(result);
    await until(() => lanes.free() === 4);
    expect(told).toEqual([{ ...word, task: "task-7", claimId: 7 }]);
    await starter.drain();
  });
});

describe("a call that is the report", () => {
  const onResponse: Action = { kind: "Webhook", params: { ...action.params, completes: "on_response" } as never };
  it("may last as long as the task, and its answer is the result", async () => {
    const { starter, told, calls } = bench({ answered: true });
    starter.start(claim(1, { action: onResponse, timeoutSecs: 90 }));
    expect(calls[0]?.totalMs).toBe(90_000);
    calls[0]?.end(answer({ body: '{"rows":3}' }));
    await until(() => told.length === 1);
    expect(told).toEqual([{ type: "answered", task: "task-1", claimId: 1, result: { rows: 3 } }]);
  });
  it("has failed with anything but 2xx", async () => {
    const { starter, told, calls } = bench({ answered: true });
    starter.start(claim(1, { action: onResponse }));
    calls[0]?.end(answer({ ok: false, status: 500, error: "HTTP 500" }));
    await until(() => told.length === 1);
    expect(told[0]).toMatchObject({ type: "start_failed" });
  });
});

describe("a claim", () => {
  it("without a start action is told joined at once, and takes no slot", () => {
    const { starter, lanes, told } = bench();
    starter.start(claim(1, { action: null, receiver: null }));
    expect([told, lanes.free()]).toEqual([[{ type: "joined", task: "task-1", claimId: 1 }], 4]);
  });

  it("is given back uncalled when the worker's lease is not sure", () => {
    const { starter, lanes, told, calls } = bench({ mayStart: () => false });
    starter.start(claim(1));
    expect([told, calls, lanes.free()]).toEqual([[{ type: "released", task: "task-1", claimId: 1 }], [], 4]);
  });

  it("is given back when the lease was lost before a byte was sent, and not after", async () => {
    let sure = true;
    const { starter, told, calls } = bench({ mayStart: () => sure });
    starter.start(claim(1));
    starter.start(claim(2));
    sure = false;
    calls[0]?.end(answer({ ok: false, status: null, error: "not sent in time", sent: false }));
    calls[1]?.end(answer({ ok: false, status: null, error: "connection reset", sent: true }));
    await until(() => told.length === 2);
    expect(told.map(({ type }) => type)).toEqual(["released", "start_failed"]);
  });

  it("beyond the receiver's lanes waits for one, and passes nobody by", async () => {
    const { starter, lanes, told, calls } = bench();
    for (const id of [1, 2, 3]) starter.start(claim(id));
    starter.start(
      claim(4, {
        receiver: "http://other",
        action: { kind: "Webhook", params: { url: "http://other/", verb: "Get" } },
      }),
    );
    expect(calls.map(({ request }) => request.origin)).toEqual(["http://service", "http://service", "http://other"]);
    expect(lanes.free()).toBe(1);
    calls[0]?.end(answer());
    await until(() => calls.length === 4);
    expect(calls[3]?.request.headers).toContain("task-3:start");
    for (const { end } of calls) end(answer());
    await until(() => told.length === 4);
    expect(lanes.free()).toBe(4);
  });

  it("of a receiver whose circuit is not closed is given back uncalled, also where it waits already, but for the probe", () => {
    const { starter, lanes, told, calls } = bench();
    for (const id of [1, 2, 3]) starter.start(claim(id));
    lanes.gate(new Map([[receiver, 0]]));
    starter.start(claim(4));
    const released = () => told.map((command) => [command.type, command.task]);
    expect(released()).toEqual([["released", "task-4"]]);
    starter.recheck();
    expect(released()).toEqual([
      ["released", "task-4"],
      ["released", "task-3"],
    ]);
    expect(calls).toHaveLength(2);
    const free = bench();
    free.lanes.gate(new Map([[receiver, 1]]));
    free.starter.start(claim(5, { isProbe: true }));
    expect([free.calls.length, free.told]).toEqual([1, []]);
  });

  it("that is a probe, and makes no call, leaves the probe to another one; one that calls does not", async () => {
    const probe = claim(1, { isProbe: true });
    const ill = bench({ mayStart: () => false });
    ill.starter.start(probe);
    const going = bench({ lanes: new Lanes(1, 1) });
    going.starter.start(claim(2, { receiver: "http://other:80" }));
    going.starter.start(probe);
    expect(going.givenUp).toEqual([]);
    void going.starter.drain();
    expect(going.givenUp).toEqual([receiver]);
    going.starter.start(probe);
    const senseless = bench();
    senseless.starter.start({ ...probe, action: { kind: "Webhook", params: { url: "nonsense", verb: "Get" } } });
    await until(() => senseless.told.length === 1);
    expect([ill, going, senseless].map(({ givenUp }) => givenUp)).toEqual([
      [receiver],
      [receiver, receiver],
      [receiver],
    ]);
    const well = bench();
    well.starter.start(probe);
    well.calls[0]?.end(answer({ ok: false, status: 500, error: "HTTP 500" }));
    await until(() => well.told.length === 1);
    const other = bench({ mayStart: () => false });
    other.starter.start(claim(1));
    expect([well.givenUp, other.givenUp, other.told.length]).toEqual([[], [], 1]);
  });

  it("of which no request can be made has failed", async () => {
    const { starter, told } = bench();
    starter.start(claim(1, { action: { kind: "Webhook", params: { url: "nonsense", verb: "Get" } } }));
    await until(() => told.length === 1);
    expect(told[0]).toMatchObject({ type: "start_failed" });
  });
});

describe("a NATS action", () => {
  const started = { type: "started", task: "task-9", claimId: 9 };
  it.each<[Published, object]>([
    [{ ok: true }, started],
    [
      { ok: false, sent: false, error: "NATS is away" },
      { type: "start_deferred", waitMs: 1_000 },
    ],
    [
      { ok: false, sent: true, error: "no answer from JetStream" },
      { type: "start_failed", reason: "Start action failed: no answer from JetStream" },
    ],
  ])("published %j", async (published, word) => {
    const { starter, lanes, told, messages } = bench({ published });
    starter.start(claim(9, { action: nats, receiver: null, attempt: 2, hasRetry: true }));
    await until(() => lanes.free() === 4 && told.length === 1);
    expect(told).toEqual([{ task: "task-9", claimId: 9, ...word }]);
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
  const { starter, told, calls } = bench();
  for (const id of [1, 2, 3]) starter.start(claim(id));
  let drained = false;
  const draining = starter.drain().then(() => {
    drained = true;
  });
  starter.start(claim(4));
  expect(told.map((command) => [command.type, command.task])).toEqual([
    ["released", "task-3"],
    ["released", "task-4"],
  ]);
  calls[0]?.end(answer());
  await until(() => told.length === 3);
  expect([drained, calls.length]).toEqual([false, 2]);
  calls[1]?.end(answer());
  await draining;
});
