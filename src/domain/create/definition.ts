// A batch as a call that makes it again: what is kept of its tasks, in the words in which tasks are sent. Pure.
import type { Action, LaterAction, StartAction } from "#domain/action";
import type { PlannedLink, PlannedTask } from "#domain/create/batch";
import type { PlannedSpec } from "#domain/create/spec";
import { withoutInputs } from "#domain/inputs/sources";
import type { DeadEnd } from "#domain/propagation/edges";

/** What is kept of a task, as far as it was sent. */
export interface DefinedTask
  extends Pick<PlannedTask, "kind" | "priority" | "expected_count" | "timeout" | "retry">,
    Pick<PlannedTask, "dead_end_barrier" | "dead_end_keep" | "joins_any" | "delay_secs">,
    Pick<PlannedTask, "max_duration_secs" | "expires_secs">,
    Pick<PlannedSpec, "id" | "local_id" | "name" | "metadata" | "rules" | "dedupe" | "paused"> {
  /** Of a delay that was sent, only the time that it led to. */
  readonly run_at: Date | null;
  readonly start_action: StartAction | null;
  readonly actions: readonly LaterAction[];
}

/** What holds for the whole batch. */
export interface DefinedBatch {
  readonly scope: string | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly on_complete: readonly Action[];
  readonly paused: boolean;
  readonly open: boolean;
  readonly deadline_secs: number | null;
  readonly dead_end: DeadEnd | null;
}

export type Sent = Readonly<Record<string, unknown>>;

/** The members of the call beside `tasks`; those that say nothing are left out. */
export const sentBatch = ({
  scope,
  metadata,
  on_complete,
  paused,
  open,
  deadline_secs,
  dead_end,
}: DefinedBatch): Sent =>
  withoutEmpty({
    ...{ on_batch_complete: on_complete, scope, metadata, paused, open, deadline_secs, dead_end },
  });

/**
 * `links`: those to its parents, whose local ids `nameOf` gives. A parent that was deduplicated has no link, so the task does not wait for
 * it. A time that has passed is left out: it would mean now.
 */
export function sentTask(
  task: DefinedTask,
  { dead_end: preset }: Pick<DefinedBatch, "dead_end">,
  links: readonly Pick<PlannedLink, "parent_id" | "requires_success" | "condition">[],
  nameOf: (id: string) => string,
  now: Date,
): Sent {
  const { local_id: id, name, kind, timeout, delay_secs, run_at, dead_end_keep, joins_any } = task;
  const own = dead_end_keep ? "keep" : "cancel";
  const of = (trigger: "success" | "failure" | "cancel") => task.actions.filter((one) => isOf(one, trigger)).map(bare);
  return {
    ...{ id, name, kind, timeout },
    ...withoutEmpty({
      ...{ max_duration_secs: task.max_duration_secs, expires_secs: task.expires_secs, metadata: task.metadata },
      on_start: task.start_action,
      ...{ on_success: of("success"), on_failure: of("failure"), on_cancel: of("cancel") },
      dependencies: links.map(({ parent_id, requires_success, condition }) => ({
        id: nameOf(parent_id),
        ...(requires_success === null ? {} : { requires_success }),
        ...(condition === null ? {} : { condition }),
      })),
      ...{ rules: task.rules, join: joins_any ? "any" : null, dedupe_strategy: task.dedupe },
      ...{ expected_count: task.expected_count, priority: task.priority === 0 ? null : task.priority },
      ...{ dead_end_barrier: task.dead_end_barrier, paused: task.paused },
      dead_end: own === (preset ?? "cancel") ? null : own,
      retry: task.retry,
      run_at: delay_secs === null && run_at !== null && run_at > now ? run_at.toISOString() : null,
      delay_secs,
    }),
  };
}

/** The same tasks, as `sentTask` gives them, without these inputs, each by the place of its task. */
export function withoutOrphans(
  tasks: readonly Sent[],
  orphans: readonly (readonly [place: number, input: string])[],
): Sent[] {
  const inputs = Map.groupBy(orphans, ([place]) => place);
  return tasks.map((task, place) => {
    const gone = new Set(inputs.get(place)?.map(([, input]) => input));
    if (gone.size === 0) return task;
    return { ...task, on_start: withoutInputs(task.on_start as StartAction, (input) => gone.has(input)) };
  });
}

/** What a service answered to a start call is about that call alone. */
function isOf(action: LaterAction, wanted: "success" | "failure" | "cancel"): boolean {
  if (action.trigger === "Cancel") return wanted === "cancel" && action.answered !== true;
  return action.on === wanted;
}

const bare = ({ kind, params }: LaterAction) => ({ kind, params });

/** Without what is as if it were left out. */
const withoutEmpty = (fields: Sent): Sent =>
  Object.fromEntries(
    Object.entries(fields).filter(
      ([, value]) => value !== null && value !== false && !(Array.isArray(value) && value.length === 0),
    ),
  );
