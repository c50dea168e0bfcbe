// Which tasks of a call are left out because one like them exists: in the database, or earlier in the same call.
// Pure: the store is asked about probes, and this decides by its answers.
import type { NewBatch } from "#domain/schema/batch";
import type { NewTask } from "#domain/schema/task";

/** "Is there a task of this kind and status whose metadata has exactly these values?" Equal questions have equal keys. */
export interface Probe {
  readonly key: string;
  readonly kind: string;
  readonly status: string;
  readonly values: Readonly<Record<string, unknown>>;
}

export const hasDedupe = (batch: NewBatch): boolean =>
  batch.tasks.some((task) => (task.dedupe_strategy ?? []).length > 0);

/** Kinds that no other deduplicating call may look at meanwhile: those asked about, and those of the tasks that ask. Sorted. */
export function kindsToLock(batch: NewBatch): string[] {
  const kinds = new Set<string>();
  for (const task of batch.tasks) {
    for (const matcher of task.dedupe_strategy ?? []) kinds.add(matcher.kind).add(task.kind);
  }
  return [...kinds].sort();
}

export function probesOf(batch: NewBatch): Probe[] {
  const probes = new Map<string, Probe>();
  for (const task of batch.tasks) for (const probe of probesOfTask(task)) probes.set(probe.key, probe);
  return [...probes.values()];
}

/** Positions of the tasks to leave out. `hits`: keys of the probes to which the database said yes. */
export function omittedOf(batch: NewBatch, hits: ReadonlySet<string>): Set<number> {
  const omitted = new Set<number>();
  const created = new Map<string, string>();
  const sofar: { task: NewTask; status: string }[] = [];
  for (const [position, task] of batch.tasks.entries()) {
    const twin = probesOfTask(task).some(
      (probe) => hits.has(probe.key) || sofar.some((earlier) => isTwin(earlier, probe)),
    );
    if (twin) {
      omitted.add(position);
      continue;
    }
    const waits = (task.dependencies ?? []).some(({ id }) => created.has(id));
    const status = waits ? "Waiting" : "Pending";
    created.set(task.id, status);
    sofar.push({ task, status });
  }
  return omitted;
}

function isTwin(earlier: { task: NewTask; status: string }, probe: Probe): boolean {
  if (earlier.task.kind !== probe.kind || earlier.status !== probe.status) return false;
  const { metadata } = earlier.task;
  return Object.entries(probe.values).every(
    ([field, value]) => metadata && Object.hasOwn(metadata, field) && canonical(metadata[field]) === canonical(value),
  );
}

/** A matcher whose field the task's own metadata lacks does not apply. */
function probesOfTask(task: NewTask): Probe[] {
  const { metadata } = task;
  if (!metadata) return [];
  return (task.dedupe_strategy ?? []).flatMap(({ kind, status, fields }) => {
    if (!fields.every((field) => Object.hasOwn(metadata, field))) return [];
    const values = Object.fromEntries(fields.map((field) => [field, metadata[field]]));
    return [{ key: canonical([kind, status, values]), kind, status, values }];
  });
}

/** JSON with sorted keys: equal texts for equal values. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
