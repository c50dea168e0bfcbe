// A starter for tests: its calls end when the test says so, and what it says is kept.
import type { Published } from "#bus/work";
import type { Action } from "#domain/action";
import type { Claimed } from "#domain/calls/claimed";
import type { HttpRequest, WorkMessage } from "#domain/calls/webhook";
import type { StartCall } from "#domain/row";
import type { LocalCommand } from "#domain/turn/items";
import { ReceiverCapacity } from "#flow/receiver-capacity";
import { strict } from "#test/policy";
import type { Send, SendResult } from "#webhook/send";
import { makeStarter } from "#webhook/starter";

export const receiver = "http://service:80";
export const action: Action = { kind: "Webhook", params: { url: "http://service/run", verb: "Post", body: { a: 1 } } };
export const nats: Action = { kind: "Nats", params: { subject: "baton.work.build" } };
const now = new Date("2026-11-23T10:00:00.000Z");
export const claim = (claimId: number, more: Partial<Claimed> = {}): Claimed => ({
  task: `task-${claimId}`,
  batch: "batch",
  kind: "etl",
  attempt: 0,
  claimId,
  hasRetry: false,
  timeoutSecs: 60,
  receiver,
  action,
  isProbe: false,
  beginByMs: null,
  ...more,
});
export const answer = (more: Partial<SendResult> = {}): SendResult => ({
  end: more.status === null ? "failed" : "answered",
  ok: true,
  status: 200,
  retryAfter: null,
  body: null,
  part: null,
  isCut: false,
  error: null,
  fault: null,
  sent: true,
  ms: 1,
  connectMs: 0,
  ...more,
});

/** A starter whose calls end when the test says so. */
export function bench(
  options: {
    callSlots?: ReceiverCapacity;
    mayStart?: (sinceMs: number) => boolean;
    published?: Published;
    renew?: (claimId: number) => Promise<number | null>;
  } = {},
) {
  const callSlots = options.callSlots ?? new ReceiverCapacity(4, 2);
  const outcomes: LocalCommand[] = [];
  const calls: { request: HttpRequest; totalMs: number | undefined; end: (result: SendResult) => void }[] = [];
  const messages: { message: WorkMessage; id: string }[] = [];
  const givenUp: string[] = [];
  const made: (StartCall | undefined)[] = [];
  const hear = ({ call, ...outcome }: LocalCommand) => {
    outcomes.push(outcome as LocalCommand);
    made.push(call);
  };
  const warned: object[] = [];
  const send: Send = (request, totalMs) => new Promise((end) => calls.push({ request, totalMs, end }));
  const starter = makeStarter({
    config: { hostUrl: "http://baton", handleSecret: undefined, webhookSigningSecret: [] },
    policy: strict,
    callSlots,
    send,
    giveUp: (of) => givenUp.push(of),
    work: {
      publish: async (message, id) => {
        messages.push({ message, id });
        return options.published ?? { ok: true };
      },
    },
    tell: (command) => hear(command),
    renew: options.renew ?? (() => Promise.resolve(null)),
    mayStart: options.mayStart ?? (() => true),
    log: { debug() {}, error() {}, warn: (fields) => warned.push(fields) },
    now: () => now,
  });
  return { starter, callSlots, outcomes, made, calls, messages, givenUp, warned };
}
