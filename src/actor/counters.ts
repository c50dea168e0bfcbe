// Applies counter updates, each exactly once, many in one transaction: they wait for company up to BATCH_FLUSH_INTERVAL_MS.
// What was answered 202 counts whatever became of the task; a message of a client counts if it was stored before the end.
// A turn that fails leaves no trace and is taken again; what the process loses comes again from JetStream.
import { limits } from "#config";
import type { Answer, Progress } from "#domain/command";
import type { Db } from "#store/client";
import { type CountRow, countRows, freshIds, writeCounts } from "#store/counters";
import { isTransient } from "#store/faults";
import { wakeKeysOf } from "#store/holders";
import * as load from "#store/load";
import type { Logger } from "#telemetry/log";
import { metrics } from "#telemetry/metrics";

export interface CounterItem {
  readonly update: Progress;
  /** Counts only if it was stored (ms) before the task ended; null: it was accepted already. */
  readonly storedAt: number | null;
  readonly settle: (answer: Answer | null) => void;
}

interface Parts {
  readonly db: Db;
  readonly flushMs: number;
  /** What was counted may let others start. */
  readonly woken: () => void;
  readonly log: Logger;
}

export class Counters {
  readonly #parts: Parts;
  #waiting: CounterItem[] = [];
  #running: Promise<void> | null = null;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  put(item: CounterItem): void {
    this.#waiting.push(item);
    this.#running ??= this.#run();
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** Resolves when everything put so far is applied. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      if (this.#parts.flushMs > 0) await pause(this.#parts.flushMs);
      await this.#attempt(this.#waiting.splice(0, limits.progressUpdatesMax));
    }
    this.#running = null;
  }

  /** Again what is nobody's fault; where it is an update's own, the batch is halved until that one is alone, and dropped. */
  async #attempt(items: readonly CounterItem[]): Promise<void> {
    const { log } = this.#parts;
    try {
      this.#waiting.push(...(await this.#apply(items)));
    } catch (error) {
      if (isTransient(error)) {
        this.#waiting.unshift(...items);
        await pause(Math.random() * 200);
      } else if (items.length > 1) {
        const half = items.length >> 1;
        await this.#attempt(items.slice(0, half));
        await this.#attempt(items.slice(half));
      } else {
        metrics.poison.add(1);
        log.error({ err: error, update: items[0]?.update }, "a counter update could not be applied");
        items[0]?.settle({ status: 503, id: items[0].update.task, error: "The update could not be applied" });
      }
    }
  }

  /** Returns those whose task is busy. */
  async #apply(items: readonly CounterItem[]): Promise<CounterItem[]> {
    const started = performance.now();
    const { rows, known, fresh, refused, woken } = await this.#parts.db.tx(async (sql, last) => {
      const ids = [...new Set(items.map(({ update }) => update.task))].sort();
      const rows = new Map((await countRows(sql, ids)).map((row) => [row.id, row]));
      const missing = ids.filter((id) => !rows.has(id));
      const known = missing.length > 0 ? await load.batchesOf(sql, missing) : new Map<string, string>();
      const counting = items.filter((item) => countsFor(item, rows.get(item.update.task)));
      const fresh = await freshIds(sql, [...new Set(counting.map(({ update }) => update.id))]);
      const { changed, refused } = fold(counting, rows, new Set(fresh));
      if (changed.length === 0) return { rows, known, fresh, refused, woken: null };
      last(writeCounts(sql, changed));
      const woken = wakeKeysOf(
        sql,
        changed.map(({ id }) => id),
      );
      last(woken);
      return { rows, known, fresh, refused, woken };
    });
    if (woken !== null && (await woken).count > 0) this.#parts.woken();
    metrics.turns.add(1, "counters");
    metrics.turnSeconds.observe((performance.now() - started) / 1000, "counters");
    metrics.commands.add(fresh.size, "progress", "done");
    const busy: CounterItem[] = [];
    for (const item of items) {
      if (known.has(item.update.task)) busy.push(item);
      else if (refused.has(item)) item.settle(tooMuch(item.update.task));
      else item.settle(answerTo(item, rows.get(item.update.task)));
    }
    return busy;
  }
}

function countsFor({ storedAt }: CounterItem, row: CountRow | undefined): boolean {
  if (row === undefined) return false;
  return storedAt === null || row.endedAt === null || storedAt <= row.endedAt.getTime();
}

/** Adds up what has not been counted yet; an update whose sum JSON could not carry is refused as a whole. */
function fold(items: readonly CounterItem[], rows: ReadonlyMap<string, CountRow>, fresh: Set<string>) {
  const changed = new Set<CountRow>();
  const refused = new Set<CounterItem>();
  for (const item of items) {
    const { update } = item;
    const row = rows.get(update.task);
    if (!row || !fresh.delete(update.id)) continue;
    const success = row.success + update.success;
    const failures = row.failures + update.failures;
    if (success > Number.MAX_SAFE_INTEGER || failures > Number.MAX_SAFE_INTEGER) {
      refused.add(item);
      continue;
    }
    row.success = success;
    row.failures = failures;
    changed.add(row);
  }
  return { changed: [...changed], refused };
}

const tooMuch = (id: string): Answer => ({
  status: 400,
  id,
  error: "Validation failed",
  details: ["new_success, new_failures: the sum would exceed 2^53-1"],
});

function answerTo(item: CounterItem, row: CountRow | undefined): Answer {
  const id = item.update.task;
  if (row === undefined) return { status: 404, id, error: "Task not found" };
  if (countsFor(item, row)) return { status: 202, id, state: row.status };
  return {
    status: 409,
    id,
    state: row.status,
    error: `A task that is ${row.status} does not accept progress`,
    allowed: [],
  };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
