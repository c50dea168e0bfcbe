// What a schedule creates: the body of POST /task, read anew by each process, since what is allowed may differ from when it was
// sent. What was read is kept while the schedule is as it was.
import { type BatchPlan, planBatch } from "#domain/create/batch";
import { hasDedupe, locksOf, omittedOf, probesOf } from "#domain/create/dedupe";
import { Faults } from "#domain/faults";
import type { Rule } from "#domain/rules/rule";
import { type NewBatch, readBatch } from "#domain/schema/batch";
import { batchLimits, type Limited } from "#intake/limits";
import { ensureKeyTemplates } from "#store/rules/key-templates";
import { bodiesOf, type Due } from "#store/schedules/due";

/** `undefined`: it cannot be created any more. */
export interface Sound {
  readonly version: number;
  readonly batch: NewBatch | undefined;
  readonly faults: readonly string[];
}

/** Larger ones are read each time. */
const keptBytesMax = 65_536;
const keptMax = 2_000;

export class Bodies {
  readonly #deps: Limited;
  readonly #kept = new Map<string, Sound>();

  constructor(deps: Limited) {
    this.#deps = deps;
  }

  /** Of these schedules, by id; what their rules need is there then. */
  async of(due: readonly Pick<Due, "id" | "version">[]): Promise<ReadonlyMap<string, Sound>> {
    const { db } = this.#deps;
    const found = new Map<string, Sound>();
    const unknown: string[] = [];
    for (const { id, version } of due) {
      const kept = this.#kept.get(id);
      if (kept?.version === version) found.set(id, kept);
      else unknown.push(id);
    }
    if (this.#kept.size > keptMax) this.#kept.clear();
    for (const { id, version, batch, bytes } of unknown.length === 0 ? [] : await bodiesOf(db, unknown)) {
      const sound = { version, ...readBody(this.#deps, batch, bytes) };
      found.set(id, sound);
      if (bytes <= keptBytesMax) this.#kept.set(id, sound);
    }
    const rules = [...found.values()].flatMap(({ batch }) => (batch ? rulesOf(batch) : []));
    if (rules.length > 0) await ensureKeyTemplates(db, rules);
    return found;
  }
}

export function readBody(
  deps: Pick<Limited, "config" | "policy">,
  body: unknown,
  bytes: number,
): Omit<Sound, "version"> {
  const faults = new Faults();
  return { batch: readBatch(body, bytes, batchLimits(deps), Date.now(), faults), faults: faults.list };
}

export const rulesOf = (batch: NewBatch): readonly Rule[] =>
  batch.tasks.flatMap(({ rules }) => (rules ?? []) as Rule[]);

/** What its creation asks the database before it is planned. */
export const askedOf = (batch: NewBatch, now: number) => ({ locks: locksOf(batch), probes: probesOf(batch), now });

/** `hits`: keys of the probes that found a task. */
export const planOf = (batch: NewBatch, id: string, now: number, hits: ReadonlySet<string>): BatchPlan =>
  planBatch(batch, id, now, hasDedupe(batch) ? omittedOf(batch, hits) : undefined);

/** Whether to make one may take long, or wait for others: then it is made in a transaction of its own. */
export const isAlone = (batch: NewBatch, bytes: number): boolean =>
  hasDedupe(batch) ||
  rulesOf(batch).length > 0 ||
  bytes > keptBytesMax ||
  batch.tasks.length > togetherMax ||
  batch.tasks.reduce((n, { dependencies }) => n + (dependencies ?? []).length, 0) > togetherMax;

const togetherMax = 100;
