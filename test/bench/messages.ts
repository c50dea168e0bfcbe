// What the benchmark's processes tell each other by IPC, and the clock by which they do.

/** What the receiver saw of one run. */
export interface Received {
  readonly starts: number;
  /** Reports answered 200. */
  readonly success: number;
  /** Reports answered otherwise, by what was answered. */
  readonly refused: Readonly<Record<string, number>>;
  /** From a start call's arrival to its report's answer, waiting for a free connection included. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** When the last start call arrived, by `machineMs`. */
  readonly calledAt: number;
}

/** A clock that all processes of one machine share. */
export const machineMs = (): number => Number(process.hrtime.bigint()) / 1e6;

export type ReceiverAsk = { readonly expect: number } | { readonly sofar: true };
export type ReceiverTell =
  | { readonly url: string }
  | { readonly expecting: number }
  | { readonly done: Received }
  | { readonly sofar: Received };

export type FloorApiTell = { readonly url: string };
export type FloorWorkerAsk = { readonly receiver: string; readonly api: string; readonly lives: number };
export type FloorWorkerTell = { readonly ready: true } | { readonly called: number };
