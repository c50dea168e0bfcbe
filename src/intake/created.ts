// What a creation is answered with: the tasks as a GET of each would show them now, and what was left out or can never start.
import { mayOperate, type Role } from "#domain/actor";
import { keyReused } from "#domain/command";
import { type BatchPlan, isNothing, levelsOf } from "#domain/create/batch";
import { masked, wholeTask } from "#domain/task";
import { type Reply, refusal, reply } from "#intake/reply";
import type { Creation } from "#store/create/create";

/** The answer of a rerun that has nothing to take. */
export const nothing = reply(204, undefined);

/** What is planned, for whoever only wants to see it. */
export const rehearsed = (planned: BatchPlan): Reply =>
  reply(200, {
    levels: levelsOf(planned),
    deduplicated: planned.deduplicated,
    rules: planned.specs.flatMap((spec) => spec.rules.map((rule) => ({ id: spec.local_id, rule }))),
    warnings: planned.warnings,
  });

export const usedBefore = refusal("key_reused", keyReused, {
  details: ["Idempotency-Key: was used with another body"],
});

/** What was created, or had been, as it is answered. */
export function answerTo({ plan, created }: Creation): Reply {
  if (isNothing(plan)) return nothing;
  const headers = { "x-batch-id": plan.id, ...leftOut(plan), ...warned(plan.warnings) };
  return plan.tasks.length === 0 ? reply(204, undefined, headers) : reply(201, createdTasks(plan, created), headers);
}

/** An answer with created tasks, as the caller may see it. */
export function seenBy(caller: { readonly role: Role }, answer: Reply): Reply {
  if (mayOperate(caller) || answer.status !== 201) return answer;
  return { ...answer, body: (answer.body as ReturnType<typeof createdTasks>).map(masked) };
}

const namedMax = 100;
const warningsMax = 10;

const leftOut = ({ deduplicated }: BatchPlan) =>
  deduplicated.length === 0
    ? {}
    : { "baton-deduplicated": deduplicated.slice(0, namedMax).map(encodeURIComponent).join(",") };

/** One header line each. */
export const warned = (warnings: readonly string[]): { "baton-warning"?: string[] } =>
  warnings.length === 0 ? {} : { "baton-warning": warnings.slice(0, warningsMax).map(encodeURIComponent) };

/** What a GET of each would answer now, without asking the database. */
function createdTasks(plan: BatchPlan, created: Date) {
  return plan.tasks.map((task, i) => {
    const spec = plan.specs[i] as BatchPlan["specs"][number];
    const delayed = task.delay_secs === null ? null : new Date(created.getTime() + task.delay_secs * 1000);
    return wholeTask({
      ...spec,
      ...task,
      run_at: task.run_at === null ? delayed : new Date(task.run_at),
      batch_id: plan.id,
      created_at: created,
      last_updated: created,
      started_at: null,
      status: task.lost?.as ?? task.status,
      ended_at: task.lost ? created : null,
      success: 0,
      failures: 0,
      failure_reason: task.lost?.reason ?? null,
      attempt: 0,
      next_retry_at: null,
      result: null,
      start_kind: spec.start_action?.kind ?? null,
    });
  });
}
