// A rerun for a bulk operation, made as the API makes it, in the worker that is at the operation. The key is that of the operation
// and the batch: where a worker died, the next one gets the answer of the first rerun. No client can send it: theirs begin with a path.
import { actorOfBulk } from "#domain/bulk";
import type { Answer } from "#domain/command";
import { BatonError, type ErrorCode } from "#domain/errors";
import type { CreateDeps } from "#intake/create";
import type { LargeCalls } from "#intake/large/calls";
import { rerunAny } from "#intake/rerun";
import { isTransient } from "#store/pg/errors";
import type { Logger } from "#telemetry/log";

type RerunDeps = CreateDeps & { readonly large: LargeCalls; readonly log: Logger };

/** Null: it cannot be known now, and repeating is safe. */
export async function rerunFor(
  { log, ...deps }: RerunDeps,
  bulk: string,
  batch: string,
): Promise<Pick<Answer, "status" | "code"> | null> {
  const actor = actorOfBulk(bulk);
  const ask = { only: "failed", dependents: false, from: null } as const;
  try {
    const { status, body } = await rerunAny(deps, { source: batch, ask, actor, key: `${actor}:${batch}` });
    const code = status < 300 ? undefined : codeIn(body);
    return isForNow(status, code) ? null : { status, ...(code === undefined ? {} : { code }) };
  } catch (error) {
    if (isTransient(error) || (error instanceof BatonError && error.retryable)) return null;
    if (error instanceof BatonError) return { status: error.status, code: error.code };
    log.error({ err: error, batch, bulk }, "a batch could not be run again for a bulk operation");
    return { status: 500, code: "internal" };
  }
}

/** What the thread for large batches answers is printed already. */
const codeIn = (body: unknown): ErrorCode | undefined =>
  ((Buffer.isBuffer(body) ? JSON.parse(String(body)) : body) as { readonly code?: ErrorCode } | undefined)?.code;

/** The thread answers what is thrown here: that Postgres is away, or that too many tasks are unfinished. */
const isForNow = (status: number, code: ErrorCode | undefined): boolean =>
  status === 429 || status === 503 || code === "key_in_flight";
