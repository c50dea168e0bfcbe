// A claim that was committed: what the process that holds it needs to make the start call.
import type { Action } from "#domain/action";
import type { Given } from "#domain/inputs/inputs";

export interface Claimed {
  readonly task: string;
  readonly batch: string;
  readonly kind: string;
  readonly attempt: number;
  /** The fencing token: an outcome under another one is refused. */
  readonly claimId: number;
  /** Its handles name the attempt. */
  readonly hasRetry: boolean;
  readonly timeoutSecs: number;
  /** Scheme, host and port of the call; null where no HTTP call is made. */
  readonly receiver: string | null;
  /** None: the task only joins others. */
  readonly action: Action | null;
  /** Its receiver's circuit is half-open, and this is the call that tries it. */
  readonly isProbe: boolean;
  /** Where its action asks for results of other tasks. */
  readonly inputs?: Given;
  /** A Rate counts it: after this time, by the steady clock of this process, its call may not begin any more. */
  readonly beginByMs: number | null;
}
