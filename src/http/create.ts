// POST /task without a transport: from a body to the answer, for HTTP and for `baton.batch.create` alike.
// One transaction or nothing; the same request sent again makes a second batch.

import type { Door } from "#bus/door";
import type { Config } from "#config";
import { type BatchPlan, firstDelayMs, levelsOf, planBatch } from "#domain/batch";
import { hasDedupe, kindsToLock, omittedOf, probesOf } from "#domain/dedupe";
import { parseJson } from "#domain/json";
import { type NewBatch, readBatch } from "#domain/schema/batch";
import { Faults } from "#domain/schema/decode";
import { wholeTask } from "#domain/task";
import { uuidv7 } from "#domain/uuid";
import { type Reply, reply, replyOf } from "#http/errors";
import type { Db } from "#store/client";
import { insertBatch, insertDeduplicated, probe } from "#store/create";

export interface CreateDeps {
  readonly config: Pick<Config, "maxTasksPerBatch" | "maxDepsPerTask" | "maxActionsPerTask">;
  readonly db: Db;
  readonly door: Pick<Door, "ring">;
}

/** Creates from the raw bytes of a body. Never throws what a client can cause: that is the answer. */
export async function createBatch(deps: CreateDeps, rawBody: Uint8Array | string): Promise<Reply> {
  try {
    return await createFrom(deps, parseJson(rawBody), rawBody.length);
  } catch (error) {
    const answer = replyOf(error);
    if (answer.status === 500) throw error;
    return answer;
  }
}

/** The same from parsed JSON of a text of `bytes` length. `dryRun`: validate and plan, write nothing. */
export async function createFrom(deps: CreateDeps, body: unknown, bytes: number, dryRun = false): Promise<Reply> {
  const now = Date.now();
  const id = uuidv7(now);
  const faults = new Faults();
  const { maxTasksPerBatch, maxDepsPerTask, maxActionsPerTask } = deps.config;
  const limits = { tasksMax: maxTasksPerBatch, dependenciesMax: maxDepsPerTask, actionsMax: maxActionsPerTask };
  const batch = readBatch(body, bytes, limits, now, faults);
  if (!batch) return reply(400, { error: "Validation failed", batch_id: id, details: faults.list });
  if (dryRun) return rehearse(deps, batch, id, now);
  const { plan, created } = await insert(deps, batch, id, now);
  const headers = { "x-batch-id": id };
  if (plan.tasks.length === 0) return reply(204, undefined, headers);
  deps.door.ring(firstDelayMs(plan, now));
  return reply(201, createdTasks(plan, created), headers);
}

async function insert(deps: CreateDeps, batch: NewBatch, id: string, now: number) {
  if (!hasDedupe(batch)) {
    const plan = planBatch(batch, id, now);
    return { plan, created: await insertBatch(deps.db, plan, now) };
  }
  const asked = { kinds: kindsToLock(batch), probes: probesOf(batch), now };
  return insertDeduplicated(deps.db, asked, (hits) => planBatch(batch, id, now, omittedOf(batch, hits)));
}

async function rehearse(deps: CreateDeps, batch: NewBatch, id: string, now: number): Promise<Reply> {
  const omitted = hasDedupe(batch) ? omittedOf(batch, await probe(deps.db, probesOf(batch))) : new Set<number>();
  const plan = planBatch(batch, id, now, omitted);
  return reply(200, {
    levels: levelsOf(plan),
    deduplicated: batch.tasks.filter((_, position) => omitted.has(position)).map((task) => task.id),
    rules: plan.specs.flatMap((spec) => spec.rules.map((rule) => ({ id: spec.local_id, rule }))),
  });
}

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
      ended_at: null,
      success: 0,
      failures: 0,
      failure_reason: null,
      attempt: 0,
      next_retry_at: null,
      result: null,
    });
  });
}
