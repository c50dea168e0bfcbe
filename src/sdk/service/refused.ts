// What becomes known of calls that a service refuses, and of reports that Baton refuses. Their sender sees the answer alone, so without this
// nobody at the service hears that, say, its secret is not Baton's, or that its handles lost their signature.
import { BatonRefused } from "../exchange.ts";
import { type CallHeaders, headerOf } from "../verify.ts";

/** A call or message that was refused. Nothing of it is proven: its path and key may be anything. */
export interface Refused {
  /** What is wrong with it, for people. */
  readonly reason: string;
  /** The path of the call; the subject of a message. */
  readonly path: string;
  /** Its `Idempotency-Key`, at most 200 characters; empty where it has none. */
  readonly key: string;
}

export type OnRefused = (refused: Refused) => void;

export const unsigned = "unsigned: does Baton have WEBHOOK_SIGNING_SECRET?";
const charsMax = 200;

/** Whether it has not one header of a signature. */
export const isUnsigned = (headers: CallHeaders): boolean =>
  ["webhook-id", "webhook-timestamp", "webhook-signature"].every((name) => headerOf(headers, name) === "");

export function refusedOf(reason: string, path: string, key: string): Refused {
  return { reason, path: path.slice(0, charsMax), key: key.slice(0, charsMax) };
}

/** A log that fails changes no answer. */
export function heardBy(onRefused: OnRefused): OnRefused {
  return (refused) => {
    try {
      onRefused(refused);
    } catch {}
  };
}

const lineEveryMs = 10_000;

/** One line at most every 10 s on stderr, with how many refusals had none: strangers cannot fill a log. `now` and `write` are for tests. */
export function warnings(now: () => number = Date.now, write: (line: string) => void = console.warn): OnRefused {
  let last = Number.NEGATIVE_INFINITY;
  let unwritten = 0;
  return ({ reason, path }) => {
    if (now() - last < lineEveryMs) {
      unwritten += 1;
      return;
    }
    const before = unwritten === 0 ? "" : ` (and ${unwritten} more since the last such line)`;
    write(`@baton/sdk: refused a call to ${path}: ${reason}${before}`);
    last = now();
    unwritten = 0;
  };
}

/** What is said of errors where `onError` is left out: a refused report, after which its task only times out. What a work throws Baton says. */
export function sayRefusal(error: unknown, { taskId }: { readonly taskId: string }): void {
  if (!(error instanceof BatonRefused)) return;
  console.warn(`@baton/sdk: task ${taskId}: Baton refused (${error.status} ${error.code}): ${error.message}`);
}
