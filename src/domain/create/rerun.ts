// Plans the rerun of a batch that has ended: a new batch of the tasks that were picked, as they are kept now, under new ids.
// Pure. Their links are not among what it plans: they are copied from the first batch where the plan is written.
import { actsOf, queueTimeoutOf, receiverOf } from "#domain/action";
import { type BatchPlan, begun, type PlannedTask } from "#domain/create/batch";
import type { DefinedTask } from "#domain/create/definition";
import type { EndedTask, Picked, RerunPick } from "#domain/create/rerun-pick";
import type { PlannedSpec } from "#domain/create/spec";
import { rerunSources, type Sources } from "#domain/inputs/sources";
import { uuidv7 } from "#domain/values/uuid";

/** What is kept of a task, as far as a rerun needs it. */
export type KeptTask = EndedTask &
  DefinedTask & {
    /** Of what its inputs are read from, the tasks that are not in its batch. */
    readonly sources: Sources | null;
  };

/** A batch that has ended. Tasks in the order of their creation. */
export interface KeptBatch
  extends Pick<BatchPlan, "scope" | "metadata" | "onComplete" | "paused" | "deadlineSecs" | "deadEnd"> {
  readonly id: string;
  readonly tasks: readonly KeptTask[];
}

/**
 * `pick`: has heard all links. `id`: of the new batch; `now`: wall clock in ms. Counters, attempts and results begin anew.
 * Dedupe is kept and not applied: to run again is what was asked for. `run_at` is kept while it is ahead, a delay as it was sent.
 */
export function planRerun(
  batch: KeptBatch,
  { picked, links }: Pick<RerunPick, "picked" | "links">,
  { id, now }: { readonly id: string; readonly now: number },
): BatchPlan {
  // Tasks that were added later were counted from 0 again: their places are counted on.
  const again = batch.tasks.flatMap((kept, pos) => (picked.has(kept.id) ? [{ ...kept, pos }] : []));
  const leftOut = new Map(batch.tasks.flatMap((kept) => (picked.has(kept.id) ? [] : [[kept.id, kept.local_id]])));
  const idOf = new Map([...leftOut].map(([id, name]) => [name, id]));
  const specs = again.map((kept) => {
    const parents = (picked.get(kept.id) as Picked).leftOut.map((id) => [leftOut.get(id) as string, id] as const);
    const sources = rerunSources(kept, (name) => idOf.get(name), parents);
    return { ...copySpec(kept, uuidv7(now), id), ...(sources === null ? {} : { sources }) };
  });
  // Ranks without gaps: sweeps go by them up to the number of tasks, and added tasks go on from there.
  const places = again.map(({ id }) => (picked.get(id) as Picked).place).sort((a, b) => a - b);
  const rankOf = new Map(places.map((place, rank) => [place, rank]));
  const tasks = again.map((kept, i) => {
    const pick = picked.get(kept.id) as Picked;
    return copyTask(kept, batch, specs[i] as PlannedSpec, { ...pick, place: rankOf.get(pick.place) as number }, now);
  });
  const ids = new Map(again.map((kept, i) => [kept.id, (specs[i] as PlannedSpec).id]));
  const { scope, metadata, onComplete, paused, deadlineSecs = null, deadEnd } = batch;
  const said = { deduplicated: [], warnings: [] };
  const of = { id, rerunOf: batch.id, scope, metadata, onComplete, paused, deadlineSecs, deadEnd };
  return { ...of, ...said, tasks, specs, links: [], copied: { ids, links } };
}

function copySpec(kept: KeptTask, id: string, batch_id: string): PlannedSpec {
  const { local_id, name, metadata, rules, dedupe, paused, delay_secs, start_action, actions } = kept;
  // What a service answered to the start call was how to cancel that call; the next one has its own answer.
  const own = actions.filter((action) => action.trigger === "End" || action.answered !== true);
  return { id, batch_id, local_id, name, metadata, rules, dedupe, paused, delay_secs, start_action, actions: own };
}

function copyTask(
  kept: KeptTask & { readonly pos: number },
  batch: KeptBatch,
  spec: PlannedSpec,
  { waits, lost, place, children }: Picked,
  now: number,
): PlannedTask {
  const { pos, kind, priority, expected_count, timeout, retry, delay_secs, run_at } = kept;
  const { dead_end_barrier, dead_end_keep, joins_any, max_duration_secs, expires_secs } = kept;
  return {
    id: spec.id,
    batch_id: spec.batch_id,
    pos,
    rank: place,
    ...begun(waits, spec, batch),
    ...(lost === null ? {} : { lost }),
    kind,
    priority,
    receiver: receiverOf(spec.start_action),
    children,
    expected_count,
    timeout,
    max_duration_secs,
    expires_secs,
    queue_timeout_secs: queueTimeoutOf(spec.start_action),
    retry,
    acts: actsOf(spec.start_action, spec.actions),
    dead_end_barrier,
    dead_end_keep,
    joins_any,
    // Of a delay that was sent, `run_at` is only the time that it led to.
    run_at: delay_secs === null && run_at !== null && run_at.getTime() > now ? run_at.toISOString() : null,
    delay_secs,
  };
}
