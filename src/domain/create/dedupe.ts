// Which tasks of a call are left out because one like them exists: in the database, or earlier in the same call.
// Pure: the store is asked about probes, and this decides by its answers.

import { beginningOf, type Parent } from "#domain/create/begin";
import type { NewBatch } from "#domain/schema/batch";
import type { NewTask } from "#domain/schema/task";
import { canonicalJson } from "#domain/values/json";

/** "Is there a task of this kind and status whose metadata has exactly these values?" Equal questions have equal keys. */
export interface Probe {
  readonly key: string;
  readonly kind: string;
  readonly status: string;
  readonly values: Readonly<Record<string, unknown>>;
}

export const hasDedupe = (batch: NewBatch): boolean =>
  batch.tasks.some((task) => (task.dedupe_strategy ?? []).length > 0);

/** What a call holds until its tasks are there. Two calls wait for each other where one holds the same key exclusively. */
export interface Lock {
  readonly key: string;
  readonly isExclusive: boolean;
}

/** With more keys a call takes the kinds as a whole: locks are few in Postgres. */
const fineLocksMax = 64;
/** States in which a task may be created: only a look for these can miss the task of a call that is under way. */
const createdStates: ReadonlySet<string> = new Set(["Waiting", "Pending", "Paused"]);

/**
 * The locks of a call, so that of two calls, each of which would leave a task out for the sake of the other's, one sees what
 * the other created. A task holds its kind and every field of its metadata with its value, shared: it does not know by which
 * fields others look. A look holds one of its fields exclusively: whatever task it could find holds that one, too. It takes the
 * one that looks most like an id, which few tasks share: most digits, then longest. A look without fields holds the kind.
 */
export function locksOf(batch: NewBatch): Lock[] {
  if (!hasDedupe(batch)) return [];
  const kinds = new Map<string, boolean>();
  const fine = new Map<string, { readonly kind: string; isExclusive: boolean }>();
  const take = (kind: string, field: string, value: unknown, isExclusive: boolean) => {
    const key = canonicalJson([kind, field, value]);
    fine.set(key, { kind, isExclusive: isExclusive || (fine.get(key)?.isExclusive ?? false) });
  };
  for (const task of batch.tasks) {
    kinds.set(task.kind, kinds.get(task.kind) ?? false);
    for (const [field, value] of Object.entries(task.metadata ?? {})) take(task.kind, field, value, false);
    for (const { kind, status, values } of probesOfTask(task)) {
      if (!createdStates.has(status)) continue;
      const [rarest] = Object.entries(values).sort(byRarity);
      kinds.set(kind, (kinds.get(kind) ?? false) || rarest === undefined);
      if (rarest) take(kind, ...rarest, true);
    }
  }
  if (fine.size > fineLocksMax)
    return [...kinds.keys()].map((kind) => ({ key: canonicalJson([kind]), isExclusive: true }));
  return [
    ...[...kinds].map(([kind, isExclusive]) => ({ key: canonicalJson([kind]), isExclusive })),
    ...[...fine].map(([key, { isExclusive }]) => ({ key, isExclusive })),
  ];
}

type Field = readonly [name: string, value: unknown];
const byRarity = (a: Field, b: Field): number => digits(b) - digits(a) || size(b) - size(a) || (a[0] < b[0] ? -1 : 1);
const size = ([, value]: Field): number => canonicalJson(value).length;
const digits = ([, value]: Field): number => canonicalJson(value).replace(/\D/g, "").length;

/** The probes of each task that has some: one of them that finds a task leaves it out. Tasks that ask the same are one. */
export function probesOf(batch: NewBatch): Probe[][] {
  const asked = batch.tasks.map(probesOfTask).filter((probes) => probes.length > 0);
  return [...new Map(asked.map((probes) => [probes.map(({ key }) => key).join(), probes])).values()];
}

/**
 * Positions of the tasks to leave out. `hits`: keys of the probes to which the database said yes. `named`: tasks of the batch
 * to which these are added, by the ids that the call names.
 */
export function omittedOf(
  batch: NewBatch,
  hits: ReadonlySet<string>,
  named: ReadonlyMap<string, Parent> = new Map(),
): Set<number> {
  const omitted = new Set<number>();
  if (!hasDedupe(batch)) return omitted;
  const created = new Map(named);
  const twins = new Twins(batch);
  for (const [position, task] of batch.tasks.entries()) {
    if (probesOfTask(task).some(({ key }) => hits.has(key) || twins.keys.has(key))) {
      omitted.add(position);
      continue;
    }
    const { waits, loss } = beginningOf(task, (name) => created.get(name));
    const status = loss?.as ?? (task.paused || batch.paused ? "Paused" : waits.status);
    created.set(task.id, { id: task.id, status, endedAt: Number.POSITIVE_INFINITY, rank: position });
    twins.add(task, status);
  }
  return omitted;
}

/** The tasks of a call that come first, by the keys of all probes of the call that find them: no probe looks at each task. */
class Twins {
  readonly keys = new Set<string>();
  /** By kind and status, the sets of fields that some matcher of the call names. */
  readonly #fields = new Map<string, Map<string, readonly string[]>>();

  constructor({ tasks }: NewBatch) {
    for (const { dedupe_strategy } of tasks)
      for (const { kind, status, fields } of dedupe_strategy ?? []) {
        const of = canonicalJson([kind, status]);
        const known = this.#fields.get(of) ?? new Map<string, readonly string[]>();
        this.#fields.set(of, known.set(canonicalJson(fields), fields));
      }
  }

  add({ kind, metadata }: NewTask, status: string): void {
    for (const fields of this.#fields.get(canonicalJson([kind, status]))?.values() ?? []) {
      const probe = probeOf({ kind, status, fields }, metadata ?? {});
      if (probe) this.keys.add(probe.key);
    }
  }
}

type Metadata = Readonly<Record<string, unknown>>;
type Matcher = Pick<Probe, "kind" | "status"> & { readonly fields: readonly string[] };

/** A matcher whose field the task's own metadata lacks does not apply. */
function probesOfTask({ metadata, dedupe_strategy }: NewTask): Probe[] {
  if (!metadata) return [];
  return (dedupe_strategy ?? []).flatMap((matcher) => probeOf(matcher, metadata) ?? []);
}

function probeOf({ kind, status, fields }: Matcher, metadata: Metadata): Probe | undefined {
  if (!fields.every((field) => Object.hasOwn(metadata, field))) return undefined;
  const values = Object.fromEntries(fields.map((field) => [field, metadata[field]]));
  return { key: canonicalJson([kind, status, values]), kind, status, values };
}
