// Does bulk operations, a portion at a time: takes one, sends the commands of single calls to the actor, counts their answers, and
// rests. A portion whose worker died is taken up by another one when its lease is over: it asks the same commands under the same
// ids, so what was decided before gets its first answer and counts once. While there is no operation, it looks now and then.
import { limits } from "#config";
import { type BulkCommand, type BulkOutcome, bulkCommand, bulkOutcome, bulkOutcomes } from "#domain/bulk";
import type { Answer } from "#domain/command";
import {
  type BulkItem,
  clearBulk,
  collectBulk,
  countBulk,
  leaveBulk,
  renewBulk,
  type TakenBulk,
  takeBulk,
} from "#store/bulk/work";
import type { Db } from "#store/pg/pool";
import type { Logger } from "#telemetry/log";
import { metrics } from "#telemetry/metrics";
import { type Loop, loop } from "#timers/loop";

export interface BulkParts {
  readonly db: Db;
  readonly leaseMs: number;
  /** Puts a command to the actor of this process; resolves with its first answer, null: it was dropped. */
  readonly ask: (command: BulkCommand) => Promise<Answer | null>;
  /** Runs a batch again, once for each operation. Null: not now. */
  readonly rerun: (bulk: string, batch: string) => Promise<Pick<Answer, "status" | "code"> | null>;
  readonly log: Logger;
}

export function bulkLoop(parts: BulkParts): Loop {
  const { db, leaseMs, log } = parts;
  return loop("bulk", log, async () => {
    const taken = await takeBulk(db, leaseMs);
    if (taken === null) return limits.bulkSweepMs;
    if (typeof taken === "number") return Math.min(limits.bulkSweepMs, Math.ceil(taken));
    try {
      return await serve(parts, taken);
    } catch (error) {
      await leaveBulk(db, taken, limits.bulkAgainMs);
      throw error;
    }
  });
}

async function serve(parts: BulkParts, taken: TakenBulk): Promise<number> {
  const { db } = parts;
  const { state } = taken.life;
  if (state === "collecting") await collectBulk(db, taken);
  else if (state === "running") return portion(parts, taken);
  else await clearBulk(db, taken);
  return 0;
}

/** Returns how long to wait for the next one. */
async function portion(parts: BulkParts, taken: TakenBulk): Promise<number> {
  const { db, log } = parts;
  const { bulk, items } = taken;
  const began = performance.now();
  const answers = await whileHeld(parts, taken, () => answersTo(parts, taken));
  if (answers === "lost") return 0;
  if (answers === null) {
    await leaveBulk(db, taken, limits.bulkAgainMs);
    return limits.bulkAgainMs;
  }
  const counts: Record<BulkOutcome, number> = { done: 0, skipped: 0, failed: 0 };
  for (const answer of answers) counts[bulkOutcome(answer)]++;
  const tookMs = performance.now() - began;
  const restMs = Math.min(tookMs, limits.bulkRestMaxMs);
  if (!(await countBulk(db, taken, counts, restMs))) return 0;
  for (const outcome of bulkOutcomes) if (counts[outcome] > 0) metrics.bulkItems.add(counts[outcome], outcome);
  log.debug(
    { bulk: bulk.id, items: items.length, ms: Math.round(tookMs), ...counts },
    "a part of a bulk operation is done",
  );
  return restMs;
}

/** Null: some could not be decided now. */
async function answersTo(parts: BulkParts, { bulk, items }: TakenBulk): Promise<Decided[] | null> {
  const one = (item: BulkItem): Promise<Decided | null> => {
    if (item.hasLeft) return Promise.resolve(hasLeft);
    const command = bulkCommand(bulk, item.target);
    return command === null ? parts.rerun(bulk.id, item.target) : parts.ask(command);
  };
  const answers = await inSlices(items, bulk.action === "rerun" ? limits.bulkRerunsAtOnce : items.length, one);
  return answers.every((answer) => answer !== null) ? answers : null;
}

type Decided = Pick<Answer, "status" | "code">;
const hasLeft: Decided = { status: 409, code: "not_in_this_state" };

/** So many at once; after one that gave nothing no more are begun. */
async function inSlices<In, Out>(all: readonly In[], size: number, one: (item: In) => Promise<Out | null>) {
  const found: (Out | null)[] = [];
  for (let from = 0; from < all.length && !found.includes(null); from += size)
    found.push(...(await Promise.all(all.slice(from, from + size).map(one))));
  return found;
}

/** Renews the lease until `work` ends; "lost": another worker has taken the operation up, and asks the same. */
async function whileHeld<T>(
  { db, leaseMs }: BulkParts,
  { bulk }: TakenBulk,
  work: () => Promise<T>,
): Promise<T | "lost"> {
  let timer: NodeJS.Timeout | undefined;
  const lost = new Promise<"lost">((resolve) => {
    timer = setInterval(() => {
      renewBulk(db, bulk, leaseMs).then(
        (isMine) => isMine || resolve("lost"),
        // Without Postgres nobody else takes it up either.
        () => {},
      );
    }, leaseMs / 3);
  });
  return Promise.race([work(), lost]).finally(() => clearInterval(timer));
}
