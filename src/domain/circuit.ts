// What a call says about its receiver's circuit, and how a circuit is shown. Pure.
import { retryAfterMs } from "#domain/webhook";
import type { CircuitState } from "#machines/circuit";

export type { CircuitState } from "#machines/circuit";

/** How a call ended, as far as it says whether its receiver is there. */
export interface CallEnd {
  readonly status: number | null;
  readonly retryAfter: string | null;
  readonly error: string | null;
}

/** What of a call's end counts. `probe`: it was begun as one. */
export type CircuitOutcome = { readonly receiver: string } & (
  | { readonly type: "failed" | "succeeded"; readonly probe: boolean }
  /** A probe that says nothing; the next one may come after `waitMs`. */
  | { readonly type: "gave_up"; readonly waitMs: number }
);

/** Of a probe that came to nothing: its receiver was not reached, or said nothing that counts. `waitMs`: what it asked for. */
export const gaveUp = (receiver: string, waitMs = 0): CircuitOutcome => ({ receiver, type: "gave_up", waitMs });

/**
 * Ends that are of our own making, and say nothing of the receiver: refused by policy, not sent at all, or this machine had no
 * name server, no network, no descriptor or no port to call with.
 */
const ours =
  /^(blocked|not sent in time|shut down|request not valid|host name could not be looked up|network unreachable|EMFILE|ENFILE|ENOBUFS|EADDRNOTAVAIL)/;

/**
 * No connection, no answer in time and 5xx are failures; any other answer is a success. An answer that says when to come
 * again is neither: the receiver is there, and has asked for a pause. Null: it counts as nothing.
 */
export function verdictOf({ status, retryAfter, error }: CallEnd, now: Date): "failed" | "succeeded" | null {
  if (status === null) return ours.test(error ?? "") ? null : "failed";
  if (retryAfterMs(retryAfter, now) !== null) return null;
  return status >= 500 ? "failed" : "succeeded";
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
