// The cold part of a task, as it was sent: what few turns read. Pure.
import type { Action, LaterAction, StartAction } from "#domain/action";
import type { RetryPolicy } from "#domain/calls/retry";
import { absentSources, type Sources } from "#domain/inputs/sources";
import { tidyAction } from "#domain/schema/action";
import type { NewTask } from "#domain/schema/task";

export interface PlannedSpec {
  readonly id: string;
  readonly batch_id: string;
  readonly local_id: string;
  readonly name: string;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly rules: readonly unknown[];
  readonly dedupe: readonly unknown[];
  readonly start_action: StartAction | null;
  /** As they were sent. */
  readonly paused: boolean;
  readonly delay_secs: number | null;
  readonly actions: readonly LaterAction[];
  /** Of what its inputs are read from, the tasks that are not in the batch: null was deduplicated, an id is of an earlier batch. */
  readonly sources?: Sources;
}

/** `isHere`: whether the batch has a task of this name, or will have. */
export function planSpec(sent: NewTask, id: string, batch_id: string, isHere: (name: string) => boolean): PlannedSpec {
  const actions: LaterAction[] = [];
  for (const action of sent.on_success ?? [])
    actions.push({ ...tidyAction<Action>(action as Action), trigger: "End", on: "success" });
  for (const action of sent.on_failure ?? [])
    actions.push({ ...tidyAction<Action>(action as Action), trigger: "End", on: "failure" });
  for (const action of sent.on_cancel ?? [])
    actions.push({ ...tidyAction<Action>(action as Action), trigger: "Cancel" });
  const start_action = sent.on_start ? tidyAction<StartAction>(sent.on_start as StartAction) : null;
  const sources = absentSources(start_action, sent.dependencies ?? [], isHere);
  return {
    id,
    batch_id,
    local_id: sent.id,
    name: sent.name,
    metadata: sent.metadata ?? null,
    rules: sent.rules ?? [],
    dedupe: sent.dedupe_strategy ?? [],
    delay_secs: sent.delay_secs ?? null,
    start_action,
    actions,
    paused: sent.paused ?? false,
    ...(sources === null ? {} : { sources }),
  };
}

export function planRetry(sent: NewTask["retry"]): RetryPolicy | null {
  if (!sent) return null;
  return {
    max_retries: sent.max_retries,
    initial_delay_secs: sent.initial_delay_secs ?? 5,
    backoff_multiplier: sent.backoff_multiplier ?? 2,
    max_delay_secs: sent.max_delay_secs ?? 300,
    retry_on: sent.retry_on ?? ["timeout", "start_failure", "explicit"],
  };
}
