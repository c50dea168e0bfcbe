// Makes the start call of a claim, once, and tells the actor how it went. It holds no row and decides nothing: every
// outcome carries the claim's fencing token. A claim it cannot serve any more is told `released`, never dropped.
// What is lost with the process is found by the lease sweep, and repeated under the same key.
import type { LocalCommand } from "#actor/mailbox";
import type { Work } from "#bus/work";
import type { NatsAction, WebhookAction } from "#domain/action";
import { actionIn, resultIn } from "#domain/answer";
import type { Claimed } from "#domain/claimed";
import type { Policy } from "#domain/guard";
import { type About, type CallSettings, httpRequest, retryAfterMs, startKey, workMessage } from "#domain/webhook";
import { metrics } from "#telemetry/metrics";
import type { Lanes } from "#webhook/lanes";
import type { Send, SendResult } from "#webhook/send";

/** An `on_response` call was answered 2xx: that is the report. */
export interface Answered {
  readonly type: "answered";
  readonly task: string;
  readonly claimId: number;
  readonly result: Readonly<Record<string, unknown>> | null;
}

export interface StarterParts {
  readonly config: CallSettings;
  /** Which receivers an action in an answer may name. */
  readonly policy: Policy;
  readonly lanes: Lanes;
  readonly send: Send;
  /** The probe of this receiver was taken, and no call was made. */
  readonly giveUp: (receiver: string) => void;
  readonly work: Work;
  readonly tell: (command: LocalCommand) => void;
  /** Takes the answer of `on_response` calls; without it their 2xx counts as started. */
  readonly answered?: (outcome: Answered) => void;
  /** Whether a claim of that age (ms, by the monotonic clock) may be sent: its worker's lease was never in danger since. */
  readonly mayStart: (sinceMs: number) => boolean;
  readonly log: { debug(fields: object, message: string): void; error(fields: object, message: string): void };
  /** The wall clock, for a `Retry-After` that is a date. */
  readonly now?: () => Date;
}

export interface Starter {
  /** Calls at once where a lane is free, else when one is. */
  start(claimed: Claimed): void;
  /** Gives back what waits for a receiver whose circuit is not closed any more. */
  recheck(): void;
  /** Starts nothing more, gives back what has not been sent, and resolves when the last open call is told. */
  drain(): Promise<void>;
}

/** A receiver that says "at once" is asked again after this time, not in a loop; the same where NATS could not take a message. */
const deferMinMs = 1_000;

export function makeStarter(parts: StarterParts): Starter {
  const { lanes, tell, mayStart, log, now = () => new Date() } = parts;
  /** Claims in hand, and since when. */
  const held = new Map<number, number>();
  const waiting: Claimed[] = [];
  let draining = false;
  let drained: (() => void) | null = null;

  const settle = (claimed: Claimed, outcome: LocalCommand | Answered): void => {
    held.delete(claimed.claimId);
    if (outcome.type === "answered") parts.answered?.(outcome);
    else tell(outcome);
    if (held.size === 0) drained?.();
  };

  const release = (claimed: Claimed) => {
    giveUp(parts, claimed);
    settle(claimed, { type: "released", ...of(claimed) });
  };

  /** With the lane taken. */
  const run = async (claimed: Claimed, action: WebhookAction | NatsAction): Promise<void> => {
    let outcome: LocalCommand | Answered;
    metrics.startsInFlight.set(held.size - waiting.length);
    try {
      outcome =
        action.kind === "Webhook"
          ? await call(parts, claimed, action, () => mayStart(held.get(claimed.claimId) ?? 0), now)
          : await publish(parts, claimed, action, now());
    } catch (error) {
      // Our own mistake, or an action that no request can be made of; either way the call was not made.
      log.error({ err: error, task: claimed.task }, "a start call could not be made");
      giveUp(parts, claimed);
      outcome = { type: "start_failed", ...of(claimed), reason: "Start action failed: the call could not be made" };
    }
    log.debug({ task: claimed.task, outcome: outcome.type }, "start call");
    settle(claimed, outcome);
    metrics.startsInFlight.set(held.size - waiting.length);
    lanes.release(claimed.receiver);
  };

  /** False: no lane is free. */
  const begin = (claimed: Claimed): boolean => {
    const { action } = claimed;
    if (action === null) {
      settle(claimed, { type: "joined", ...of(claimed) });
      return true;
    }
    if (!claimed.isProbe && lanes.isGated(claimed.receiver)) {
      release(claimed);
      return true;
    }
    if (!lanes.take(claimed.receiver, claimed.isProbe)) return false;
    if (mayStart(held.get(claimed.claimId) ?? 0)) {
      void run(claimed, action);
    } else {
      release(claimed);
      lanes.release(claimed.receiver);
    }
    return true;
  };

  lanes.onFree((receiver) => {
    // Mostly nobody waits: the dispatcher claims what has a lane. Others of this receiver come first in turn.
    const next = waiting.findIndex((claimed) => claimed.receiver === receiver || lanes.room(claimed.receiver) > 0);
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

const of = ({ task, claimId }: Claimed) => ({ task, claimId });

function giveUp(parts: StarterParts, { isProbe, receiver }: Claimed): void {
  if (isProbe && receiver !== null) parts.giveUp(receiver);
}

function about(parts: StarterParts, claimed: Claimed, at: Date): About {
  const { task, attempt, hasRetry } = claimed;
  return {
    settings: parts.config,
    at,
    key: startKey(task, attempt),
    trigger: "start",
    task,
    attempt,
    hasRetry,
    facts: null,
  };
}

async function call(
  parts: StarterParts,
  claimed: Claimed,
  action: WebhookAction,
  maySend: () => boolean,
  now: () => Date,
): Promise<LocalCommand | Answered> {
  const isReport = action.params.completes === "on_response" && parts.answered !== undefined;
  const request = httpRequest(action, about(parts, claimed, now()));
  const result = await parts.send(request, isReport ? claimed.timeoutSecs * 1000 : undefined, maySend, claimed.isProbe);
  metrics.webhookSeconds.observe(result.ms / 1000, "start", result.ok ? "success" : "failure");
  if (!result.sent && !maySend()) return { type: "released", ...of(claimed) };
  if (!result.ok) return refused(claimed, result, now());
  if (isReport) return { type: "answered", ...of(claimed), result: resultIn(result.body) };
  const { action: cancelAction, ignored } = actionIn(result.body, parts.policy);
  return {
    type: "started",
    ...of(claimed),
    ...(cancelAction === undefined ? {} : { cancelAction }),
    ...(ignored === undefined ? {} : { ignored }),
  };
}

function refused(claimed: Claimed, result: SendResult, now: Date): LocalCommand {
  const waitMs = retryAfterMs(result.retryAfter, now);
  if (waitMs !== null) return deferred(claimed, waitMs);
  return { type: "start_failed", ...of(claimed), reason: `Start action failed: ${result.error}` };
}

async function publish(parts: StarterParts, claimed: Claimed, action: NatsAction, at: Date): Promise<LocalCommand> {
  const facts = about(parts, claimed, at);
  // A claim that was put back in doubt is published again under its next token, and must arrive then.
  const result = await parts.work.publish(workMessage(action, facts), `${facts.key}:${claimed.claimId}`);
  if (result.ok) return { type: "started", ...of(claimed) };
  if (!result.sent) return deferred(claimed, deferMinMs);
  return { type: "start_failed", ...of(claimed), reason: `Start action failed: ${result.error}` };
}

function deferred(claimed: Claimed, waitMs: number): LocalCommand {
  return { type: "start_deferred", ...of(claimed), waitMs: Math.max(waitMs, deferMinMs) };
}
