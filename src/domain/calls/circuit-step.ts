// What becomes of the row of a circuit by the ends of calls. Pure.
import { transition } from "xstate";
import type { CircuitOutcome, CircuitState } from "#domain/calls/circuit";
import { limits } from "#limits";
import { type CircuitEvent, type CircuitPolicy, circuitMachine } from "#machines/circuit";

export interface CircuitRow {
  readonly receiver: string;
  readonly state: CircuitState;
  readonly failures: number;
  readonly since: Date | null;
  readonly successes: number;
  readonly openUntil: Date | null;
  readonly probeUntil: Date | null;
}

/** The rows before and after. */
export type CircuitTurn = readonly [before: CircuitRow, after: CircuitRow];

/** As if nothing had happened: its receiver is healthy. */
export const isClean = ({ state, failures }: Pick<CircuitRow, "state" | "failures">): boolean =>
  state === "closed" && failures === 0;

/** The settings of the same names. */
export interface CircuitSettings {
  readonly circuitBreakerFailureThreshold: number;
  readonly circuitBreakerFailureWindowSecs: number;
  readonly circuitBreakerRecoveryTimeoutSecs: number;
  readonly circuitBreakerSuccessThreshold: number;
  readonly webhookTimeoutSecs: number;
}

export const policyOf = (config: CircuitSettings): CircuitPolicy => ({
  failureThreshold: config.circuitBreakerFailureThreshold,
  windowMs: config.circuitBreakerFailureWindowSecs * 1000,
  recoveryMs: config.circuitBreakerRecoveryTimeoutSecs * 1000,
  successThreshold: config.circuitBreakerSuccessThreshold,
  probeMs: probeMsOf(config),
});

/** A probe whose end is never reported keeps others from probing for this time, which is longer than a call may take. */
export const probeMsOf = ({ webhookTimeoutSecs }: Pick<CircuitSettings, "webhookTimeoutSecs">): number =>
  webhookTimeoutSecs * 1000 + limits.circuitProbeMarginMs;

/** Taking a probe asks for times alone. */
export const timesOnly = (probeMs: number): CircuitPolicy => ({
  ...{ failureThreshold: 1, windowMs: 0, recoveryMs: 0, successThreshold: 1 },
  probeMs,
});

/** The row after these events; the same row where the machine refuses them all. */
export function stepped(row: CircuitRow, events: readonly CircuitEvent[], policy: CircuitPolicy): CircuitRow {
  const ms = (at: Date | null) => at?.getTime() ?? null;
  const date = (at: number | null) => (at === null ? null : new Date(at));
  const { receiver, state, failures, successes } = row;
  const times = { since: ms(row.since), openUntil: ms(row.openUntil), probeUntil: ms(row.probeUntil) };
  const before = circuitMachine.resolveState({ value: state, context: { failures, successes, ...times, policy } });
  let now = before;
  for (const event of events) if (now.can(event)) [now] = transition(circuitMachine, now, event);
  if (now === before) return row;
  const { since, openUntil, probeUntil, ...counts } = now.context;
  return {
    ...{ receiver, state: now.value, failures: counts.failures, successes: counts.successes },
    ...{ since: date(since), openUntil: date(openUntil), probeUntil: date(probeUntil) },
  };
}

export const clean: Omit<CircuitRow, "receiver"> = {
  ...{ state: "closed", failures: 0, since: null, successes: 0, openUntil: null, probeUntil: null },
};

export const eventsOf = (ends: readonly CircuitOutcome[], at: number): CircuitEvent[] =>
  ends.map((end) => ({ ...end, at }));

export const isOfProbe = (end: CircuitOutcome): boolean => end.type === "gave_up" || end.probe;

/** Whether other processes need to hear of it. Not of each failure that a closed circuit counts: the row is read before the next one is added. */
export const isNews = ([before, after]: CircuitTurn): boolean =>
  before.state !== after.state ||
  before.successes !== after.successes ||
  before.failures > 0 !== after.failures > 0 ||
  before.probeUntil?.getTime() !== after.probeUntil?.getTime() ||
  before.openUntil?.getTime() !== after.openUntil?.getTime();
