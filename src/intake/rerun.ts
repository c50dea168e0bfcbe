// Running an ended batch again: planned and written as a creation is, so it needs no worker. A large one is made in another thread.
import { limits } from "#config";
import { planRerun } from "#domain/create/rerun";
import { found } from "#domain/errors";
import { Faults, quoted } from "#domain/faults";
import { uuidv7 } from "#domain/values/uuid";
import { announce, type CreateDeps, createOnce, hashOf, type Made, refuseIfFull } from "#intake/create";
import { nothing } from "#intake/created";
import type { LargeCalls } from "#intake/large/calls";
import type { Rerun } from "#intake/large/messages";
import { invalid, type Reply, refusal } from "#intake/reply";
import { insertBatch, rulesOf } from "#store/create/create";
import { readEnded, sizeOf } from "#store/create/rerun";

/** The batch, what of it, and who asks. */
export type RerunCall = Omit<Rerun, "what">;

export async function rerunAny(deps: CreateDeps & { readonly large: LargeCalls }, rerun: RerunCall): Promise<Reply> {
  const tasks = found(await sizeOf(deps.db, rerun.source), "batch");
  return tasks > limits.largeRerunTasks ? deps.large.rerun(rerun, tasks) : answerRerun(deps, rerun);
}

export async function answerRerun(deps: CreateDeps, { source, ask, actor, key }: RerunCall): Promise<Reply> {
  const { db } = deps;
  const read = found(await readEnded(db, source, ask), "batch");
  if ("unfinished" in read) return refusal("batch_not_complete", notEnded(read));
  const { batch, pick } = read;
  if (pick.unknown.length > 0) return unknownTasks(ask.from ?? [], pick.unknown);
  const now = Date.now();
  const planned = (id: string, at: number) => planRerun(batch, pick, { id, now: at });
  const plan = { ...planned(uuidv7(now), now), createdBy: actor };
  if (key !== undefined) {
    const tasks = Math.max(plan.tasks.length, pick.links);
    const asked = { locks: [], probes: [], rules: rulesOf(plan), whole: () => plan, tasks, now };
    const again = ({ batchId, created }: Made) => planned(batchId, created.getTime());
    return createOnce(deps, { text: key, hash: hashOf([source, ask]) }, asked, () => plan, again);
  }
  if (plan.tasks.length === 0) return nothing;
  await refuseIfFull(deps);
  return announce(deps, { now }, { plan, created: await insertBatch(db, plan, now) });
}

const notEnded = ({ unfinished, total }: { readonly unfinished: number; readonly total: number }): string =>
  unfinished > 0
    ? `The batch has not ended: ${unfinished} of ${total} tasks are unfinished`
    : "The batch is still open";

/** `places`: in `from`. */
function unknownTasks(from: readonly string[], places: readonly number[]): Reply {
  const faults = new Faults();
  for (const n of places) faults.add(["from", n], "not_allowed", `no task of this batch has the id ${quoted(from[n])}`);
  return invalid(faults);
}
