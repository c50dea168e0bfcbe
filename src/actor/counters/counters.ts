// Applies counter updates, each exactly once, many in one transaction: they are collected for up to BATCH_FLUSH_INTERVAL_MS. An update
// that was answered 202 counts for the attempt that it was accepted for, also after the task has ended; it is dropped if that attempt
// is over and another one has begun. A message of a client counts if it was stored before the task ended. A transaction that fails
// leaves no trace and is tried again; what the process loses comes again from JetStream.
import { count } from "#actor/counters/count";
import { limits } from "#config";
import type { Judged } from "#domain/counters/count";
import { type CounterItem, isAccepted } from "#domain/counters/messages";
import { Batcher } from "#flow/batcher";
import { untilWritten } from "#store/pg/errors";
import type { Db } from "#store/pg/pool";
import type { Logger } from "#telemetry/log";
import { metrics } from "#telemetry/metrics";

interface Parts {
  readonly db: Db;
  readonly flushMs: number;
  /** Called when counted work may let tasks with rules start. */
  readonly signaled: () => void;
  /** Called after the commit that armed a timer. */
  readonly armed: (at: Date) => void;
  readonly deadLetter: (item: CounterItem, reason: string) => void;
  readonly log: Logger;
}

export class Counters {
  readonly #parts: Parts;
  /** How often the task of a waiting update was locked. */
  readonly #misses = new Map<CounterItem, number>();
  readonly #batches: Batcher<CounterItem>;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#batches = new Batcher({
      max: limits.progressTurnMax,
      lingerMs: parts.flushMs,
      take: (waiting) => this.#take(waiting),
      run: (items) => this.#apply(items),
      lockedMs,
      remedy: untilWritten(retryMs),
      giveUp: (items, error) => {
        for (const item of items) this.#giveUp(item, error);
      },
    });
  }

  put(item: CounterItem): void {
    this.#batches.put(item);
  }

  get size(): number {
    return this.#batches.size;
  }

  /** Resolves when everything put so far is applied. */
  idle(): Promise<void> {
    return this.#batches.idle();
  }

  /** Takes the first updates. Those of a task that was locked too often go by themselves and wait for its lock, so that no other update has to. */
  #take(waiting: CounterItem[]): CounterItem[] {
    const missed = waiting.find((item) => this.#isMissed(item));
    if (missed === undefined) return waiting.splice(0, limits.progressTurnMax);
    const mine = waiting.filter(({ update }) => update.task === missed.update.task).slice(0, limits.progressTurnMax);
    const taken = new Set(mine);
    waiting.splice(0, waiting.length, ...waiting.filter((item) => !taken.has(item)));
    return mine;
  }

  readonly #isMissed = (item: CounterItem): boolean => (this.#misses.get(item) ?? 0) >= limits.counterMissesMax;

  #giveUp(item: CounterItem, err: unknown): void {
    this.#misses.delete(item);
    metrics.poison.add(1);
    metrics.commands.add(1, "progress", "dead_letter");
    this.#parts.deadLetter(item, String(err));
    this.#parts.log.error({ err, ...idsOf(item) }, "a counter update could not be applied");
    item.settle({
      status: 503,
      id: item.update.task,
      error: "The update could not be applied and became a dead letter",
      code: "busy",
    });
  }

  /** Returns the updates whose task is locked. */
  async #apply(items: readonly CounterItem[]): Promise<CounterItem[]> {
    const started = performance.now();
    const waits = items.some(this.#isMissed);
    // If the lock does not come, other updates go next.
    if (waits) for (const item of items) this.#misses.delete(item);
    const { judged, locked, signals, armed } = await this.#parts.db.tx((sql, send) => count(sql, send, items, waits));
    if (signals !== null && (await signals).count > 0) this.#parts.signaled();
    if (armed !== null) this.#parts.armed(armed);
    metrics.turns.add(1, "counters");
    metrics.turnSeconds.observe((performance.now() - started) / 1000, "counters");
    const missed = items.filter(({ update }) => locked.has(update.task));
    for (const item of missed) this.#misses.set(item, (this.#misses.get(item) ?? 0) + 1);
    for (const item of items) if (!locked.has(item.update.task)) this.#settle(item, judged);
    return missed;
  }

  #settle(item: CounterItem, { verdicts }: Judged): void {
    const verdict = verdicts.get(item);
    this.#misses.delete(item);
    if (verdict === undefined) throw new Error("an update was not judged");
    const { answer, outcome } = verdict;
    metrics.commands.add(1, "progress", outcome);
    // The API has answered 202 to it already, so what is refused now is lost.
    if (isAccepted(item) && outcome === "rejected") {
      metrics.countsLost.add(1, whyLost[answer.status] ?? "other");
      this.#parts.log.error({ ...idsOf(item), answer }, "an update that was accepted could not be counted");
    }
    item.settle(answer);
  }
}

/** The fields of an update in the log: its counts, and the id that it would have counted under. */
const idsOf = ({ update, bundle: { id, size }, place }: CounterItem) => ({
  task: update.task,
  update,
  id: size === 1 ? id : `${id}.${place}`,
});

const lockedMs = 5;
const retryMs = 100;
const whyLost: Readonly<Record<number, "sum" | "task" | "key">> = { 400: "sum", 404: "task", 422: "key" };
