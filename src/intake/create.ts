// Creating a batch: from a body to the answer, for HTTP and for `baton.batch.create` alike.
// One transaction or nothing. The same request sent again makes a second batch, unless both have the same key: then the
// second gets the first one's answer, made again from its body and from what was kept of the first.
import { createHash } from "node:crypto";
import type { CommandPublisher } from "#bus/commands/publisher";
import { type AskedPlan, type BatchPlan, firstDelayMs, planBatch } from "#domain/create/batch";
import { hasDedupe, locksOf, omittedOf, probesOf } from "#domain/create/dedupe";
import type { Faults } from "#domain/faults";
import { type NewBatch, readBatch } from "#domain/schema/batch";
import { canonicalJson } from "#domain/values/json";
import { uuidv7 } from "#domain/values/uuid";
import { answerTo, nothing, rehearsed, seenBy, usedBefore } from "#intake/created";
import type { Asking } from "#intake/large/messages";
import { batchLimits, fullness, type Limited } from "#intake/limits";
import { once } from "#intake/once";
import { invalid, type Reply } from "#intake/reply";
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
  readonly commands: Pick<CommandPublisher, "notifyClaims">;
}

/** POST /task from parsed JSON, as the caller may see it. Takes all that it needs of `sent` before it first waits. */
export async function answerCreate(deps: CreateDeps, sent: Sent, asking: Asking): Promise<Reply> {
  const { isRehearsal, actor, key } = asking;
  return seenBy(asking, await (isRehearsal ? rehearse(deps, sent) : createFrom(deps, sent, actor, key)));
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
    // A key belongs to its path.
    { text: `/task ${key}`, hash: hashOf(sent.body) },
    asked(call),
    (hits) => planOf(call, hits),
    (kept) => firstPlan(call.batch, kept),
  );
}

/** Of what was asked under a key: the same for what is equal as JSON. */
export const hashOf = (body: unknown): string => createHash("sha256").update(canonicalJson(body)).digest("base64url");

/** A batch that was created under a key. */
export type Made = Kept & { readonly batchId: string };

/** Creates what is planned, unless its key stands for a creation already: then that one is planned `again`, and answered. */
export function createOnce(
  deps: CreateDeps,
  key: CreateKey,
  asked: Asked,
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
  return invalid(faults, { batch_id: id });
}

async function insert(db: Db, call: MadeCall): Promise<Creation> {
  if (hasDedupe(call.batch)) return insertDeduplicated(db, asked(call), (hits) => planOf(call, hits));
  const planned = { ...planBatch(call.batch, call.id, call.now), createdBy: call.by };
  return { plan: planned, created: await insertBatch(db, planned, call.now) };
}

const asked = ({ batch, id, now }: Call) => ({
  locks: locksOf(batch),
  probes: probesOf(batch),
  rules: batch.tasks.flatMap(({ rules }) => rules ?? []),
  whole: () => planBatch(batch, id, now),
  tasks: batch.tasks.length,
  now,
});

const planOf = ({ batch, id, now, by }: MadeCall, hits: ReadonlySet<string>): AskedPlan => ({
  ...planBatch(batch, id, now, omittedOf(batch, hits)),
  createdBy: by,
});

/** Says what was created to whoever may start it, and to the caller. */
export function announce(deps: Pick<CreateDeps, "commands">, { now }: Pick<Call, "now">, creation: Creation): Reply {
  if (creation.plan.tasks.length > 0) deps.commands.notifyClaims(firstDelayMs(creation.plan, now));
  return answerTo(creation);
}

/** What was created under a key: the same body makes the same plan, but for the ids and for what had a twin then. */
function firstPlan(batch: NewBatch, { batchId, tasks, created }: Made): BatchPlan {
  const omitted = new Set([...batch.tasks.keys()].filter((position) => !tasks[position]));
  return planBatch(batch, batchId, created.getTime(), omitted);
}
