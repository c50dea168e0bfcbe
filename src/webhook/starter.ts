// Makes the start call of a claim, once, and tells the actor how it went. It holds no row and decides nothing: every
// outcome carries the claim's fencing token. A claim that it cannot serve any more is reported as `released`, never dropped.
// What is lost with the process is found by the lease sweep, and repeated under the same key.
import type { Work } from "#bus/work";
import type { NatsAction, WebhookAction } from "#domain/action";
import { actionIn, resultIn, wordsIn } from "#domain/calls/answer";
import { hostOf } from "#domain/calls/circuit";
import type { Claimed } from "#domain/calls/claimed";
import type { Policy } from "#domain/calls/guard";
import { type About, type CallSettings, httpRequest, retryAfterMs, startKey, workMessage } from "#domain/calls/webhook";
import { tooLarge } from "#domain/inputs/inputs";
import type { LocalCommand } from "#domain/turn/items";
import type { ReceiverCapacity } from "#flow/receiver-capacity";
import { metrics } from "#telemetry/metrics";
import { CallNote } from "#webhook/call-note";
import { Place, type Renew, sendInPlace } from "#webhook/place";
import type { Send, SendResult } from "#webhook/send";

export interface StarterParts {
  readonly config: CallSettings;
  /** Which receivers an action in an answer may name. */
  readonly policy: Policy;
  readonly callSlots: ReceiverCapacity;
  readonly send: Send;
  /** The probe of this receiver was taken, and no call was made. */
  readonly giveUp: (receiver: string) => void;
  readonly work: Work;
  readonly tell: (command: LocalCommand) => void;
  /** Whether a claim of that age (ms, by the monotonic clock) may be sent: its worker's lease was never in danger since. */
  readonly mayStart: (sinceMs: number) => boolean;
  /** Moves the place of a claim that a Rate counts. */
  readonly renew: Renew;
  readonly log: Record<"debug" | "warn" | "error", (fields: object, message: string) => void>;
  /** The wall clock, for a `Retry-After` that is a date. */
  readonly now?: () => Date;
}

export interface Starter {
  /** Calls at once where a call slot is free, else when one is. */
  start(claimed: Claimed): void;
  /** Gives back what waits for a receiver whose circuit is not closed any more. */
  recheck(): void;
  /** Starts nothing more, gives back what has not been sent, and resolves when the outcome of the last open call was handed on. */
  drain(): Promise<void>;
}

/** A receiver that says "at once" is asked again after this time, not in a loop. */
const deferMinMs = 1_000;

export function makeStarter(parts: StarterParts): Starter {
  const { callSlots, tell, mayStart, log, now = () => new Date() } = parts;
  /** Claims in hand, and since when. */
  const held = new Map<number, number>();
  const waiting: Claimed[] = [];
  let draining = false;
  let drained: (() => void) | null = null;

  const settle = (claimed: Claimed, outcome: LocalCommand): void => {
    held.delete(claimed.claimId);
    tell(outcome);
    if (held.size === 0) drained?.();
  };

  const release = (claimed: Claimed) => {
    giveUp(parts, claimed);
    settle(claimed, { type: "released", ...of(claimed) });
  };

  /** With the call slot taken. */
  const run = async (claimed: Claimed, action: WebhookAction | NatsAction): Promise<void> => {
    metrics.startsInFlight.set(held.size - waiting.length);
    const made = make(parts, claimed, action, held.get(claimed.claimId) ?? 0, now);
    const outcome = await made.catch((error) => unmade(parts, claimed, error));
    log.debug({ ...idsOf(claimed), outcome: outcome.type }, "a start call is over");
    settle(claimed, outcome);
    metrics.startsInFlight.set(held.size - waiting.length);
    callSlots.release(claimed.receiver);
  };

  /** False: no call slot is free. */
  const begin = (claimed: Claimed): boolean => {
    const { action, inputs } = claimed;
    if (action === null || (inputs !== undefined && "bytes" in inputs)) {
      giveUp(parts, claimed);
      settle(claimed, uncalled(claimed));
      return true;
    }
    if (!claimed.isProbe && callSlots.isGated(claimed.receiver)) {
      release(claimed);
      return true;
    }
    if (!callSlots.take(claimed.receiver, claimed.isProbe)) return false;
    if (mayStart(held.get(claimed.claimId) ?? 0)) {
      void run(claimed, action);
    } else {
      release(claimed);
      callSlots.release(claimed.receiver);
    }
    return true;
  };

  callSlots.onFree((receiver) => {
    // Mostly none waits, since a round claims only what has a call slot. Claims for this receiver go first, in their order.
    const next = waiting.findIndex(({ receiver: to }) => to === receiver || callSlots.freeFor(to) > 0);
    const [claimed] = next < 0 ? [] : waiting.splice(next, 1);
    if (claimed !== undefined && !begin(claimed)) waiting.splice(next, 0, claimed);
  });

  return {
    start(claimed) {
      held.set(claimed.claimId, performance.now());
      if (draining) release(claimed);
      else if (!begin(claimed)) waiting.push(claimed);
    },
    recheck() {
      const left = waiting.splice(0).filter((claimed) => !begin(claimed));
      waiting.unshift(...left);
    },
    drain() {
      draining = true;
      for (const claimed of waiting.splice(0)) release(claimed);
      if (held.size === 0) return Promise.resolve();
      return new Promise((resolve) => {
        drained = resolve;
      });
    },
  };
}

/** Makes the call of a claim that was held since then; the outcome says how it went. */
async function make(
  parts: StarterParts,
  claimed: Claimed,
  action: WebhookAction | NatsAction,
  heldSince: number,
  now: () => Date,
): Promise<LocalCommand> {
  const note = new CallNote(heldSince);
  noteAbsent(parts, claimed);
  const place = new Place(claimed, parts.renew);
  if (place.isLate && !(await place.isHeld())) {
    giveUp(parts, claimed);
    return { type: "released", ...of(claimed) };
  }
  if (action.kind === "Nats") return note.on(await publish(parts, claimed, action, now(), note));
  const maySend = () => parts.mayStart(heldSince) && !place.isLate;
  return note.on(await call(parts, claimed, action, { maySend, place, now, note }));
}

/** A pointer that is wrong would be a null that nobody looks for. */
function noteAbsent({ log }: StarterParts, claimed: Claimed): void {
  const { inputs } = claimed;
  if (inputs === undefined || !("absent" in inputs)) return;
  log.warn({ ...idsOf(claimed), inputs: inputs.absent }, "inputs point at nothing and have no default: null is sent");
}

const of = ({ task, claimId }: Claimed) => ({ task, claimId });
const idsOf = ({ task, batch, kind }: Claimed) => ({ task, batch, kind });

/** What becomes of a claim of which no call is made: it only joins others, or the call would be too large. */
function uncalled(claimed: Claimed): LocalCommand {
  const { inputs } = claimed;
  if (inputs === undefined || !("bytes" in inputs)) return { type: "joined", ...of(claimed) };
  return { type: "start_failed", ...of(claimed), reason: tooLarge(inputs.bytes) };
}

function giveUp(parts: StarterParts, { isProbe, receiver }: Claimed): void {
  if (isProbe && receiver !== null) parts.giveUp(receiver);
}

function about(parts: StarterParts, claimed: Claimed, at: Date): About {
  const { task, batch, attempt, hasRetry, inputs } = claimed;
  const given = inputs && "values" in inputs && { batch_id: batch, local_id: inputs.localId, inputs: inputs.values };
  return {
    settings: parts.config,
    at,
    key: startKey(task, attempt),
    trigger: "start",
    task,
    attempt,
    hasRetry,
    facts: null,
    ...(given ? { given } : {}),
  };
}

interface Calling {
  readonly maySend: () => boolean;
  readonly place: Place;
  readonly now: () => Date;
  readonly note: CallNote;
}

async function call(
  parts: StarterParts,
  claimed: Claimed,
  action: WebhookAction,
  { maySend, place, now, note }: Calling,
): Promise<LocalCommand> {
  // Its 2xx is the report of the task.
  const isReport = action.params.completes === "on_response";
  const request = httpRequest(action, about(parts, claimed, now()));
  const result = await sendInPlace(place, () => {
    const beganAt = performance.now();
    const sent = parts.send(request, isReport ? claimed.timeoutSecs * 1000 : undefined, maySend, claimed.isProbe);
    return sent.then((result) => note.take(beganAt, worded(result, action)));
  });
  metrics.webhookSeconds.observe(result.ms / 1000, "start", result.ok ? "success" : "failure");
  // A receiver that could not be reached within the time of the claim is unreachable; but a process that stood still did not try.
  const mayTell = result.fault === "local" ? maySend : () => parts.mayStart(performance.now());
  if (!result.sent && result.end !== "doubtful" && (result.fault === "cut_off" || !mayTell()))
    return { type: "released", ...of(claimed) };
  if (!result.ok) return unanswered(parts, claimed, { ...result, host: hostOf(request.origin) }, now());
  const { task, batch } = claimed;
  if (isReport) {
    const { result: kept, ignored } = resultIn(result);
    if (ignored !== undefined)
      parts.log.warn({ task, batch, kind: claimed.kind, reason: ignored }, "the result in an answer is not kept");
    return { type: "answered", ...of(claimed), result: kept, ...(ignored === undefined ? {} : { ignored }) };
  }
  const { action: cancelAction, ignored } = actionIn(result, parts.policy);
  if (ignored !== undefined)
    parts.log.warn({ task, batch, kind: claimed.kind, reason: ignored }, "the cancel action in an answer is not taken");
  return {
    type: "started",
    ...of(claimed),
    ...(cancelAction === undefined ? {} : { cancelAction }),
    ...(ignored === undefined ? {} : { ignored }),
  };
}

/** With the service's own words behind the status. */
function worded(result: SendResult, action: WebhookAction): SendResult {
  const words = result.ok || result.status === null ? null : wordsIn(result, action);
  return words === null ? result : { ...result, error: `${result.error}: ${words}` };
}

function unanswered(
  parts: StarterParts,
  claimed: Claimed,
  result: SendResult & { readonly host: string },
  now: Date,
): LocalCommand {
  const failed = { type: "start_failed" as const, ...of(claimed), reason: `on_start failed: ${result.error}` };
  switch (result.end) {
    case "answered": {
      const waitMs = retryAfterMs(result.retryAfter, now);
      return waitMs === null ? failed : deferred(claimed, waitMs);
    }
    case "doubtful": {
      // Put back in doubt, as if its worker had died: the same attempt is called again under the same key.
      const { task, batch } = claimed;
      parts.log.warn(
        { task, batch, kind: claimed.kind, reason: result.error },
        "a start call may have arrived, its task is put back in doubt",
      );
      return { type: "lease_expired", ...of(claimed), wasSent: true };
    }
    case "unsent":
      return { type: "start_unsent", ...of(claimed), host: result.host, error: result.error ?? "", counts: true };
    case "failed":
      // The service may have got the call and be at work, so it is asked to stop.
      return result.sent ? { ...failed, type: "start_unanswered" } : failed;
  }
}

async function publish(
  parts: StarterParts,
  claimed: Claimed,
  action: NatsAction,
  at: Date,
  note: CallNote,
): Promise<LocalCommand> {
  const facts = about(parts, claimed, at);
  const beganAt = performance.now();
  // A claim that was put back in doubt is published again under its next token, and must arrive then.
  const result = await parts.work.publish(workMessage(action, facts), `${facts.key}:${claimed.claimId}`);
  note.take(beganAt, { status: null, error: result.ok ? null : result.error, connectMs: null });
  if (result.ok) return { type: "started", ...of(claimed) };
  if (!result.sent)
    return { type: "start_unsent", ...of(claimed), host: "nats", error: result.error, counts: !result.waits };
  const type = result.mayArrive ? "start_unanswered" : "start_failed";
  return { type, ...of(claimed), reason: `on_start failed: ${result.error}` };
}

function deferred(claimed: Claimed, waitMs: number): LocalCommand {
  return { type: "start_deferred", ...of(claimed), waitMs: Math.max(waitMs, deferMinMs) };
}

/** What becomes of a claim by a mistake of ours, or by an action from which no request can be made: there was no call. */
function unmade(parts: StarterParts, claimed: Claimed, error: unknown): LocalCommand {
  parts.log.error({ err: error, ...idsOf(claimed) }, "a start call could not be made");
  giveUp(parts, claimed);
  return { type: "start_failed", ...of(claimed), reason: "on_start failed: the call could not be made" };
}
