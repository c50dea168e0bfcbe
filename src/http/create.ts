// POST /task without a transport: from a body to the answer, for HTTP and for `baton.batch.create` alike.
// One transaction or nothing. The same request sent again makes a second batch, unless both have the same key: then the
// second gets the first one's answer, made again from its body and from what was kept of the first.
import { createHash } from "node:crypto";
import type { CommandPublisher } from "#bus/commands/publisher";
import { headers as names } from "#bus/subjects";
import { limits } from "#config";
import { byNats } from "#domain/actor";
import { keyReused } from "#domain/command";
import { type AskedPlan, type BatchPlan, firstDelayMs, isNothing, levelsOf, planBatch } from "#domain/create/batch";
import { hasDedupe, locksOf, omittedOf, probesOf } from "#domain/create/dedupe";
import { Faults } from "#domain/faults";
import { type NewBatch, readBatch } from "#domain/schema/batch";
import { masked, wholeTask } from "#domain/task";
import { canonicalJson, parseJson } from "#domain/values/json";
import { uuidv7 } from "#domain/values/uuid";
import { mayOperate } from "#http/auth";
import { type Reply, refusal, reply, replyOf } from "#http/errors";
import type { Asking } from "#http/large/messages";
import { once } from "#http/once";
import { type Deps, readKey } from "#http/route";
import { batchLimits, fullness, type Limited } from "#intake/limits";
import {
  type Asked,
  type CreateKey,
  type Creation,
  type Decide,
  insertBatch,
  insertDeduplicated,
  insertKeyed,
  type Kept,
  probe,
} from "#store/create/create";
import type { Db } from "#store/pg/pool";

export interface CreateDeps extends Limited {
  readonly commands: Pick<CommandPublisher, "notifyWork">;
}

/** POST /task from parsed JSON, as the caller may see it. Takes all that it needs of `sent` before it first waits. */
export async function answerCreate(deps: CreateDeps, sent: Sent, asking: Asking): Promise<Reply> {
  const { isRehearsal, actor, key } = asking;
  return seenBy(asking, await (isRehearsal ? rehearse(deps, sent) : createFrom(deps, sent, actor, key)));
}

/** Creates from a message: the raw bytes of a body. Never throws what a client can cause: that is the answer. Its body may be bytes. */
export async function createBatch(
  deps: CreateDeps & Pick<Deps, "large">,
  rawBody: Uint8Array | string,
  key?: string,
): Promise<Reply> {
  return answerOf(async (faults) => {
    const asking = byMessage(readKey(names.msgId, key, faults));
    if (rawBody.length > limits.largeBodyBytes) return deps.large.create(Buffer.from(rawBody), asking, faults);
    return answerCreate(deps, { body: parseJson(rawBody, "bareTasks", faults), bytes: rawBody.length, faults }, asking);
  });
}

/** Who asks by a message. */
export const byMessage = (key: string | undefined): Asking => ({
  ...{ actor: byNats, role: "operate", isRehearsal: false, key },
});

/** What a client can cause becomes the answer; throws what is a fault of ours. */
export async function answerOf(act: (faults: Faults) => Promise<Reply>): Promise<Reply> {
  try {
    return await act(new Faults());
  } catch (error) {
    const answer = replyOf(error);
    if (answer.status === 500) throw error;
    return answer;
  }
}

/** A body that was parsed from a text of `bytes` length; what is wrong with the call beside it is among `faults` already. */
export interface Sent {
  readonly body: unknown;
  readonly bytes: number;
  readonly faults: Faults;
}

/** The same from parsed JSON. `by`: an actor, who creates it. `key`: a repetition with it gets the first answer. */
async function createFrom(deps: CreateDeps, sent: Sent, by: string, key?: string): Promise<Reply> {
  const sound = readCall(deps, sent);
  if ("status" in sound) return sound;
  const call = { ...sound, by };
  if (key === undefined) {
    await refuseIfFull(deps);
    return announce(deps, call, await insert(deps.db, call));
  }
  return createOnce(
    deps,
    { text: key, hash: hashOf(sent.body) },
    asked(call),
    (hits) => planOf(call, hits),
    (kept) => firstPlan(call.batch, kept),
  );
}

/** Of what was asked under a key: the same for what is equal as JSON. */
export const hashOf = (body: unknown): string => createHash("sha256").update(canonicalJson(body)).digest("base64url");

/** A batch that was created under a key. */
export type Made = Kept & { readonly batchId: string };

/** The answer of a rerun that has nothing to take. */
export const nothing = reply(204, undefined);

/** Creates what is planned, unless its key stands for a creation already: then that one is planned `again`, and answered. */
export function createOnce(
  deps: CreateDeps,
  key: CreateKey,
  asked: Asked & { readonly tasks: number },
  plan: Decide,
  again: (kept: Made) => BatchPlan,
): Promise<Reply> {
  return once(deps.db, key, async () => {
    const full = await fullness(deps);
    const made = await insertKeyed(deps.db, key, asked, (hits) => {
      // Only now is it known that the key is new: a repetition gets its answer however much there is to do.
      if (full) throw full;
      return plan(hits);
    });
    if (made === "in_flight") return made;
    if ("plan" in made) return announce(deps, asked, made);
    if (made.hash !== key.hash) return usedBefore;
    const { batchId } = made;
    if (batchId === null) return nothing;
    const first = again({ ...made, batchId });
    const named = first.tasks.map((task) => ({ ...task, id: made.tasks[task.pos] as string }));
    return answerTo({ plan: { ...first, tasks: named }, created: made.created });
  });
}

/** Throws while as many tasks are unfinished as there may be. Calls at the same moment may pass together. */
export async function refuseIfFull(deps: Pick<CreateDeps, "config" | "db">): Promise<void> {
  const full = await fullness(deps);
  if (full) throw full;
}

/** What the same call would create. Nothing is written. */
async function rehearse(deps: CreateDeps, sent: Sent): Promise<Reply> {
  const call = readCall(deps, sent);
  if ("status" in call) return call;
  const { batch } = call;
  const omitted = hasDedupe(batch) ? omittedOf(batch, await probe(deps.db, probesOf(batch))) : new Set<number>();
  return rehearsed(planBatch(batch, call.id, call.now, omitted));
}

/** What is planned, for whoever only wants to see it. */
export const rehearsed = (planned: BatchPlan): Reply =>
  reply(200, {
    levels: levelsOf(planned),
    deduplicated: planned.deduplicated,
    rules: planned.specs.flatMap((spec) => spec.rules.map((rule) => ({ id: spec.local_id, rule }))),
    warnings: planned.warnings,
  });

/** A sound call, and who made it. */
interface MadeCall extends Call {
  readonly by: string;
}

/** A sound call. */
interface Call {
  readonly batch: NewBatch;
  readonly id: string;
  readonly now: number;
}

function readCall({ config, policy }: CreateDeps, { body, bytes, faults }: Sent): Call | Reply {
  const now = Date.now();
  const id = uuidv7(now);
  const batch = readBatch(body, bytes, batchLimits({ config, policy }), now, faults);
  if (batch) return { batch, id, now };
  const said = { details: faults.list, faults: faults.faults, more: { batch_id: id } };
  return refusal("validation_failed", "Validation failed", said);
}

async function insert(db: Db, call: MadeCall): Promise<Creation> {
  if (hasDedupe(call.batch)) return insertDeduplicated(db, asked(call), (hits) => planOf(call, hits));
  const planned = { ...planBatch(call.batch, call.id, call.now), createdBy: call.by };
  return { plan: planned, created: await insertBatch(db, planned, call.now) };
}

const asked = ({ batch, now }: Call) => ({
  locks: locksOf(batch),
  probes: probesOf(batch),
  rules: batch.tasks.flatMap(({ rules }) => rules ?? []),
  tasks: batch.tasks.length,
  now,
});

const planOf = ({ batch, id, now, by }: MadeCall, hits: ReadonlySet<string>): AskedPlan => ({
  ...planBatch(batch, id, now, omittedOf(batch, hits)),
  createdBy: by,
});

/** Says what was created to whoever may start it, and to the caller. */
export function announce(deps: Pick<CreateDeps, "commands">, { now }: Pick<Call, "now">, creation: Creation): Reply {
  if (creation.plan.tasks.length > 0) deps.commands.notifyWork(firstDelayMs(creation.plan, now));
  return answerTo(creation);
}

export const usedBefore = refusal("key_reused", keyReused, {
  details: ["Idempotency-Key: was used with another body"],
});

/** What was created under a key: the same body makes the same plan, but for the ids and for what had a twin then. */
function firstPlan(batch: NewBatch, { batchId, tasks, created }: Made): BatchPlan {
  const omitted = new Set([...batch.tasks.keys()].filter((position) => !tasks[position]));
  return planBatch(batch, batchId, created.getTime(), omitted);
}

/** What was created, or had been, as it is answered. */
export function answerTo({ plan, created }: Creation): Reply {
  if (isNothing(plan)) return nothing;
  const headers = { "x-batch-id": plan.id, ...leftOut(plan), ...warned(plan) };
  return plan.tasks.length === 0 ? reply(204, undefined, headers) : reply(201, createdTasks(plan, created), headers);
}

/** An answer with created tasks, as the caller may see it. */
export function seenBy(caller: Parameters<typeof mayOperate>[0], answer: Reply): Reply {
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
const warned = ({ warnings }: BatchPlan) =>
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
