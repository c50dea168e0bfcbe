// What passes between the server and the thread that makes large batches. All of it is plain data.
import type { Role } from "#domain/actor";
import type { RerunAsk } from "#domain/create/rerun-pick";
import type { Faults } from "#domain/faults";
import type { Target } from "#store/create/grow";

/** Who creates or adds tasks, and how. */
export interface Asking {
  /** As events say it. */
  readonly actor: string;
  readonly role: Role;
  /** Validate and plan only. */
  readonly isRehearsal: boolean;
  readonly key: string | undefined;
}

/** A POST /task from the bytes of its body. */
export interface Create {
  readonly what: "create";
  readonly body: Uint8Array;
  readonly asking: Asking;
  /** Faults of the call beside its body. */
  readonly found: Faults["found"];
}

/** Tasks for a batch that is there, from the bytes of the body. */
export interface Add extends Omit<Create, "what"> {
  readonly what: "add";
  readonly target: Target;
}

/** A rerun of a batch that is there. */
export interface Rerun {
  readonly what: "rerun";
  readonly source: string;
  readonly ask: RerunAsk;
  readonly actor: string;
  /** With the path that a client sent it to. */
  readonly key: string | undefined;
}

/** The batch of a schedule that a person asks for. */
export interface RunOfSchedule {
  readonly what: "run";
  readonly name: string;
  readonly actor: string;
  readonly key: string | undefined;
}

/** What a schedule that is due makes. Its answer is no one's but the caller's: what was made. */
interface MakeOfSchedule {
  readonly what: "make";
  readonly schedule: { readonly id: string; readonly version: number };
}

export type LargeCall = Create | Add | Rerun | RunOfSchedule | MakeOfSchedule;

export type ToThread =
  | { readonly type: "call"; readonly id: number; readonly call: LargeCall }
  | { readonly type: "lent"; readonly id: number }
  /** A connection was not lent, or has to be given back at once. */
  | { readonly type: "refused"; readonly id: number; readonly reason: string };

export type FromThread =
  | {
      readonly type: "answer";
      readonly id: number;
      readonly status: number;
      readonly headers: Readonly<Record<string, string | string[]>>;
      /** JSON; undefined: none. */
      readonly body: Uint8Array | undefined;
    }
  /** A fault of ours: a 500. */
  | { readonly type: "failure"; readonly id: number; readonly message: string; readonly stack: string }
  /** Tasks were created that may be started. */
  | { readonly type: "created"; readonly firstDelayMs: number | undefined }
  | { readonly type: "borrow"; readonly id: number; readonly timeoutMs: number }
  | { readonly type: "opened"; readonly id: number; readonly pid: number }
  | { readonly type: "returned"; readonly id: number };
