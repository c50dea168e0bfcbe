// Does the work that turns wrote down, portion by portion: its own process's at once, that of other processes after two seconds
// without progress. It waits for the lock of a batch, which turns skip, and then leaves the batch alone for as long as it held the
// lock, so that the batch's commands get their turns. Answers go out when the last portion is done, and again by another process
// where the first one may not have sent them. A portion that fails is halved; what fails alone too often, one sweep or
// one step, is set aside for a while as a dead letter, and the rest of its batch goes on.
import { maxOf } from "#actor/failures";
import { type Portion, PortionFailed, portion } from "#actor/portions/portion";
import { limits } from "#config";
import type { Answer } from "#domain/command";
import { nameOf, type Part } from "#domain/portions/part";
import { goesOn } from "#domain/propagation/work";
import type { TurnEnv, TurnState } from "#domain/turn/state";
import { isBroken, isLockFault } from "#store/pg/errors";
import type { Db } from "#store/pg/pool";
import { setAside } from "#store/turn/aside";
import { batchesWithWork, dropWorks, type Reply, takeLateReplies, unsentReplies } from "#store/turn/works";
import type { Logger } from "#telemetry/log";
import { metrics } from "#telemetry/metrics";

export interface WorkLoopParts {
  readonly db: Db;
  /** Null until the worker is registered. */
  readonly env: () => TurnEnv | null;
  /** Sends an answer to the inbox of the command; its caller may be gone. */
  readonly reply: (to: string, answer: Answer) => void;
  /** Called after a commit: what it changed for the other loops of this process. */
  readonly follow: (state: TurnState) => void;
  readonly deadLetter: (batch: string, part: Part, reason: string) => void;
  readonly log: Logger;
}

interface Batch {
  /** The next portion does not begin before this time. */
  at: number;
  /** Of a whole portion; halved when one fails. */
  size: number;
  /** In a row: for want of the lock; for other reasons, at the smallest size, and what failed so. */
  locked: number;
  failed: number;
  failing: string;
  /** More work was written down since the portion under way began. */
  again: boolean;
}

const fresh: Batch = { at: 0, size: 1, locked: 0, failed: 0, failing: "", again: false };
const found = 16;
/** One task. */
const smallest = 1 / 512;
const lockPauseMs = 50;
const unregisteredMs = 50;

export class WorkLoop {
  readonly #parts: WorkLoopParts;
  readonly #batches = new Map<string, Batch>();
  #stopped = false;
  #resume: (() => void) | null = null;
  #sweepAt = 0;
  #running: Promise<void> = Promise.resolve();

  constructor(parts: WorkLoopParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Work was written down in these batches. */
  nudge(batches: readonly string[]): void {
    for (const id of batches) {
      const known = this.#batches.get(id);
      if (known === undefined) this.#batches.set(id, { ...fresh });
      else known.again = true;
      // A batch that was set aside is tried again: the new work may go first and succeed.
      if (known !== undefined && known.locked === 0) known.at = Math.min(known.at, performance.now());
    }
    this.#resume?.();
  }

  /** Ends after the portion under way; what is left is taken up by others. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#resume?.();
    await this.#running;
  }

  /** Sends the answers to works that are done, and forgets these. */
  async answer(works: readonly Reply[]): Promise<void> {
    for (const { answer, replies } of works) for (const to of replies) this.#parts.reply(to, answer as Answer);
    try {
      if (works.length > 0) await dropWorks(this.#parts.db, works);
    } catch (error) {
      this.#parts.log.debug({ err: error }, "works that are answered are dropped later");
    }
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const env = this.#parts.env();
      if (env !== null && performance.now() >= this.#sweepAt) await this.#sweep();
      const next = env === null ? undefined : this.#next();
      if (env !== null && next !== undefined) await this.#serve(env, ...next);
      else await this.#sleep();
    }
  }

  /** The batch whose time came first. */
  #next(): [string, Batch] | undefined {
    const now = performance.now();
    let best: [string, Batch] | undefined;
    for (const one of this.#batches) if (one[1].at <= now && (!best || one[1].at < best[1].at)) best = one;
    return best;
  }

  async #sleep(): Promise<void> {
    const next = Math.min(this.#sweepAt, ...[...this.#batches.values()].map(({ at }) => at));
    // Nothing is done before this worker is registered.
    const least = this.#parts.env() === null ? unregisteredMs : 1;
    const ms = Math.max(least, Math.min(next - performance.now(), limits.portionSweepMs));
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#resume = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#resume = null;
  }

  async #serve(env: TurnEnv, id: string, batch: Batch): Promise<void> {
    const { db, follow, log } = this.#parts;
    let done: Portion | null;
    batch.again = false;
    try {
      // For a batch that was locked just now it waits only briefly, since other batches wait behind it.
      const waitMs = batch.locked > 0 ? limits.batchLockWaitMs : limits.portionLockWaitMs;
      done = await portion(db, env, id, batch.size, waitMs);
    } catch (error) {
      await this.#failed(id, batch, error);
      return;
    }
    metrics.portions.add(1);
    Object.assign(batch, { locked: 0, failed: 0, size: Math.min(1, 2 * batch.size) });
    if (batch.again || done?.isMore === true) batch.at = performance.now() + (done?.heldMs ?? 0);
    else this.#batches.delete(id);
    if (done === null) return;
    metrics.portionSeconds.observe(done.heldMs / 1000);
    for (const event of done.state.events) metrics.transitions.add(1, event.from, event.to);
    follow(done.state);
    if (done.ended.length > 0) void this.answer(done.ended);
    log.debug({ batch: id, heldMs: Math.round(done.heldMs), isMore: done.isMore }, "a portion is done");
  }

  async #failed(id: string, batch: Batch, thrown: unknown): Promise<void> {
    const { log } = this.#parts;
    const [error, part] = thrown instanceof PortionFailed ? [thrown.cause, thrown.part] : [thrown, null];
    const later = (ms: number) => {
      batch.at = performance.now() + Math.min(limits.boxPauseMaxMs, ms) * (0.5 + Math.random() / 2);
    };
    if (isLockFault(error)) return later(lockPauseMs * 2 ** batch.locked++);
    const isSmallest = batch.size <= smallest;
    batch.size = Math.max(smallest, batch.size / 2);
    // Postgres is away, or it took too long.
    if (isBroken(error)) return later(500);
    log.error({ err: error, batch: id, size: batch.size }, "a portion failed");
    if (!isSmallest) return;
    const failing = part === null ? "" : nameOf(part);
    batch.failed = failing === batch.failing ? batch.failed + 1 : 1;
    batch.failing = failing;
    if (part === null || batch.failed < maxOf(error)) return later(lockPauseMs * 2 ** batch.failed);
    batch.failed = 0;
    await this.#setAside(id, part, String(error));
  }

  /** Whoever waits for it is answered; after the pause some process tries again. */
  async #setAside(id: string, part: Part, reason: string): Promise<void> {
    const { db, log, reply, deadLetter } = this.#parts;
    const times = { forMs: limits.portionAsideMs, waitMs: limits.portionLockWaitMs };
    try {
      const aside = await setAside(db, id, { part, reason, ...times });
      if (aside === null) return;
      log.error({ batch: id, part: nameOf(part), reason }, "work in portions is set aside");
      for (const to of aside.replies) reply(to, notDone(id));
      if (!aside.isFirst) return;
      metrics.poison.add(1);
      deadLetter(id, part, reason);
    } catch (error) {
      log.warn({ err: error, batch: id, part: nameOf(part) }, "work in portions could not be set aside");
    }
  }

  /** Takes up what other processes left: work without progress, answers that were not sent, and callers that get their 202 now. */
  async #sweep(): Promise<void> {
    const { db, log } = this.#parts;
    this.#sweepAt = performance.now() + limits.portionSweepMs;
    try {
      this.nudge(await batchesWithWork(db, [...this.#batches.keys()], limits.portionIdleMs, found));
      await this.answer(await unsentReplies(db, limits.portionIdleMs, found));
      for (const { to, answer } of await takeLateReplies(db, limits.commandDeadlineMs))
        this.#parts.reply(to, goesOn(answer as Answer));
    } catch (error) {
      log.debug({ err: error }, "work in portions could not be looked for");
    }
  }
}

const notDone = (id: string): Answer => ({
  status: 503,
  id,
  error: "What follows from the command could not be done yet and is tried again each minute",
  code: "busy",
});
