// Owns the table of plans: every verb of the folders `read`, `create` and `events` of the store that sends SQL for somebody who
// waits, as a call on a database that full.ts has filled. A test measures each, and scripts/plan.ts prints how Postgres runs it.
import { type AskedPlan, type BatchPlan, planBatch } from "#domain/create/batch";
import { locksOf, omittedOf, probesOf } from "#domain/create/dedupe";
import { planGrowth } from "#domain/create/grow";
import { planRerun } from "#domain/create/rerun";
import type { NewBatch } from "#domain/schema/batch";
import { uuidv7 } from "#domain/values/uuid";
import * as create from "#store/create/create";
import * as grow from "#store/create/grow";
import { makeQueues } from "#store/create/queues";
import { readEnded, sizeOf } from "#store/create/rerun";
import * as log from "#store/events/log";
import { deleteOld, firstPlace } from "#store/maintenance/retention";
import type { Db } from "#store/pg/pool";
import { receiverLoad } from "#store/read/blocked";
import * as read from "#store/read/tasks";
import { lacking, rulesOfTask } from "#store/rules/lacking";
import * as bulk from "#test/bulk-plans";
import { rareKind } from "#test/fill";
import * as operators from "#test/operator-plans";
import * as schedules from "#test/schedule-plans";

/** Rows that a full database and a small one both have. */
export interface Known {
  /** The newest batch of each form; its first task, in the middle of it, and a delivery. */
  readonly batch: Readonly<Record<"single" | "chain" | "fan" | "five" | "open", string>>;
  readonly task: string;
  readonly waiting: string;
  readonly delivery: string;
  readonly event: number;
}

export async function known(db: Db): Promise<Known> {
  return db.use(async (sql) => {
    const one = async <T>(query: Promise<readonly object[]>) => Object.values((await query)[0] ?? {})[0] as T;
    const sized = (total: number) =>
      one<string>(sql`select id from batch where total = ${total} order by created_at desc limit 1`);
    const [fan, chain, five, single, open] = await Promise.all([499, 20, 5, 1, 10].map(sized));
    return {
      batch: { fan, chain, five, single, open } as Known["batch"],
      task: await one(sql`select id from task_spec where batch_id = ${fan as string} and rank = 250`),
      waiting: await one(sql`select id from task where status = 'Waiting' limit 1`),
      delivery: await one(sql`select id from delivery limit 1`),
      event: await one(sql`select max(id) as id from event`),
    };
  });
}

export interface Plan {
  /** Of which exports of the store it runs the statements. */
  readonly verbs: readonly string[];
  readonly run: (db: Db, known: Known) => Promise<unknown>;
  /** Pages of 8 KB that it may read; where it is missing, three times what it reads on a small database, and a few. */
  readonly most?: number;
}

const page = { page: 0, size: 50 };
/** What looks at up to 10,000 candidates, each up to ten pages away: the levels of two indexes, and two rows. */
const walked = 100_000;
/** What finds its page among the first 1,000 candidates, each up to five pages away; which way it takes varies with what `analyze` drew. */
const firstLook = 5_000;
const reads = (verb: string, run: Plan["run"], most?: number): Plan => ({
  verbs: [verb],
  run,
  ...(most === undefined ? {} : { most }),
});
const tasks = (filter: Partial<read.TaskFilter>, most?: number) =>
  reads("listTasks", (db) => read.listTasks(db, { ...page, ...filter }), most);
const batches = (filter: Partial<read.BatchFilter>, most?: number) =>
  reads("listBatches", (db) => read.listBatches(db, { ...page, ...filter }), most);
const deliveries = (filter: (known: Known) => Partial<read.DeliveryFilter>, most?: number) =>
  reads("listDeliveries", (db, known) => read.listDeliveries(db, { ...page, ...filter(known) }), most);

const listings: Record<string, Plan> = {
  "tasks, newest": tasks({}),
  "tasks, page 100": tasks({ page: 60 }, 8_000),
  "tasks, the last page by number": tasks({ page: 1_999 }, 20_000),
  "tasks, Running": tasks({ status: ["Running"] }),
  "tasks, several states": tasks({ status: ["Running", "Failure"] }),
  "tasks, kind": tasks({ kind: "build" }, firstLook),
  "tasks, no such kind": tasks({ kind: "nosuch" }),
  "tasks, rare kind": tasks({ kind: rareKind }, walked),
  "tasks, kind and state": tasks({ kind: "mail", status: ["Failure"] }, 5_000),
  "tasks, no such name": tasks({ name: "nosuch" }, walked),
  "tasks, no such name in a state": tasks({ name: "nosuch", status: ["Success"] }, walked),
  "tasks, no such timeout": tasks({ timeout: 61 }, walked),
  "tasks, gates": tasks({ startKind: "Wait" }),
  "tasks, gates that wait": tasks({ startKind: "Wait", status: ["Running"] }),
  "tasks, no such start": tasks({ startKind: "Nats" }, walked),
  "tasks, metadata of one": tasks({ metadata: { order: 500 } }),
  "tasks, no such metadata": tasks({ metadata: { order: -1 } }),
  "tasks, metadata of half": tasks({ metadata: { env: "prod" } }, 60_000),
  "tasks of a batch": reads("listTasks", (db, { batch }) => read.listTasks(db, { ...page, batchId: batch.fan })),
  "batches, newest": batches({}),
  "batches, Running": batches({ status: ["Running"] }),
  "batches, Failure": batches({ status: ["Failure"] }),
  "batches, failure": batches({ state: ["failure"] }),
  "batches, paused": batches({ state: ["paused"] }),
  "batches, kind": batches({ kind: "build" }, firstLook),
  "batches, no such kind": batches({ kind: "nosuch" }),
  "batches, kind and state": batches({ kind: "build", status: ["Failure"] }, walked),
  "batches, no such name": batches({ name: "nosuch" }, 200_000),
  "batches, scope": batches({ scope: "scope 3" }, 2_000),
  "batches, no such scope": batches({ scope: "nosuch" }),
  "batches, no such metadata": batches({ metadata: { nosuch: 1 } }, walked),
  "deliveries, newest": deliveries(() => ({})),
  "deliveries, exhausted": deliveries(() => ({ status: ["exhausted"] }), 1_000),
  "deliveries, no such receiver": deliveries(() => ({ receiver: "nosuch:1" }), walked),
  "deliveries of a batch": deliveries(({ batch }) => ({ batchId: batch.fan })),
  "deliveries of a task": deliveries(({ task }) => ({ taskId: task })),
};

const again = { only: "failed", dependents: true, from: null } as const;
const single: Record<string, Plan> = {
  "a task": { verbs: ["findTask", "ruleStates"], run: (db, { task }) => read.findTask(db, task) },
  "a waiting task": { verbs: ["findTask", "ruleStates"], run: (db, { waiting }) => read.findTask(db, waiting) },
  "who has the call slots": reads("receiverLoad", (db, { task }) => receiverLoad(db, task)),
  "events of a task": reads("listEvents", (db, { task }) => read.listEvents(db, task)),
  "counters of a task": reads("seeCounters", (db, { task }) =>
    read.seeCounters(db, { tasks: [task], named: [], ids: ["c1"] }, 5_000),
  ),
  "a batch": { verbs: ["findBatch", "summaries"], run: (db, { batch }) => read.findBatch(db, batch.fan) },
  "an unfinished batch": reads("findBatch", (db, { batch }) => read.findBatch(db, batch.open)),
  "a graph": reads("findDag", (db, { batch }) => read.findDag(db, batch.fan, { page: 0, size: 10_000 })),
  "a compact graph": reads("compactDag", (db, { batch }) => read.compactDag(db, batch.fan, { page: 0, size: 10_000 })),
  "a delivery": reads("findDelivery", (db, { delivery }) => read.findDelivery(db, delivery)),
  circuits: reads("listCircuits", (db) => read.listCircuits(db)),
  "a batch to run again": {
    verbs: ["readEnded", "endedLinks"],
    run: (db, { batch }) => readEnded(db, batch.fan, again),
  },
  "how large a batch to run again is": reads("sizeOf", (db, { batch }) => sizeOf(db, batch.fan)),
  "old batches, none": reads("deleteOld", (db) => deleteOld(db, { days: 3_000, tasksMax: 1_000 }, firstPlace)),
};

/** A call of one task with so many matchers. */
const matched = (
  matchers: number,
  status: "Pending" | "Success" | "Failure",
  metadata: Record<string, unknown>,
): NewBatch => ({
  tasks: [
    {
      ...{ id: "a", name: "twin", kind: "build.image", metadata },
      dedupe_strategy: Array.from({ length: matchers }, (_, i) => ({
        kind: i % 2 === 0 ? "build.image" : "deploy",
        status,
        fields: Object.keys(metadata),
      })),
    },
  ],
  ...{ onComplete: [], scope: null, metadata: null, paused: false, deadEnd: null },
});
/** A chain runs again, and its last task ends as soon as it exists. */
async function rerun(db: Db, { batch }: Known): Promise<unknown> {
  const read = await readEnded(db, batch.chain, { ...again, only: "all" });
  if (read === undefined || "unfinished" in read) throw new Error("the batch is not complete");
  const [id, now] = [uuidv7(Date.now()), Date.now()];
  const plan = planRerun(read.batch, read.pick, { id, now });
  const lost = { as: "Failure", reason: "Required parent task p failed" } as const;
  const tasks = plan.tasks.map((one, n) => (n === plan.tasks.length - 1 ? { ...one, lost } : one));
  return create.insertBatch(db, { ...plan, tasks, createdBy: "token" }, now);
}
let keys = 0;
const creation =
  (batch: NewBatch, isKeyed = false) =>
  async (db: Db) => {
    const [id, now] = [uuidv7(Date.now()), Date.now()];
    const whole = () => planBatch(batch, id, now);
    const asked = { locks: locksOf(batch), probes: probesOf(batch), rules: [], whole, tasks: 1, now };
    const decide = (hits: ReadonlySet<string>) => byToken(planBatch(batch, id, now, omittedOf(batch, hits)));
    if (isKeyed) return create.insertKeyed(db, { text: `plan ${process.pid} ${++keys}`, hash: "" }, asked, decide);
    return create.insertDeduplicated(db, asked, decide);
  };
async function addition(db: Db) {
  const [id, now] = [uuidv7(Date.now()), Date.now()];
  const sent = matched(1, "Pending", { order: -6 });
  await create.insertBatch(db, byToken(planBatch({ ...sent, tasks: [], open: true }, id, now)), now);
  const target = { batch: id, task: null } as const;
  const names = sent.tasks.map((task) => task.id);
  await grow.findNames(db, target, names, { from: names, to: names });
  const key = { text: `plan ${process.pid} ${++keys}`, hash: "" };
  await grow.findKept(db, key.text);
  const asked = {
    ...{ target, into: id, names, reads: ["none"], now, rules: [] },
    locks: locksOf(sent),
    probes: probesOf(sent),
  };
  const decide: grow.Decide = (found, hits) => ({
    ...planGrowth(sent, (found as grow.Found).batch, now, omittedOf(sent, hits)),
    deduplicated: ["left out"],
  });
  await grow.rehearseGrowth(db, asked, decide);
  return grow.insertGrowth(db, asked, decide, key);
}

const perOrder = { kind: "k", status: "Running", fields: ["order"] };
const rules = [{ type: "Concurrency", max_concurrency: 1, matcher: perOrder }];
const limited = { tasks: [{ id: "a", name: "a", kind: "k", metadata: { order: -7 }, rules }] } as never;
const byToken = (plan: BatchPlan): AskedPlan => ({ ...plan, createdBy: "token" });
const dedupe = (batch: NewBatch, most?: number): Plan => ({
  verbs: ["insertDeduplicated", "findTwins", "takeLocks", "insertPlans"],
  run: creation(batch),
  ...(most === undefined ? {} : { most }),
});

const creating: Record<string, Plan> = {
  creation: {
    verbs: ["insertBatch", "groupOf", "insertPlans"],
    run: (db) =>
      create.insertBatch(
        db,
        byToken(planBatch(matched(0, "Pending", { order: 1 }), uuidv7(Date.now()), Date.now())),
        Date.now(),
      ),
  },
  "a rerun of a task that ends at once": { verbs: ["insertBatch", "insertPlans", "endLost"], run: rerun },
  "creation under a key": {
    verbs: ["insertKeyed", "take", "remember", "queuesOf"],
    run: creation(matched(0, "Pending", { order: -2 }), true),
  },
  "the queues of a large creation": {
    verbs: ["makeQueues", "queuesOf"],
    run: (db) => makeQueues(db, planBatch(limited, uuidv7(Date.now()), Date.now())),
  },
  "creation, one matcher": dedupe(matched(1, "Pending", { order: -3 })),
  "creation, a matcher that finds one": dedupe(matched(1, "Success", { order: 500 })),
  "creation, twenty matchers": dedupe(matched(20, "Success", { order: -4, env: "prod" })),
  "creation, a value that half of all have": dedupe(matched(1, "Pending", { env: "prod" }), 5_000),
  "an addition to a batch, and its dry run": {
    verbs: ["above", "findNames", "findKept", "find", "rehearseGrowth", "insertGrowth", "inTurn", "noteOmitted"],
    run: addition,
  },
  "a dry run": reads("probe", (db) => create.probe(db, probesOf(matched(20, "Failure", { order: -5 })))),
  "how many are unfinished": reads("countUnfinished", (db) => create.countUnfinished(db)),
};

const ruling: Record<string, Plan> = {
  "what tasks lack of what new rules ask for": reads("lacking", (db, { batch }) =>
    lacking(db, batch.fan, "deploy", ["tenant", "size"]),
  ),
  "the rules of a task": reads("rulesOfTask", (db, { waiting }) => rulesOfTask(db, waiting)),
};

const events: Record<string, Plan> = {
  "the end of the log": { verbs: ["endOfLog", "drawn", "settled"], run: (db) => log.settled(db, () => true) },
  "a place in the log": { verbs: ["resumeAfter", "placeOf"], run: (db, { event }) => log.resumeAfter(db, event - 5) },
  "whether there is a batch": { verbs: ["hasBatch"], run: (db, { batch }) => log.hasBatch(db, batch.fan) },
  "a page of the log": {
    verbs: ["eventsAfter", "eventsUpTo"],
    async run(db, { event }) {
      const place = await db.use((sql) => log.placeOf(sql, event - 50));
      return [await log.eventsAfter(db, place, 50), await log.eventsUpTo(db, place, event, 50)];
    },
  },
};

export const plans: Readonly<Record<string, Plan>> = {
  ...{ ...listings, ...single, ...creating, ...ruling, ...events },
  ...operators.plans,
  ...bulk.plans,
  ...schedules.plans,
};

/** Exports of these folders that send nothing by themselves, or for nobody who waits. */
export const apart: ReadonlySet<string> = new Set([
  // parts of statements, and steps of the walk that every listing makes
  ...[
    "stateOf",
    "hot",
    "cold",
    "reading",
    "walk",
    "look",
    "newest",
    "there",
    "beginning",
    "containing",
    "kindsLike",
    "slice",
    "walkTasks",
    "walkBatches",
    "walkDeliveries",
    "lifeColumns",
    "insertItems",
  ],
  ...["intoTask", "intoTaskSpec", "intoLink", "intoSignal", "insertLinks", "copyLinks"],
  // looks at a sample of the tables, after a large creation
  "settle",
  // what makes the batches of schedules for workers; a call with a key has it by `insertKeyed`
  ...["insertInTurn", "allow"],
  // pure
  "kindsOf",
  ...["rulesOf", "hasRules", "signalsOf", "placeAfter", "reach", "eventSpan"],
  // the relay of events, the reader that it and the streams share, and the upkeep of partitions; nobody waits for them
  ...["takeRelay", "placeOfRelay", "advanceRelay", "leaveRelay", "LogReader", "eventsBy", "stillOpen"],
  ...["inherit", "makeDays", "dropOldest", "clearDefault"],
]);
