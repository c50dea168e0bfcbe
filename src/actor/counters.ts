// Applies counter updates, each exactly once, many in one transaction: they wait for company up to BATCH_FLUSH_INTERVAL_MS.
// What was answered 202 counts whatever became of the task; a message of a client counts if it was stored before the end.
// A turn that fails leaves no trace and is taken again; what the process loses comes again from JetStream.
import { type CounterItem, isInTime, type Judged, judge, type Rows } from "#actor/count";
import { limits } from "#config";
import { countsOf } from "#domain/counts";
import type { Db, Sql } from "#store/client";
import { countedBefore, countRows, forgetIds, keepIds, writeCounts } from "#store/counters";
import { isTransient } from "#store/faults";
import { wakeKeysOf } from "#store/holders";
import * as load from "#store/load";
import type { Logger } from "#telemetry/log";
import { metrics } from "#telemetry/metrics";

interface Parts {
  readonly db: Db;
  readonly flushMs: number;
  /** What was counted may let others start. */
  readonly woken: () => void;
  readonly log: Logger;
}

/** `misses`: how often another transaction held its task. */
type Waiting = CounterItem & { misses: number };

export class Counters {
  readonly #parts: Parts;
  #waiting: Waiting[] = [];
  #running: Promise<void> | null = null;
  #full: (() => void) | null = null;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  put(item: CounterItem): void {
    this.#waiting.push({ ...item, misses: 0 });
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
      const late = this.#waiting.find(({ misses }) => misses >= limits.busyTriesMax);
      if (late) await this.#attempt(this.#takeOf(late.update.task), true);
      else await this.#attempt(this.#waiting.splice(0, limits.progressUpdatesMax));
    }
    this.#running = null;
  }

  #isFull(): boolean {
    return this.#waiting.length >= limits.progressUpdatesMax;
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
  #takeOf(task: string): Waiting[] {
    const mine = this.#waiting.filter(({ update }) => update.task === task).slice(0, limits.progressUpdatesMax);
    const taken = new Set(mine);
    this.#waiting = this.#waiting.filter((item) => !taken.has(item));
    for (const item of mine) item.misses = 0;
    return mine;
  }

  /** Again what is nobody's fault; where it is an update's own, the batch is halved until that one is alone, and dropped. */
  async #attempt(items: readonly Waiting[], patient = false): Promise<void> {
    const { log } = this.#parts;
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
      } else {
        metrics.poison.add(1);
        log.error({ err: error, update: items[0]?.update }, "a counter update could not be applied");
        items[0]?.settle({ status: 503, id: items[0].update.task, error: "The update could not be applied" });
      }
    }
  }

  async #apply(items: readonly Waiting[], patient: boolean): Promise<void> {
    const started = performance.now();
    const { judged, busy, woken } = await this.#parts.db.tx((sql, last) => count(sql, last, items, patient));
    if (woken !== null && (await woken).count > 0) this.#parts.woken();
    metrics.turns.add(1, "counters");
    metrics.turnSeconds.observe((performance.now() - started) / 1000, "counters");
    for (const item of items) if (!busy.has(item.update.task)) this.#settle(item, judged);
    const missed = items.filter(({ update }) => busy.has(update.task));
    for (const item of missed) item.misses++;
    this.#waiting.push(...missed);
    // Nobody but another transaction can change anything about it.
    if (missed.length === items.length) await pause(busyPauseMs);
  }

  #settle(item: Waiting, { verdicts }: Judged): void {
    const verdict = verdicts.get(item);
    if (verdict === undefined) throw new Error("an update was not judged");
    const { answer, outcome } = verdict;
    metrics.commands.add(1, "progress", outcome);
    if (item.storedAt === null && outcome === "rejected") {
      metrics.countsLost.add(1, whyLost[answer.status] ?? "other");
      this.#parts.log.error({ update: item.update, answer }, "an update that was accepted could not be counted");
    }
    item.settle(answer);
  }
}

const busyPauseMs = 5;
const whyLost: Readonly<Record<number, string>> = { 400: "sum", 404: "task", 422: "key" };

/** One transaction: rows first, then ids, then the sums. `busy`: tasks that another one holds. */
async function count(sql: Sql, last: (write: Promise<unknown>) => void, items: readonly Waiting[], patient: boolean) {
  if (patient) await sql.unsafe(`set local lock_timeout = ${limits.patienceMs}`);
  const tasks = [...new Set(items.map(({ update }) => update.task))].sort();
  const rows: Rows = new Map((await countRows(sql, tasks, patient)).map((row) => [row.id, row]));
  const missing = tasks.filter((id) => !rows.has(id));
  const busy = missing.length > 0 ? await load.batchesOf(sql, missing) : new Map<string, string>();
  const known = await know(sql, items, rows);
  const judged = judge(items, rows, known);
  if (judged.refused.length > 0) last(forgetIds(sql, judged.refused));
  if (judged.changed.length === 0) return { judged, busy, woken: null };
  last(writeCounts(sql, judged.changed));
  const woken = wakeKeysOf(
    sql,
    judged.changed.map(({ id }) => id),
  );
  last(woken);
  return { judged, busy, woken };
}

/** Keeps the ids of what is in time, and looks up what is not new. */
async function know(sql: Sql, items: readonly Waiting[], rows: Rows) {
  const here = items.filter(({ update }) => rows.has(update.task));
  const counting = new Map<string, string>();
  for (const item of here) {
    const { update } = item;
    if (isInTime(item, rows.get(update.task)) && !counting.has(update.id)) counting.set(update.id, countsOf(update));
  }
  const ids = [...counting].map(([id, counts]) => ({ id, counts }));
  const stale = ids.length > 0 ? await keepIds(sql, ids) : new Set<string>();
  const isFresh = (id: string) => counting.has(id) && !stale.has(id);
  const others = [...new Set(here.map(({ update }) => update.id))].filter((id) => !isFresh(id));
  return { isFresh, before: others.length > 0 ? await countedBefore(sql, others) : new Map<string, string | null>() };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
