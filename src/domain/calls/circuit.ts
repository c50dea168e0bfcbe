// What a call says about its receiver's circuit, and how a circuit is shown. Pure.
import type { FaultKind } from "#domain/calls/call-fault";
import { retryAfterMs } from "#domain/calls/webhook";
import type { CircuitState } from "#machines/circuit";

export type { CircuitState } from "#machines/circuit";

/** How a call ended, as far as it says whether its receiver is there. */
export interface CallEnd {
  readonly status: number | null;
  readonly retryAfter: string | null;
  /** Why no answer arrived; null where one did. */
  readonly fault: FaultKind | null;
}

/** What of a call's end counts. `probe`: it was begun as one. */
export type CircuitOutcome = { readonly receiver: string } & (
  | { readonly type: "failed" | "succeeded"; readonly probe: boolean }
  /** A probe that says nothing; the next one may come after `waitMs`. */
  | { readonly type: "gave_up"; readonly waitMs: number }
);

/** Of a probe that came to nothing: its receiver was not reached, or said nothing that counts. `waitMs`: what it asked for. */
export const gaveUp = (receiver: string, waitMs = 0): CircuitOutcome => ({ receiver, type: "gave_up", waitMs });

/** Whether a call that got no answer says that its receiver cannot be reached; not where this process is the reason. */
const isReceivers: Readonly<Record<FaultKind, boolean>> = {
  unreachable: true,
  closed: true,
  late: true,
  garbled: true,
  tls: true,
  local: false,
  cut_off: false,
  blocked: false,
  invalid: false,
};

/** What a proxy answers when nothing stands behind it. */
const unreachableStatuses: ReadonlySet<number> = new Set([502, 503, 504]);

/**
 * A circuit is about whether its receiver can be reached. No connection, no answer in time, and 502, 503 or 504 say that it
 * cannot; any other answer, 500 included, says that it is there. An answer that says when to come again is neither: the
 * receiver has asked for a pause. Null: it counts as nothing.
 */
export function verdictOf({ status, retryAfter, fault }: CallEnd, now: Date): "failed" | "succeeded" | null {
  if (status === null) return fault !== null && isReceivers[fault] ? "failed" : null;
  if (retryAfterMs(retryAfter, now) !== null) return null;
  return unreachableStatuses.has(status) ? "failed" : "succeeded";
}

/** A call that would be made if it were the probe of its receiver. */
export interface ProbeWish {
  readonly receiver: string;
  /** It failed before: it may be the very reason why the circuit opened, so it probes only where no other call is due. */
  readonly hasFailed: boolean;
}

/** A circuit that is not as if nothing had happened, as it is kept. */
export interface CircuitRecord {
  readonly receiver: string;
  readonly state: CircuitState;
  /** In a row. */
  readonly failures: number;
  /** When its receiver may be tried again; null while it is closed. */
  readonly until: Date | null;
}

/** Host and port of a receiver, the port also where it is the usual one. */
export function hostOf(receiver: string): string {
  const { protocol, hostname, port } = new URL(receiver);
  return `${hostname}:${port || (protocol === "https:" ? "443" : "80")}`;
}

/** What GET /circuits shows. */
export const shownCircuit = ({ receiver, state, failures, until }: CircuitRecord) => ({
  receiver,
  host: hostOf(receiver),
  state,
  failures,
  until,
});
