// Tasks and batches of the fake Baton as Baton answers them.
import type { Batch, BatchInput, FirstFailure, Task, TaskAction, TaskStatus } from "../types.ts";
import type { Decider } from "./decider.ts";
import { type Life, retryOf, startOf, timeoutOf } from "./life.ts";
import { timeOf } from "./outbox.ts";

/** What is shown of a batch. */
interface Shown {
  readonly id: string;
  readonly input: BatchInput;
  readonly decider: Decider;
  readonly status: Batch["status"];
  readonly createdAt: number;
  readonly completedAt: number | null;
  readonly deadlineAt: number | null;
  readonly firstFailure: FirstFailure | null;
}

export function taskOf(life: Life, batch: Shown): Task {
  const { id, localId, input, status, attempt, success, failures, readyAt, reason, result } = life;
  return {
    ...{ id, local_id: localId, name: input.name, kind: input.kind, status, attempt, success, failures },
    ...{ timeout: timeoutOf(life), priority: input.priority ?? 0, batch_id: batch.id, failure_reason: reason },
    created_at: timeOf(life.createdAt) as string,
    started_at: timeOf(life.startedAt),
    ended_at: timeOf(life.endedAt),
    last_updated: timeOf(life.lastUpdated) as string,
    expected_count: input.expected_count ?? null,
    dead_end_barrier: input.dead_end_barrier ?? false,
    dead_end: input.dead_end ?? batch.decider.batch.deadEnd,
    join: input.join ?? "all",
    retry: retryOf(life),
    next_retry_at: status === "Retrying" ? timeOf(readyAt) : null,
    run_at: status === "Retrying" ? null : timeOf(readyAt),
    start_kind: startOf(life)?.kind ?? null,
    result: result ?? null,
    max_duration_secs: input.max_duration_secs ?? null,
    expires_secs: input.expires_secs ?? null,
    rules: input.rules ?? [],
    metadata: input.metadata ?? null,
    actions: actionsOf(life),
  };
}

function actionsOf({ input }: Life): TaskAction[] {
  const { on_start, on_success = [], on_failure = [], on_cancel = [] } = input;
  const bare = ({ kind, params }: { kind: TaskAction["kind"]; params?: object | undefined }) => ({
    kind,
    params: (params ?? {}) as TaskAction["params"],
  });
  return [
    ...(on_start ? [{ ...bare(on_start), trigger: "Start" as const }] : []),
    ...on_success.map((one) => ({ ...bare(one), trigger: "End" as const, on: "success" as const })),
    ...on_failure.map((one) => ({ ...bare(one), trigger: "End" as const, on: "failure" as const })),
    ...on_cancel.map((one) => ({ ...bare(one), trigger: "Cancel" as const })),
  ];
}

const states = [
  "Waiting",
  "Pending",
  "Claimed",
  "Running",
  "Retrying",
  "Paused",
  "Success",
  "Failure",
  "Canceled",
  "Skipped",
] as const;

/** How many tasks are in each state, by its name in lower case. */
export function countsOf(lives: Iterable<Life>): Batch["status_counts"] {
  const counts = Object.fromEntries(states.map((state) => [state.toLowerCase(), 0])) as Record<string, number>;
  for (const { status } of lives) counts[status.toLowerCase()] = (counts[status.toLowerCase()] ?? 0) + 1;
  return counts as unknown as Batch["status_counts"];
}

export function batchOf(batch: Shown): Batch {
  const lives = [...batch.decider.lives.values()];
  const sum = (of: (life: Life) => number) => lives.reduce((all, life) => all + of(life), 0);
  const expected = lives.map(({ input }) => input.expected_count);
  const { scope = null, metadata = null } = batch.input;
  return {
    ...{ batch_id: batch.id, status: batch.status, total_tasks: lives.length, scope, metadata },
    total_success: sum(({ success }) => success),
    total_failures: sum(({ failures }) => failures),
    total_expected: expected.some((one) => one === undefined)
      ? null
      : (expected.reduce((a = 0, b = 0) => a + b, 0) ?? null),
    status_counts: countsOf(lives),
    created_at: timeOf(batch.createdAt) as string,
    first_created_at: timeOf(batch.createdAt) as string,
    latest_updated_at: timeOf(Math.max(batch.createdAt, ...lives.map(({ lastUpdated }) => lastUpdated))) as string,
    completed_at: timeOf(batch.completedAt),
    kinds: [...new Set(lives.map(({ input }) => input.kind))].toSorted(),
    ...{ paused: false, open: batch.decider.batch.isOpen, propagating: false, rerun_of: null, schedule: null },
    deadline_at: timeOf(batch.deadlineAt),
    created_by: "anonymous",
    first_failure: batch.firstFailure,
  };
}

/** Of all tasks; what was only canceled as a dead end is left aside. */
export function statusOf(lives: readonly Life[], isComplete: boolean, deadEnds: ReadonlySet<Life>): Batch["status"] {
  if (!isComplete) return "running";
  const has = (status: TaskStatus) => lives.some((life) => life.status === status && !deadEnds.has(life));
  return has("Failure") ? "failure" : has("Canceled") ? "canceled" : "success";
}
