// The plans of bulk operations; the table of plans takes them in. Callers wait for what matches and for the rows of an operation; what
// workers do is not waited for, and must not grow with what is stored all the same.
import { randomUUID } from "node:crypto";
import type { BulkAsk } from "#domain/bulk";
import { inStates } from "#store/bulk/match";
import { findBulk, findBulkKey, insertBulk, listBulks, matchingNow, stopBulk } from "#store/bulk/rows";
import { clearBulk, collectBulk, countBulk, leaveBulk, renewBulk, type TakenBulk, takeBulk } from "#store/bulk/work";
import type { Db } from "#store/pg/pool";
import { rareKind } from "#test/fill";
import type { Known, Plan } from "#test/plans";
import { until } from "#test/until";

const page = { page: 0, size: 50 };
const leaseMs = 30_000;
const asks = (kind: BulkAsk["kind"], filter: object): BulkAsk => ({
  ...{ action: kind === "deliveries" ? "replay" : "cancel", kind, filter: filter as BulkAsk["filter"], reason: "plan" },
});
const matched = (asked: (known: Known) => BulkAsk, most?: number): Plan => ({
  verbs: ["matchingNow", "matching", "walkTasks", "walkBatches", "walkDeliveries"],
  run: (db, known) => matchingNow(db, asked(known), 10_000),
  ...(most === undefined ? {} : { most }),
});

let keys = 0;
async function insert(db: Db, asked: BulkAsk, ids: readonly string[] | null): Promise<string> {
  const [id, key] = [randomUUID(), { text: `bulk plan ${process.pid} ${++keys}`, hash: "" }];
  await findBulkKey(db, key.text);
  const [row] = await db.use((sql) => sql<{ at: string }[]>`select now()::text as at`);
  await insertBulk(db, { id, asked, actor: "token", ids, at: row?.at as string }, key);
  return id;
}
/** One that was left a moment ago is free only when its time has come, which is rounded to a millisecond. */
const taken = (db: Db): Promise<TakenBulk> =>
  until(async () => {
    const found = await takeBulk(db, leaseMs);
    return typeof found === "number" ? null : found;
  });

/** Each leaves nothing open, so that the next one finds its own. */
const works: Record<string, Plan> = {
  "a bulk operation is asked for, read, listed and stopped": {
    verbs: ["insertBulk", "findBulkKey", "findBulk", "listBulks", "stopBulk", "insertItems", "lifeColumns"],
    async run(db, { task }) {
      const id = await insert(db, asks("tasks", { status: ["Running"] }), [task]);
      await findBulk(db, id);
      await listBulks(db, page);
      await stopBulk(db, id);
      return clearBulk(db, await taken(db));
    },
  },
  "a portion of a bulk operation": {
    verbs: ["takeBulk", "renewBulk", "leaveBulk", "countBulk", "inStates", "stillMatching"],
    async run(db, { batch }) {
      await insert(db, asks("batches", { status: ["Failure"] }), [batch.chain, batch.five]);
      const first = await taken(db);
      await leaveBulk(db, first, 0);
      const again = await taken(db);
      await renewBulk(db, again.bulk, leaveMs);
      return countBulk(db, again, { done: 2, skipped: 0, failed: 0 }, 0);
    },
  },
  "a page of a bulk operation is collected, and none is looked for": {
    verbs: ["collectBulk", "clearBulk"],
    async run(db) {
      const id = await insert(db, asks("tasks", { status: ["Running", "Pending"], kind: "nosuch" }), null);
      await collectBulk(db, await taken(db));
      await stopBulk(db, id);
      return takeBulk(db, leaseMs);
    },
  },
  "batches that are still in the states of a filter": {
    verbs: ["inStates", "stillMatching"],
    run: (db, { batch }) => db.use((sql) => inStates(sql, { status: ["Failure", "running"] }, Object.values(batch))),
  },
};
const leaveMs = 1_000;

export const plans: Readonly<Record<string, Plan>> = {
  // One look at 10,000 candidates or fewer, as the listing takes it.
  "bulk: tasks, Running": matched(() => asks("tasks", { status: ["Running"] })),
  "bulk: tasks of a batch": matched(({ batch }) => asks("tasks", { batch_id: batch.fan })),
  "bulk: tasks, rare kind": matched(() => asks("tasks", { kind: rareKind }), 200_000),
  "bulk: tasks, metadata of one": matched(() => asks("tasks", { metadata: { order: 500 } })),
  "bulk: batches, no such scope": matched(() => asks("batches", { scope: "nosuch" })),
  "bulk: batches, Running": matched(() => asks("batches", { status: ["Running"] })),
  "bulk: deliveries of a batch": matched(({ batch }) => asks("deliveries", { batch_id: batch.fan })),
  ...works,
};
