// POST /task without a transport: from a body to the answer, for HTTP and for `baton.batch.create` alike.
// One transaction or nothing. The same request sent again makes a second batch, unless both have the same key: then the
// second gets the first one's answer, made again from its body and from what was kept of the first.
import { createHash } from "node:crypto";
import type { Door } from "#bus/door";
import { headers as names } from "#bus/subjects";
import type { Config } from "#config";
import { type BatchPlan, firstDelayMs, levelsOf, planBatch } from "#domain/batch";
import { hasDedupe, kindsToLock, omittedOf, probesOf } from "#domain/dedupe";
import { TooMany } from "#domain/errors";
import type { Policy } from "#domain/guard";
import { parseExactJson } from "#domain/json";
import { type NewBatch, readBatch } from "#domain/schema/batch";
import { Faults } from "#domain/schema/decode";
import { createdTask } from "#domain/task";
import { uuidv7 } from "#domain/uuid";
import { type Reply, reply, replyOf } from "#http/errors";
import { once } from "#http/once";
import { readKey } from "#http/route";
import type { Db } from "#store/client";
import {
  type Asked,
  type CreateKey,
  type Creation,
  countUnfinished,
  type Decide,
  insertBatch,
  insertDeduplicated,
  insertKeyed,
  type Kept,
  probe,
} from "#store/create";

export interface CreateDeps {
  readonly config: Pick<Config, "maxTasksPerBatch" | "maxDepsPerTask" | "maxActionsPerTask" | "maxUnfinishedTasks">;
  readonly policy: Policy;
  readonly db: Db;
  readonly door: Pick<Door, "ring">;
}

/** Creates from a message: the raw bytes of a body. Never throws what a client can cause: that is the answer. */
export async function createBatch(deps: CreateDeps, rawBody: Uint8Array | string, key?: string): Promise<Reply> {
  try {
    return await createFrom(deps, parseExactJson(rawBody), rawBody.length, readKey(names.msgId, key));
  } catch (error) {
    const answer = replyOf(error);
    if (answer.status === 500) throw error;
    return answer;
  }
}

/** The same from parsed JSON of a text of `bytes` length. `key`: a repetition with it gets the first answer. */
export async function createFrom(deps: CreateDeps, body: unknown, bytes: number, key?: string): Promise<Reply> {
  const call = readCall(deps, body, bytes);
  if ("status" in call) return call;
  if (key === undefined) {
    await refuseIfFull(deps);
    return announce(deps, call, await insert(deps.db, call));
  }
  return createOnce(
    deps,
    { text: key, hash: hashOf(body) },
    asked(call),
    (hits) => planOf(call, hits),
    (kept) => firstPlan(call.batch, kept),
  );
}

/** Of what was asked under a key, as JSON. */
export const hashOf = (body: unknown): string => createHash("sha256").update(JSON.stringify(body)).digest("base64url");

/** Creates what is planned, unless its key stands for a creation already: then that one is planned `again`, and answered. */
export function createOnce(
  deps: CreateDeps,
  key: CreateKey,
  asked: Asked & { readonly tasks: number },
  plan: Decide,
  again: (kept: Kept) => BatchPlan,
): Promise<Reply> {
  return once(deps.db, key, async () => {
    const full = await fullness(deps);
    const made = await insertKeyed(deps.db, key, asked, (hits) => {
      // Only now is it known that the key is new: a repetition gets its answer however much there is to do.
      if (full) throw full;
      return plan(hits);
    });
    if (made === "busy") return made;
    if ("plan" in made) return announce(deps, asked, made);
    if (made.hash !== key.hash) return usedBefore;
    const first = again(made);
    const named = first.tasks.map((task) => ({ ...task, id: made.tasks[task.pos] as string }));
    return answerTo({ plan: { ...first, tasks: named }, created: made.created });
  });
}

/** Throws while as many tasks are unfinished as there may be. Calls at the same moment may pass together. */
export async function refuseIfFull(deps: Pick<CreateDeps, "config" | "db">): Promise<void> {
  const full = await fullness(deps);
  if (full) throw full;
}

async function fullness({ config, db }: Pick<CreateDeps, "config" | "db">): Promise<TooMany | undefined> {
  const max = config.maxUnfinishedTasks;
  const n = max === 0 ? 0 : await countUnfinished(db);
  return max === 0 || n < max
    ? undefined
    : new TooMany("Too many tasks are unfinished", [`tasks: ${n} are unfinished, the limit is ${max}`]);
}

/** What the same call would create. Nothing is written. */
export async function rehearse(deps: CreateDeps, body: unknown, bytes: number): Promise<Reply> {
  const call = readCall(deps, body, bytes);
  if ("status" in call) return call;
  const { batch } = call;
  const omitted = hasDedupe(batch) ? omittedOf(batch, await probe(deps.db, probesOf(batch))) : new Set<number>();
  const planned = planBatch(batch, call.id, call.now, omitted);
  return reply(200, {
    levels: levelsOf(planned),
    deduplicated: batch.tasks.filter((_, position) => omitted.has(position)).map((task) => task.id),
    rules: planned.specs.flatMap((spec) => spec.rules.map((rule) => ({ id: spec.local_id, rule }))),
  });
}

/** A sound call. */
interface Call {
  readonly batch: NewBatch;
  readonly id: string;
  readonly now: number;
}

function readCall({ config, policy }: CreateDeps, body: unknown, bytes: number): Call | Reply {
  const now = Date.now();
  const id = uuidv7(now);
  const faults = new Faults();
  const { maxTasksPerBatch, maxDepsPerTask, maxActionsPerTask } = config;
  const limits = { tasksMax: maxTasksPerBatch, dependenciesMax: maxDepsPerTask, actionsMax: maxActionsPerTask, policy };
  const batch = readBatch(body, bytes, limits, now, faults);
  return batch ? { batch, id, now } : reply(400, { error: "Validation failed", batch_id: id, details: faults.list });
}

async function insert(db: Db, call: Call): Promise<Creation> {
  if (hasDedupe(call.batch)) return insertDeduplicated(db, asked(call), (hits) => planOf(call, hits));
  const planned = planBatch(call.batch, call.id, call.now);
  return { plan: planned, created: await insertBatch(db, planned, call.now) };
}

const asked = ({ batch, now }: Call) => ({
  kinds: kindsToLock(batch),
  probes: probesOf(batch),
  rules: batch.tasks.flatMap(({ rules }) => rules ?? []),
  tasks: batch.tasks.length,
  now,
});

const planOf = ({ batch, id, now }: Call, hits: ReadonlySet<string>): BatchPlan =>
  planBatch(batch, id, now, omittedOf(batch, hits));

/** Says what was created to whoever may start it, and to the caller. */
export function announce(deps: Pick<CreateDeps, "door">, { now }: Pick<Call, "now">, creation: Creation): Reply {
  if (creation.plan.tasks.length > 0) deps.door.ring(firstDelayMs(creation.plan, now));
  return answerTo(creation);
}

const usedBefore = reply(422, {
  error: "This idempotency key was used with another request",
  details: ["Idempotency-Key: was used with another body"],
});

/** What was created under a key: the same body makes the same plan, but for the ids and for what had a twin then. */
function firstPlan(batch: NewBatch, { batchId, tasks, created }: Kept): BatchPlan {
  const omitted = new Set([...batch.tasks.keys()].filter((position) => !tasks[position]));
  return planBatch(batch, batchId, created.getTime(), omitted);
}

function answerTo({ plan, created }: Creation): Reply {
  const headers = { "x-batch-id": plan.id };
  return plan.tasks.length === 0 ? reply(204, undefined, headers) : reply(201, createdTasks(plan, created), headers);
}

/** What a GET of each would answer now, without asking the database. */
function createdTasks(plan: BatchPlan, created: Date) {
  return plan.tasks.map((task, i) => {
    const spec = plan.specs[i] as BatchPlan["specs"][number];
    const delayed = task.delay_secs === null ? null : new Date(created.getTime() + task.delay_secs * 1000);
    return createdTask({
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
