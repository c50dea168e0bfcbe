// Adding tasks to a batch, for HTTP and for `baton.batch.<id>.add` alike: planned under the lock of the
// batch and written in one transaction, so it needs no worker. The same request sent again would find its ids taken, unless
// both have the same key: then the second gets the first one's answer, also when the batch is complete by then.
import { limits } from "#config";
import { refusalToAdd } from "#domain/commands/growth";
import type { BatchPlan } from "#domain/create/batch";
import { locksOf, omittedOf, probesOf } from "#domain/create/dedupe";
import { type Began, planAgain, planGrowth } from "#domain/create/grow";
import { NotFound, type TooMany } from "#domain/errors";
import { Faults } from "#domain/faults";
import { distantOf } from "#domain/inputs/ancestors";
import { type NewBatch, readBatch } from "#domain/schema/batch";
import { type KnownNames, namesIn, takenFaults, tasksIn } from "#domain/schema/dependencies";
import { announce, type CreateDeps, hashOf, type Sent } from "#intake/create";
import { answerTo, rehearsed, seenBy, usedBefore } from "#intake/created";
import type { Asking } from "#intake/large/messages";
import { batchLimits, fullness } from "#intake/limits";
import { once } from "#intake/once";
import { invalid, type Reply, refusal, replyOf } from "#intake/reply";
import {
  type Asked,
  type Decide,
  type Found,
  findKept,
  findNames,
  insertGrowth,
  rehearseGrowth,
  type Target,
} from "#store/create/grow";
import type { CreateKey, Kept } from "#store/create/key";

/** From parsed JSON, as the caller may see it. */
export async function answerAdd(deps: CreateDeps, target: Target, sent: Sent, asking: Asking): Promise<Reply> {
  const { isRehearsal, key } = asking;
  return seenBy(asking, await (isRehearsal ? rehearse(deps, target, sent) : addTasks(deps, target, sent, key)));
}

/** `key`: a repetition with it gets the first answer. */
async function addTasks(deps: CreateDeps, target: Target, sent: Sent, key?: string): Promise<Reply> {
  const own = key === undefined ? undefined : keyFor(target, sent, key);
  const call = await readCall(deps, target, sent);
  if (own === undefined) return "status" in call ? call : add(deps, call, await fullness(deps));
  if ("status" in call) {
    // The first call has taken the ids that this one brings again, or its batch is gone.
    const first = await findKept(deps.db, own.text);
    return first === undefined ? call : repeat(deps, sent, own, first);
  }
  return once(deps.db, own, async () => {
    const full = await fullness(deps);
    const made = await insertGrowth(deps.db, call, decideBy(call, full), own).catch(replyTo);
    if (made === "in_flight" || "status" in made) return made;
    return "plan" in made ? announce(deps, call, made) : repeat(deps, sent, own, made);
  });
}

/** What the same call would add. Nothing is written. */
async function rehearse(deps: CreateDeps, target: Target, sent: Sent): Promise<Reply> {
  const call = await readCall(deps, target, sent);
  if ("status" in call) return call;
  const plan = await rehearseGrowth(deps.db, call, decideBy(call, undefined)).catch(replyTo);
  return "status" in plan ? plan : rehearsed(plan);
}

/** A sound call, but for what only the locks can tell. */
interface Call extends Asked {
  readonly batch: NewBatch;
}

async function readCall(deps: CreateDeps, target: Target, { body, bytes, faults }: Sent): Promise<Call | Reply> {
  const now = Date.now();
  const tasks = tasksIn(body, deps.config.maxTasksPerBatch);
  const asked = namesIn(tasks);
  const known = await findNames(deps.db, target, [...asked.names, ...asked.reads], distantOf(tasks));
  if (known === undefined) return faults.none ? replyOf(unknown(target)) : invalid(faults);
  const batch = readBatch(body, bytes, batchLimits(deps), now, faults, known);
  if (batch === undefined) return invalid(faults);
  const rules = batch.tasks.flatMap(({ rules }) => rules ?? []);
  return { batch, target, into: known.batch, ...asked, locks: locksOf(batch), probes: probesOf(batch), rules, now };
}

async function add(deps: CreateDeps, call: Call, full: TooMany | undefined): Promise<Reply> {
  const made = await insertGrowth(deps.db, call, decideBy(call, full), undefined).catch(replyTo);
  if (made === "in_flight" || "hash" in made) throw new Error("an addition without a key met one with a key");
  return "status" in made ? made : announce(deps, call, made);
}

/** Plans under the locks of the batch; throws the answer where nothing may be added. */
const decideBy =
  ({ batch: sent, target, now }: Call, full: TooMany | undefined): Decide =>
  (found, hits) => {
    if (full) throw full;
    if (found === undefined) throw unknown(target);
    const { batch, row, task } = found;
    const attempt = target.task === null ? undefined : target.attempt;
    const no = refusalToAdd(row, task, attempt, sent.tasks.length);
    if (no !== null)
      throw new Refused(refusal(no.code, no.error, { status: 409, ...(no.task ? { more: no.task } : {}) }));
    const omitted = omittedOf({ ...sent, paused: batch.paused }, hits, batch.named);
    const plan = planGrowth(sent, batch, now, omitted);
    const faults = limitFaults(sent, plan, found);
    if (!faults.none) throw new Refused(invalid(faults));
    return plan;
  };

/** What may have changed since the names were looked up, and what the batch has no place for. */
function limitFaults({ tasks }: NewBatch, plan: BatchPlan, { batch }: Found): Faults {
  const faults = new Faults();
  takenFaults(tasks, { taken: new Set(batch.named.keys()) }, faults);
  const most = (n: number, max: number, what: string) => {
    if (n > max) faults.add(["tasks"], "too_many", `would make ${n} ${what} in the batch, at most ${max} are allowed`);
  };
  most(batch.total + plan.tasks.length, limits.batchTasksMax, "tasks");
  most(batch.links + plan.links.length, limits.batchLinksMax, "dependencies");
  return faults;
}

/** The first answer, made again from the same body and from what was kept of it. */
function repeat(deps: CreateDeps, sent: Sent, { hash }: CreateKey, first: Kept): Reply {
  if (first.hash !== hash || first.batchId === null) return usedBefore;
  const { batchId, tasks, created } = first;
  const faults = new Faults();
  const batch = readBatch(sent.body, sent.bytes, batchLimits(deps), created.getTime(), faults, anyNames);
  if (batch === undefined) return invalid(faults);
  return answerTo({ plan: planAgain(batch, { batchId, tasks, created }, first.began as Began), created });
}

/** What was sound when it was added is so still. */
const anyNames: KnownNames = { taken: new Set(), nameable: { has: () => true }, byHandle: false, above: "sound" };

/** A key belongs to the path that it was sent to. */
function keyFor(target: Target, { body }: Sent, key: string): CreateKey {
  if (target.task === null) return { text: `/batch/${target.batch}/tasks ${key}`, hash: hashOf(body) };
  const { attempt = null } = target;
  return { text: `/task/${target.task}/tasks ${key}`, hash: hashOf(attempt === null ? body : [attempt, body]) };
}

const unknown = ({ task }: Target) => new NotFound(task === null ? "batch" : "task");

/** An answer that is thrown, so that the transaction is given up. */
class Refused extends Error {
  readonly reply: Reply;
  constructor(reply: Reply) {
    super("nothing may be added");
    this.reply = reply;
  }
}

function replyTo(error: unknown): Reply {
  if (error instanceof Refused) return error.reply;
  throw error;
}
