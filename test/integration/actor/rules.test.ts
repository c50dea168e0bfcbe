// Claim rounds over queues, in one worker that calls nobody: what they take, whom they pass over, and that they come again by
// themselves while there is something to take. No sweep runs here, so that nothing hides what was forgotten.
import { beforeEach, expect, it } from "vitest";
import type { CallSlots } from "#actor/claim/round";
import type { Db } from "#store/pg/pool";
import { countInadmissible } from "#store/rules/inadmissible";
import { type QueuePage, readyQueues } from "#store/rules/queues";
import { stays, until } from "#test/until";
import { create, openStage, type Rig, startRig } from "./stage.ts";

let db: Db;
beforeEach(async () => {
  ({ db } = await openStage());
});

const limit = (kind: string, max: number, ...fields: string[]) => ({
  type: "Concurrency",
  max_concurrency: max,
  matcher: { kind, status: "Running", fields },
});
const call = (origin: string) => ({ kind: "Webhook", params: { url: `${origin}/x`, verb: "Post" } });
/** Each in a queue of its own. */
const alone = (n: number, more: object = {}, prefix = "k") =>
  Array.from({ length: n }, (_, i) => {
    const kind = `${prefix}${i}`;
    return { kind, rules: [limit(kind, 1)], on_start: call("http://a"), ...more };
  });
const slots = (free: number, ofReceiver: Record<string, number>, freeMax = 64): CallSlots => ({
  free: () => free,
  limited: () => Object.entries(ofReceiver).map(([receiver, free]) => ({ receiver, free, gated: false })),
  freeMax,
  freeFor: (receiver) => ofReceiver[receiver ?? ""] ?? freeMax,
});
const make = async (specs: readonly object[]) => (await create(db, specs as never)).ids;
const signals = (key: number) => db.use((sql) => sql`select from signal where (key is null) = ${key === 0}`);

it("claims no more for a receiver than it has free call slots for, in all queues together", async () => {
  await make([...alone(20), ...alone(3, { on_start: call("http://b") }, "b")]);
  const open = (): number => rig.started.filter(({ receiver }) => receiver === "http://a").length;
  const limited = () => [{ receiver: "http://a", free: 1 - open(), gated: false }];
  const freeFor = (receiver: string) => (receiver === "http://a" ? 1 - open() : 64);
  const rig: Rig = startRig(db, 1, { free: () => 64, limited, freeMax: 64, freeFor });
  rig.look();
  await until(() => rig.started.length === 4);
  await stays(() => rig.started.length === 4, 200);
  expect(open()).toBe(1);
  await rig.stop();
});

it("claims from however many queues there are, with one look", async () => {
  const ids = await make(alone(200, { on_start: undefined }));
  const rig = startRig(db, 1, 256);
  rig.look();
  await until(() => rig.started.length === ids.length);
  await rig.stop();
});

it("finds what may start behind pages of queues to a receiver that is full, and then rests", async () => {
  await make(alone(150, { priority: 5 }));
  const [behind] = await make([{ kind: "z", rules: [limit("z", 1)], on_start: call("http://b") }]);
  const rig = startRig(db, 1, slots(64, { "http://a": 0 }));
  rig.look();
  await until(() => rig.started.length === 1);
  expect(rig.started.map(({ task }) => task)).toEqual([behind]);
  await stays(async () => (await signals(0)).length === 0, 200);
  await rig.stop();
});

it("comes to what may start behind more queues to a receiver that is full than one round looks at", async () => {
  const wide = (i: number) => ({ kind: "k", rules: [limit("k", 10_000 + i)], on_start: call("http://a"), priority: 5 });
  await make(Array.from({ length: 5_300 }, (_, i) => wide(i)));
  const behind = await make(alone(3, { on_start: call("http://b") }));
  const rig = startRig(db, 1, slots(64, { "http://a": 0 }));
  rig.look();
  await until(() => rig.started.length === behind.length, 10_000);
  expect(rig.started.map(({ task }) => task)).toEqual(behind);
  // The newest signals are heard first, and all in the end.
  await until(async () => (await signals(0)).length === 0, 10_000);
  await stays(async () => (await signals(0)).length === 0, 200);
  await rig.stop();
});

it("counts the tasks that a rule can never admit, and no others", async () => {
  const lacking = { kind: "k", rules: [limit("k", 5, "tennant")], metadata: { tenant: 1 } };
  await make([lacking, lacking, { kind: "k", rules: [{ ...limit("k", 1), type: "Concurrency" }] }, { kind: "k" }]);
  const rig = startRig(db, 1, 1);
  rig.look();
  await until(async () => (await countInadmissible(db)) === 2);
  await rig.stop();
});

it("looks at no queue whose tasks are all for receivers that are shut", async () => {
  const to = (origin: string, n: number) => ({ kind: "k", rules: [limit("k", 10_000 + n)], on_start: call(origin) });
  await make(Array.from({ length: 600 }, (_, n) => to(n < 400 ? "http://b" : "http://d", n)));
  await make([to("http://a", 7), to("http://c", 450), to("http://e", 599), { kind: "k", rules: [limit("k", 10_300)] }]);
  await db.use((sql) => sql`update admission_queue set ready = true`);
  const pages = async (shut: readonly string[]) => {
    const found: number[][] = [];
    let last: QueuePage["last"] = null;
    do {
      const page: QueuePage = await db.use((sql) => readyQueues(sql, last, shut));
      found.push(page.queues.map(({ terms }) => (terms[0]?.limit ?? 0) - 10_000));
      last = page.last;
    } while (last !== null);
    return found;
  };
  expect(await pages(["http://b", "http://d"])).toEqual([[7], [300, 450], [599]]);
  expect(await pages(["http://b", "http://d", "http://a", "http://e", "http://x"])).toEqual([[], [300, 450], []]);
  const all = await pages(["http://x"]);
  expect([all.length, all.flat().length]).toEqual([10, 600]);
  expect((await pages([])).flat()).toEqual(all.flat());
});

it("goes on to the next queue where the best one that a release opens waits for something else as well", async () => {
  const both = [limit("k", 1), limit("other", 1)];
  const [first, other] = await make([{ kind: "k", rules: [limit("k", 1)] }, { kind: "other" }]);
  const rig = startRig(db, 1, 1);
  // One slot: each look takes one.
  await until(() => {
    rig.look();
    return rig.started.length === 2;
  });
  const [, next] = await make([
    { kind: "k", rules: both, priority: 9 },
    { kind: "k", rules: [limit("k", 1)] },
  ]);
  rig.look();
  await stays(() => rig.started.length === 2, 200);
  await rig.ask({ verb: "succeed", target: first as string });
  rig.look();
  await until(() => rig.started.length === 3);
  expect(rig.started.map(({ task }) => task)).toEqual(expect.arrayContaining([first, other, next]));
  await rig.stop();
});

it("takes the best task that waits, whatever its queue once had", async () => {
  const wide = (tenant: string) => ({ kind: "k", rules: [limit("k", 1), limit("k", 9, "t")], metadata: { t: tenant } });
  const ids = await make([
    { ...wide("a"), priority: 900 },
    { ...wide("a"), priority: 0 },
    { ...wide("a"), priority: 0 },
    { ...wide("b"), priority: 500 },
  ]);
  const rig = startRig(db, 1, 1);
  rig.look();
  const order: number[] = [];
  for (let i = 0; i < ids.length; i++) {
    const claimed = await until(() => rig.started[i]);
    order.push(ids.indexOf(claimed.task));
    await rig.ask({ verb: "succeed", target: claimed.task });
    rig.look();
  }
  expect(order).toEqual([0, 3, 1, 2]);
  await rig.stop();
});

it("refuses a matcher too many for one kind, and creates nothing", async () => {
  const wide = (n: number) => Array.from({ length: n }, (_, i) => limit("k", 1, `f${i}`));
  await make([
    { kind: "k", rules: wide(50) },
    { kind: "k", rules: wide(64).slice(50) },
  ]);
  await expect(make([{ kind: "k", rules: [limit("k", 1, "one", "more")] }])).rejects.toMatchObject({
    details: [expect.stringMatching(/^rules: .* "k" .* at most 64/)],
  });
  expect((await db.use((sql) => sql`select from task`)).length).toBe(2);
});

it("counts the work of a key also where queues before only asked how many hold it", async () => {
  const work = { type: "Capacity", max_capacity: 5, matcher: { kind: "k", status: "Running", fields: [] } };
  const [holds] = await make([
    { kind: "k", rules: [limit("k", 1_000)], expected_count: 10, on_start: call("http://b") },
  ]);
  const rig = startRig(db, 1, slots(64, { "http://a": 0 }));
  rig.look();
  await until(() => rig.started.length === 1);
  // More than a page of queues that cannot start, and do not wait for a key either.
  await make(
    Array.from({ length: 100 }, (_, i) => ({
      ...{ kind: "k", rules: [limit("k", 1_000), limit("other", 1_000 + i)], priority: 5 },
      on_start: call("http://a"),
    })),
  );
  await make([{ kind: "k", rules: [work], expected_count: 1, on_start: call("http://b") }]);
  rig.look();
  await until(
    async () => (await db.use((sql) => sql`select from admission_queue where waiting_type = 'Capacity'`)).length === 1,
  );
  expect(rig.started.map(({ task }) => task)).toEqual([holds]);
  await rig.stop();
});

/** One place, and queues of one rule more each that never binds. */
const inQueue = (queue: number, priority: number) => ({
  kind: "k",
  priority,
  rules: [limit("k", 1), limit("k", 1_000 + queue)],
});

/** One after the other, in the order in which they are started. */
async function run(rig: Rig, ids: readonly string[]): Promise<string[]> {
  const called = rig.started.length;
  for (const [n] of ids.entries()) {
    rig.look();
    await until(() => rig.started.length === called + n + 1);
    await rig.ask({ verb: "succeed", target: rig.started[called + n]?.task as string });
  }
  return rig.started.slice(called).map(({ task }) => task);
}
/** A worker whose one place is taken, and all others wait for it. */
async function waitingFor(first: string, slots: number): Promise<Rig> {
  const rig = startRig(db, 1, slots);
  rig.look();
  await until(async () => rig.started.length === 1 && (await signals(0)).length + (await signals(1)).length === 0);
  expect(rig.started[0]?.task).toBe(first);
  return rig;
}

it.each([1, 64])("goes by what a queue has, not by what it had before a priority was lowered: %i slots", async (n) => {
  const [first] = (await make([{ kind: "k", priority: 9 }])) as [string];
  const [lowered] = (await make([inQueue(1, 5)])) as [string];
  const rest = await make([inQueue(0, 1), inQueue(2, 1), inQueue(1, 1)]);
  const rig = await waitingFor(first, n);
  await rig.ask({ verb: "update", target: lowered, fields: { priority: 0 } });
  await rig.ask({ verb: "succeed", target: first });
  expect(await run(rig, [...rest, lowered])).toEqual([...rest, lowered]);
  await rig.stop();
});

it.each([1, 64])("leaves a queue its place that is the best although it was better: %i slots", async (n) => {
  const [first] = (await make([{ kind: "k", priority: 9 }])) as [string];
  const rest = await make([inQueue(0, 2), inQueue(1, 0), inQueue(2, 0)]);
  const rig = await waitingFor(first, n);
  await rig.ask({ verb: "update", target: rest[0] as string, fields: { priority: 0 } });
  await rig.ask({ verb: "succeed", target: first });
  expect(await run(rig, rest)).toEqual(rest);
  await rig.stop();
});
