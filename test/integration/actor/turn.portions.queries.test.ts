// What one end means for a thousand relatives, on a real database: chains, fans and diamonds end as they must, in a few
// transactions and queries however many tasks there are; a batch is complete once, with one delivery of that.

import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { limits } from "#config";
import type { Answer } from "#domain/command";
import { isFinal } from "#domain/row";
import type { Db } from "#store/pg/pool";
import { seeded } from "#test/dags";
import { Reference, type TaskSpec } from "#test/reference";
import { until, within } from "#test/until";
import { counting } from "./line.ts";
import { create, openStage, type Rig, rowsOf, type Seen, startRig } from "./stage.ts";

let db: Db;
let said: string[];
let trips: number[];
let rig: Rig;
/** Free slots: none means that nothing is claimed. */
let free = 0;
beforeAll(async () => {
  ({ db } = await openStage());
});
beforeEach(async () => {
  await db.use((sql) => sql`truncate batch, task cascade`);
  const counted = counting(db);
  ({ said, trips } = counted);
  free = 0;
  rig = startRig(counted.db, 1, { free: () => free, limited: () => [], freeMax: 64, freeFor: () => 64 });
});
afterEach(() => rig.stop());

const n = 1_000;
/** However many tasks: what a turn reads and writes at most, down and up, and what it does where portions follow. */
const queriesAtOnce = 40;
const queriesInPortions = 75;
/** In so many transactions at most. */
const fewPortions = 4;
const onComplete = [{ kind: "Webhook", params: { url: "http://127.0.0.1:9/", verb: "Post" } }] as never;
const needs = (...ids: number[]) => ({ dependencies: ids.map((i) => ({ id: `t${i}`, requires_success: true })) });
const follows = (...ids: number[]) => ({ dependencies: ids.map((i) => ({ id: `t${i}` })) });
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

const made = (tasks: readonly object[]) => create(db, tasks as never, { onComplete });

/** Claims everything that may be claimed now. */
async function claimAll(count: number) {
  const before = rig.started.length;
  free = n * 10;
  rig.look();
  await until(() => rig.started.length >= before + count, 20_000);
  free = 0;
}
const fail = (target: string) => rig.ask({ verb: "fail", target, fields: { failure_reason: "broken" } });
const tally = (rows: readonly Seen[]) =>
  Object.fromEntries(
    Object.entries(Object.groupBy(rows, ({ status }) => status)).map(([status, some]) => [status, some?.length]),
  );

async function completionOf(batch: string) {
  return db.use(async (sql) => {
    const [row] = await sql`select unfinished, completed_at is not null as complete from batch where id = ${batch}`;
    const notified = await sql`select facts from delivery where key = ${`batch:${batch}:complete`}`;
    return {
      ...row,
      notified: notified.map(({ facts }) =>
        Object.fromEntries(Object.entries(facts.counts).filter(([, n]) => n !== 0)),
      ),
    };
  });
}

describe("a chain of a thousand", () => {
  it("fails as a whole with its first task, each for its own parent", async () => {
    const { ids, batch } = await made(range(0, n).map((i) => (i === 0 ? {} : needs(i - 1))));
    await claimAll(1);
    said.length = 0;
    expect(await within(() => fail(ids[0] as string), 20_000)).toMatchObject({ status: 200, state: "Failure" });
    expect(said.length).toBeLessThan(queriesInPortions);
    const rows = await rowsOf(db, ids);
    expect(tally(rows)).toEqual({ Failure: n });
    expect(rows.slice(1).map(({ reason }) => reason)).toEqual(
      range(0, n - 1).map((i) => `Required parent task t${i} failed`),
    );
    expect(new Set(rows.map(({ xmin }) => xmin)).size).toBeLessThanOrEqual(fewPortions);
    expect(await completionOf(batch)).toEqual({ unfinished: 0, complete: true, notified: [{ failure: n }] });
  });

  it("is canceled from its end to its beginning when nothing follows any more", async () => {
    const { ids, batch } = await made(range(0, n).map((i) => (i === 0 ? {} : follows(i - 1))));
    said.length = 0;
    expect(await within(() => rig.ask({ verb: "cancel", target: ids[n - 1] as string }), 20_000)).toMatchObject({
      status: 200,
    });
    expect(said.length).toBeLessThan(queriesInPortions);
    const rows = await rowsOf(db, ids);
    expect(tally(rows)).toEqual({ Canceled: n });
    expect(new Set(rows.slice(0, -1).map(({ reason }) => reason))).toEqual(
      new Set(["All child tasks already terminated"]),
    );
    expect(await completionOf(batch)).toMatchObject({ unfinished: 0, notified: [{ canceled: n }] });
  });

  it("goes on from task to task in one transaction of three round trips", async () => {
    const on_start = { kind: "Webhook", params: { url: "http://127.0.0.1:9/", verb: "Post" } };
    const { ids } = await made([{ on_start }, { on_start, ...needs(0) }, { on_start, ...needs(1) }]);
    await claimAll(1);
    free = 64;
    said.length = 0;
    trips.length = 0;
    expect(await rig.ask({ verb: "succeed", target: ids[0] as string })).toMatchObject({ status: 200 });
    await until(() => rig.started.length === 2);
    expect(rig.started[1]).toMatchObject({ task: ids[1], action: { kind: "Webhook" } });
    // Its batch, it and then the clock; its child; what has changed.
    expect(said.slice(0, 3)).toEqual(
      ["from batch b", "t.batch_id = any(array(", "clock_timestamp()"].map((part) => expect.stringContaining(part)),
    );
    const [first = 0] = trips;
    const sent = trips.slice(0, said.findIndex((text) => text.startsWith("with u0")) + 1);
    expect(sent.map((trip) => trip - first)).toEqual([0, 0, 0, 1, 1, 2]);
  });
});

describe("a fan of a thousand", () => {
  it("in: the child is ready when its last parent has ended, in a few turns", async () => {
    const { ids, batch } = await made([...range(0, n).map(() => ({})), needs(...range(0, n))]);
    await claimAll(n);
    said.length = 0;
    const parents = ids.slice(0, n);
    const answers = await within(
      () => Promise.all(parents.map((target) => rig.ask({ verb: "succeed", target }))),
      20_000,
    );
    expect(new Set(answers.map((answer) => answer?.status))).toEqual(new Set([200]));
    expect(said.length).toBeLessThan(2 * queriesAtOnce);
    expect(await rowsOf(db, ids.slice(n))).toMatchObject([{ status: "Pending", waitFinished: 0 }]);
    expect(await completionOf(batch)).toMatchObject({ unfinished: 1, complete: false, notified: [] });
  });

  it("in: one that fails ends the child, and strands the parents that have only that", async () => {
    const { ids } = await made([...range(0, n).map(() => ({})), needs(...range(0, n))]);
    await claimAll(n);
    said.length = 0;
    expect(await within(() => fail(ids[7] as string), 20_000)).toMatchObject({ status: 200 });
    expect(said.length).toBeLessThan(queriesAtOnce);
    expect(tally(await rowsOf(db, ids))).toEqual({ Failure: 2, Canceled: n - 1 });
  });

  it.each(["succeed", "fail"] as const)("out: all children know at once that their parent did %s", async (verb) => {
    const { ids, batch } = await made([{}, ...range(0, n).map(() => needs(0))]);
    await claimAll(1);
    said.length = 0;
    const fields = verb === "fail" ? { failure_reason: "broken" } : {};
    expect(await within(() => rig.ask({ verb, target: ids[0] as string, fields }), 20_000)).toMatchObject({
      status: 200,
    });
    expect(said.length).toBeLessThan(queriesAtOnce);
    expect(tally(await rowsOf(db, ids))).toEqual(verb === "fail" ? { Failure: n + 1 } : { Success: 1, Pending: n });
    expect(await completionOf(batch)).toMatchObject({ unfinished: verb === "fail" ? 0 : n });
  });
});

describe("dead ends", () => {
  it("climb through a thousand between one and one in a few queries", async () => {
    const { ids, batch } = await made([{}, ...range(0, n).map(() => follows(0)), follows(...range(1, n + 1))]);
    said.length = 0;
    expect(await within(() => rig.ask({ verb: "cancel", target: ids[n + 1] as string }), 20_000)).toMatchObject({
      status: 200,
    });
    expect(said.length).toBeLessThan(queriesInPortions);
    expect(tally(await rowsOf(db, ids))).toEqual({ Canceled: n + 2 });
    expect(await completionOf(batch)).toMatchObject({ unfinished: 0, notified: [{ canceled: n + 2 }] });
  });

  it("climb through layers that each depend on all of the last in a few queries a layer", async () => {
    const [layers, width] = [12, 20];
    const layer = (l: number) => range(l * width, (l + 1) * width);
    const tasks = range(0, layers).flatMap((l) => layer(l).map(() => (l === 0 ? {} : follows(...layer(l - 1)))));
    const { ids } = await made([...tasks, follows(...layer(layers - 1))]);
    said.length = 0;
    const last = ids.at(-1) as string;
    expect(await within(() => rig.ask({ verb: "cancel", target: last }), 20_000)).toMatchObject({ status: 200 });
    expect(said.length).toBeLessThan(queriesInPortions);
    expect(tally(await rowsOf(db, ids))).toEqual({ Canceled: layers * width + 1 });
  });
});

describe("a fan too large for one turn", () => {
  it("ends in portions, and lets others go first meanwhile", async () => {
    const many = limits.turnLinksMax + 1_000;
    const [large, small] = [await made([{}, ...range(0, many).map(() => needs(0))]), await made([{}])];
    await claimAll(2);
    const order: string[] = [];
    const asked = async (name: string, answer: Promise<Answer | null>) => {
      const given = await answer;
      order.push(name);
      return given;
    };
    const ends = [
      asked("large", fail(large.ids[0] as string)),
      asked("small", rig.ask({ verb: "succeed", target: small.ids[0] as string })),
    ];
    expect(await within(() => Promise.all(ends), 60_000)).toMatchObject([{ status: 200 }, { status: 200 }]);
    expect(order).toEqual(["small", "large"]);
    const rows = await rowsOf(db, large.ids);
    expect(tally(rows)).toEqual({ Failure: many + 1 });
    expect(new Set(rows.map(({ xmin }) => xmin)).size).toBeGreaterThan(many / limits.portionTasksMax - 1);
    expect(await completionOf(large.batch)).toMatchObject({ unfinished: 0, notified: [{ failure: many + 1 }] });
  }, 90_000);
});

describe("diamonds", () => {
  it("twelve layers of twenty, each on all of the last: every edge counts once", async () => {
    const width = 20;
    const layer = (l: number) => range(0, width).map((i) => 1 + l * width + i);
    const tasks = range(0, 12).flatMap((l) => layer(l).map(() => needs(...(l === 0 ? [0] : layer(l - 1)))));
    const { ids, batch } = await made([{}, ...tasks]);
    await claimAll(1);
    await within(() => rig.ask({ verb: "succeed", target: ids[0] as string }), 10_000);
    await claimAll(width);
    const first = layer(0).map((i) => ids[i] as string);
    await Promise.all(first.slice(1).map((target) => rig.ask({ verb: "succeed", target })));
    said.length = 0;
    expect(await within(() => fail(first[0] as string), 10_000)).toMatchObject({ status: 200 });
    expect(said.length).toBeLessThan(queriesInPortions);
    expect(tally(await rowsOf(db, ids))).toEqual({ Success: width, Failure: 11 * width + 1 });
    expect(await completionOf(batch)).toMatchObject({ unfinished: 0, complete: true });
  });

  it("of every kind, at random, end as the reference has it", async () => {
    const random = seeded("diamonds");
    const kinds = [
      {},
      { requires_success: true },
      ...["on_success", "on_failure", "always"].map((condition) => ({ condition })),
    ];
    const specs = range(0, 80).map((i): TaskSpec => {
      const parents = new Set(range(0, Math.min(i, 3)).map(() => Math.max(0, i - 1 - random.below(8))));
      const dependencies = [...parents].map((p) => ({ id: `t${p}`, ...random.pick(kinds) })) as never;
      return { id: `t${i}`, dependencies, dead_end_barrier: random.chance(0.2) };
    });
    const reference = new Reference(specs, { deadEnds: true });
    const { ids } = await made(specs);
    for (let moves = 0; moves < 400; moves++) {
      const open = [...reference.tasks.values()].filter(({ status }) => !isFinal(status));
      if (open.length === 0) break;
      const pending = open.filter(({ status }) => status === "Pending");
      if (pending.length > 0) await claimAll(pending.length);
      for (const { id } of pending) reference.tell("claim", id);
      const { id } = random.pick(open.filter(({ status }) => status === "Claimed"));
      const verb = random.pick(["succeed", "succeed", "fail", "cancel"] as const);
      reference.tell(verb, id);
      const target = ids[specs.findIndex((spec) => spec.id === id)] as string;
      const fields = verb === "fail" ? { failure_reason: "broken" } : {};
      expect(await rig.ask({ verb, target, fields })).toMatchObject({ status: 200 });
      const meant = [...reference.tasks.values()].map(({ status }) => status);
      expect((await rowsOf(db, ids)).map(({ status }) => status)).toEqual(meant);
    }
    expect([...reference.tasks.values()].every(({ status }) => isFinal(status))).toBe(true);
  });
});

describe("a batch of five thousand", () => {
  it("is stopped in a few portions: every unfinished task itself, and none as a failed parent's child", async () => {
    const size = 5_000;
    const { ids, batch } = await made(range(0, size).map((i) => (i < 300 ? {} : needs(i - 300))));
    await claimAll(300);
    await Promise.all(ids.slice(0, 50).map((target) => rig.ask({ verb: "succeed", target })));
    await rig.ask({ verb: "pause", target: ids[300] as string });
    said.length = 0;
    expect(await within(() => rig.ask({ verb: "stop_batch", target: batch }), 25_000)).toMatchObject({
      status: 200,
      counts: {
        ...{ canceled_claimed: 250, canceled_paused: 1, canceled_pending: 49, canceled_waiting: 4_650 },
        ...{ canceled_running: 0, canceled_retrying: 0, already_terminal: 50 },
      },
    });
    expect(said.length).toBeLessThan(10 * (2 + size / limits.portionTasksMax));
    const rows = await rowsOf(db, ids);
    expect(tally(rows)).toEqual({ Success: 50, Canceled: size - 50 });
    expect(new Set(rows.slice(50).map(({ reason }) => reason))).toEqual(new Set(["Batch stopped"]));
    expect(await completionOf(batch)).toEqual({
      unfinished: 0,
      complete: true,
      notified: [{ success: 50, canceled: size - 50 }],
    });
  });
});
