// Running an ended batch again: planned and written at the door as POST /task is, so it needs no worker.
import type { FastifyInstance } from "fastify";
import { Invalid } from "#domain/errors";
import { planRerun } from "#domain/rerun";
import { Faults } from "#domain/schema/decode";
import { readRerun } from "#domain/schema/rerun";
import { uuidv7 } from "#domain/uuid";
import { announce, createOnce, hashOf, refuseIfFull } from "#http/create";
import { reply } from "#http/errors";
import { type Deps, found, idOf, keyOf, type RouteDoc, send, tooMany } from "#http/route";
import { listOf, ref } from "#http/shapes";
import { insertBatch, type Kept, rulesOf } from "#store/create";
import { readEnded } from "#store/rerun";

const made = { "X-Batch-ID": "The id of the new batch." };

const doc: RouteDoc = {
  tag: "batches",
  summary: "Run an ended batch again, as a new batch",
  description: [
    "The new batch has new ids and the same local ids, scope, metadata and on_batch_complete. Its tasks are as the old ones are now (a PATCH may have replaced metadata, priority or expected_count), with counters and attempts from zero and without results.",
    "`all` is every task. `failed` is every task that is not Success; a dependency on a task that succeeded counts as met.",
    "Left out is what could not run this time: a task whose `condition` on a parent that succeeded cannot be met (`on_failure`), which counts as Skipped for those that depend on it; and a task that was canceled or skipped and that only such tasks would need (unless DEAD_END_CANCEL_ENABLED=0).",
    "A `run_at` that has passed is now. So is a `delay_secs` that has: it is kept as the time that it led to, and does not begin again.",
    "`dedupe_strategy` is kept and not applied. Cancel actions that a service answered to a start call are not kept.",
    "Each call makes another batch, unless it has the `Idempotency-Key` of one before: then it gets that one's answer, as for `POST /task`.",
  ].join("\n\n"),
  keyed: true,
  body: ref("Rerun"),
  answers: {
    201: { what: "The created tasks, in the order of the first call.", schema: listOf("Task"), headers: made },
    204: { what: "Nothing to run again: the new batch is empty, and complete at once.", headers: made },
    400: "The id is no UUID, or every fault of the body.",
    404: "No such batch.",
    409: "Some of its tasks are unfinished; or the first call with this Idempotency-Key is still under way.",
    429: tooMany,
  },
};

export function rerunRoutes(app: FastifyInstance, deps: Deps): void {
  const { db, config } = deps;

  app.post("/batch/:id/rerun", { config: { doc, right: "operate" } }, async (request, out) => {
    const source = idOf(request);
    const faults = new Faults();
    const only = readRerun(request.body, faults);
    if (!only) throw new Invalid("Validation failed", faults.list);
    const batch = found(await readEnded(db, source), "batch");
    if ("unfinished" in batch) {
      const error = `The batch has not ended: ${batch.unfinished} of ${batch.total} tasks are unfinished`;
      return send(out, reply(409, { error, details: [] }));
    }
    const now = Date.now();
    const planned = (id: string, at: number) =>
      planRerun(batch, only, { id, now: at, deadEnds: config.deadEndCancelEnabled });
    const plan = planned(uuidv7(now), now);
    const key = keyOf(request);
    if (key !== undefined) {
      const asked = { kinds: [], probes: [], rules: rulesOf(plan), tasks: plan.tasks.length, now };
      const again = ({ batchId, created }: Kept) => planned(batchId, created.getTime());
      return send(out, await createOnce(deps, { text: key, hash: hashOf([source, only]) }, asked, () => plan, again));
    }
    await refuseIfFull(deps);
    return send(out, announce(deps, { now }, { plan, created: await insertBatch(db, plan, now) }));
  });
}
