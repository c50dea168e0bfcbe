// The whole life of the circuit of one receiver: closed while it answers, open after too many failures in a row, half-open
// while single calls probe it. Pure: no clock, no I/O. Times are milliseconds and come with the events; what is due after
// some time is asked for by the process that wants to call; it never happens by itself.
import { assign, setup } from "xstate";

/** What a circuit is decided by, the same for all. */
export interface CircuitPolicy {
  /** So many failures in a row open it, if the last comes at most `windowMs` after the first. */
  readonly failureThreshold: number;
  readonly windowMs: number;
  /** It stays open so long before it is probed. */
  readonly recoveryMs: number;
  /** So many successful probes in a row close it. */
  readonly successThreshold: number;
  /** A probe that is not heard of again blocks the next one so long. */
  readonly probeMs: number;
}

export interface CircuitContext {
  /** In a row, and when the first of them was. */
  readonly failures: number;
  readonly since: number | null;
  /** Probes in a row that succeeded. */
  readonly successes: number;
  /** Not probed before, also where a probe was asked to come later; null while it is closed. */
  readonly openUntil: number | null;
  /** A probe is under way, and no other may be taken before it is over. */
  readonly probeUntil: number | null;
  readonly policy: CircuitPolicy;
}

export type CircuitEvent =
  /** How a call ended. `probe`: it was begun as one; others were open before the circuit opened, and say nothing new. */
  | { readonly type: "failed"; readonly at: number; readonly probe: boolean }
  | { readonly type: "succeeded"; readonly at: number; readonly probe: boolean }
  /** A probe ended without saying anything, or was never sent: the next one may come after `waitMs`. */
  | { readonly type: "gave_up"; readonly at: number; readonly waitMs: number }
  /** Somebody has a call to make, and wants to try it. */
  | { readonly type: "probe"; readonly at: number };

const noPolicy = { failureThreshold: 1, windowMs: 0, recoveryMs: 0, successThreshold: 1, probeMs: 0 };
/** Of a receiver of which nothing is known. */
export const healthy: CircuitContext = {
  failures: 0,
  since: null,
  successes: 0,
  openUntil: null,
  probeUntil: null,
  policy: noPolicy,
};

/** Failures in a row, this one included: one that comes after the window begins another row. */
function counted({ failures, since, policy }: CircuitContext, at: number): { failures: number; since: number } {
  const isInWindow = since !== null && at - since <= policy.windowMs;
  return isInWindow ? { failures: failures + 1, since } : { failures: 1, since: at };
}

export const circuitMachine = setup({
  types: { context: {} as CircuitContext, events: {} as CircuitEvent },
  guards: {
    tooMany: ({ context, event }) => counted(context, event.at).failures >= context.policy.failureThreshold,
    hasFailed: ({ context }) => context.failures > 0,
    hasRecovered: ({ context, event }) => event.at >= (context.openUntil ?? 0),
    isFree: ({ context, event }) => event.at >= Math.max(context.probeUntil ?? 0, context.openUntil ?? 0),
    ofProbe: ({ event }) => "probe" in event && event.probe,
    lastProbe: ({ context, event }) =>
      "probe" in event && event.probe && context.successes + 1 >= context.policy.successThreshold,
  },
  actions: {
    countFailure: assign(({ context, event }) => counted(context, event.at)),
    countFailedProbe: assign({ failures: ({ context }) => context.failures + 1 }),
    countSuccess: assign({ successes: ({ context }) => context.successes + 1, probeUntil: null }),
    openAgain: assign({
      openUntil: ({ context, event }) => event.at + context.policy.recoveryMs,
      successes: 0,
      probeUntil: null,
    }),
    beginProbe: assign({ probeUntil: ({ context, event }) => event.at + context.policy.probeMs }),
    freeProbe: assign(({ context, event }) => {
      const waitMs = "waitMs" in event ? event.waitMs : 0;
      return { probeUntil: null, openUntil: Math.max(context.openUntil ?? 0, event.at + waitMs) };
    }),
    forget: assign(({ context }) => ({ ...healthy, policy: context.policy })),
  },
}).createMachine({
  id: "circuit",
  context: healthy,
  initial: "closed",
  states: {
    closed: {
      on: {
        failed: [
          { guard: "tooMany", target: "open", actions: ["countFailure", "openAgain"] },
          { actions: "countFailure" },
        ],
        succeeded: { guard: "hasFailed", actions: "forget" },
      },
    },
    open: {
      on: { probe: { guard: "hasRecovered", target: "half_open", actions: "beginProbe" } },
    },
    half_open: {
      on: {
        probe: { guard: "isFree", actions: "beginProbe" },
        gave_up: { actions: "freeProbe" },
        failed: { guard: "ofProbe", target: "open", actions: ["countFailedProbe", "openAgain"] },
        succeeded: [
          { guard: "lastProbe", target: "closed", actions: "forget" },
          { guard: "ofProbe", actions: "countSuccess" },
        ],
      },
    },
  },
});

export type CircuitState = ReturnType<typeof circuitMachine.getInitialSnapshot>["value"];
