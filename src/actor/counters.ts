// Applies counter updates, each exactly once, many in one transaction: they wait for company up to BATCH_FLUSH_INTERVAL_MS.
// What was answered 202 counts whatever became of the task; a message of a client counts if it was stored before the end.
// A turn that fails leaves no trace and is taken again; what the process loses comes again from JetStream.
import type { CounterItem, Judged } from "#actor/count";
import { count } from "#actor/count-turn";
import { limits } from "#config";
import type { Db } from "#store/client";
import { isTransient } from "#store/faults";
import type { Logger } from "#telemetry/log";
import { metrics } from "#telemetry/metrics";

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
  /** How often another transaction held the task of one that waits. */
  readonly #misses = new Map<CounterItem, number>();
  #running: Promise<void> | null = null;
  #full: (() => void) | null = null;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  put(item: CounterItem): void {
    this.#waiting.push(item);
    if (this.#isFull()) this.#full?.();
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
      if (!this.#isFull()) await this.#company();
      const late = this.#misses.entries().find(([, misses]) => misses >= limits.busyTriesMax);
      if (late) await this.#attempt(this.#takeOf(late[0].update.task), true);
      else await this.#attempt(this.#waiting.splice(0, limits.progressTurnMax));
    }
    this.#running = null;
  }

  #isFull(): boolean {
    return this.#waiting.length >= limits.progressTurnMax;
  }

  /** The time is up, or there are as many as one transaction takes. */
  async #company(): Promise<void> {
    if (this.#parts.flushMs === 0) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#parts.flushMs);
      this.#full = resolve;
    });
    clearTimeout(timer);
    this.#full = null;
  }

  /** All that wait for this task: they wait together, and others are next if that is in vain. */
  #takeOf(task: string): CounterItem[] {
    const mine = this.#waiting.filter(({ update }) => update.task === task).slice(0, limits.progressTurnMax);
    const taken = new Set(mine);
    this.#waiting = this.#waiting.filter((item) => !taken.has(item));
    for (const item of mine) this.#misses.delete(item);
    return mine;
  }

  /** Again what is nobody's fault; where it is an update's own, the batch is halved until that one is alone, and dropped. */
  async #attempt(items: readonly CounterItem[], patient = false): Promise<void> {
    try {
      await this.#apply(items, patient);
    } catch (error) {
      if (isTransient(error)) {
        this.#waiting.unshift(...items);
        await pause(Math.random() * 200);
      } else if (items.length > 1) {
        const half = items.length >> 1;
        await this.#attempt(items.slice(0, half), patient);
        await this.#attempt(items.slice(half), patient);
      } else for (const item of items) this.#drop(item, error);
    }
  }

  #drop(item: CounterItem, err: unknown): void {
    this.#misses.delete(item);
    metrics.poison.add(1);
    this.#parts.log.error({ err, ...told(item) }, "a counter update could not be applied");
    item.settle({ status: 503, id: item.update.task, error: "The update could not be applied" });
  }

  async #apply(items: readonly CounterItem[], patient: boolean): Promise<void> {
    const started = performance.now();
    const { judged, busy, woken } = await this.#parts.db.tx((sql, last) => count(sql, last, items, patient));
    if (woken !== null && (await woken).count > 0) this.#parts.woken();
    metrics.turns.add(1, "counters");
    metrics.turnSeconds.observe((performance.now() - started) / 1000, "counters");
    const missed = items.filter(({ update }) => busy.has(update.task));
    for (const item of missed) this.#misses.set(item, (this.#misses.get(item) ?? 0) + 1);
    for (const item of items) if (!busy.has(item.update.task)) this.#settle(item, judged);
    this.#waiting.push(...missed);
    // Nobody but another transaction can change anything about it.
    if (missed.length === items.length) await pause(busyPauseMs);
  }

  #settle(item: CounterItem, { verdicts }: Judged): void {
    const verdict = verdicts.get(item);
    this.#misses.delete(item);
    if (verdict === undefined) throw new Error("an update was not judged");
    const { answer, outcome } = verdict;
    metrics.commands.add(1, "progress", outcome);
    if (item.storedAt === null && outcome === "rejected") {
      metrics.countsLost.add(1, whyLost[answer.status] ?? "other");
      this.#parts.log.error({ ...told(item), answer }, "an update that was accepted could not be counted");
    }
    item.settle(answer);
  }
}

/** What is said of an update in the log: with its counts, and what it would have counted under. */
const told = ({ update, bundle: { id, size }, place }: CounterItem) => ({
  update,
  id: size === 1 ? id : `${id}.${place}`,
});

const busyPauseMs = 5;
const whyLost: Readonly<Record<number, string>> = { 400: "sum", 404: "task", 422: "key" };

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
