// What claim rounds make of circuits, on a real Postgres: tasks of open ones stay where they are, and a probe is taken only
// for a task that is claimed with it.
import { randomUUID } from "node:crypto";
import { beforeEach, describe, expect, it } from "vitest";
import type { CallSlots } from "#actor/claim/round";
import { until } from "#test/until";
import { a, b, c, circuitStage } from "./circuits.stage.ts";
import { create, eventsOf, openStage, rowsOf, startRig } from "./stage.ts";

const { db } = await openStage();
const { known, pass, openOne } = circuitStage(db);
beforeEach(() => db.use((sql) => sql`truncate circuit`));

describe("a claim round", () => {
  beforeEach(() => db.use((sql) => sql`truncate batch, task, slot, admission_queue, signal cascade`));
  const to = (url: string) => ({ on_start: { kind: "Webhook", params: { url, verb: "Post" } } });
  /** A process that knows of the circuit of `a`. */
  const knowing = (gate: 0 | 1): CallSlots => ({
    free: () => 64,
    limited: () => [{ receiver: a, free: gate, gated: true }],
    freeMax: 64,
    freeFor: (receiver) => (receiver === a ? gate : 64),
  });
  const limit = { type: "Concurrency", max_concurrency: 5, matcher: { kind: "k", status: "Running", fields: [] } };

  it("leaves tasks of an open circuit as they are, and takes one as the probe when its time has come", async () => {
    await openOne();
    const { ids } = await create(db, [to(a), to(a), { ...to(a), rules: [limit] as never }, to(b)] as never);
    const shut = startRig(db, 1, knowing(0));
    shut.look();
    await until(() => shut.started.length === 1);
    expect(shut.started).toMatchObject([{ task: ids[3], isProbe: false }]);
    await shut.stop();

    await pass(30);
    const rigs = [2, 3].map((owner) => startRig(db, owner, knowing(1)));
    for (const rig of rigs) rig.look();
    await until(() => rigs.some(({ started }) => started.length === 1));
    for (const rig of rigs) await rig.stop();
    expect(rigs.flatMap(({ started }) => started)).toMatchObject([{ receiver: a, isProbe: true }]);
    const rows = await rowsOf(db, ids.slice(0, 3));
    expect(rows.map(({ status, attempt }) => [status, attempt]).sort()).toEqual([
      ["Claimed", 0],
      ["Pending", 0],
      ["Pending", 0],
    ]);
    const events = await Promise.all(ids.slice(0, 3).map((id) => eventsOf(db, id)));
    expect(events.flat()).toEqual(["claim"]);
    expect(await known()).toMatchObject([{ state: "half_open" }]);
  });

  it("takes a task in its first attempt as the probe, whatever its rank, before one that was tried", async () => {
    await openOne();
    await pass(30);
    const { ids } = await create(db, [
      { ...to(a), priority: 9 },
      { ...to(a), priority: 9 },
      { ...to(a), priority: -5 },
    ] as never);
    await db.use((sql) => sql`update task set attempt = 1 where id in ${sql(ids.slice(0, 2))}`);
    const rig = startRig(db, 1, knowing(1));
    rig.look();
    await until(() => rig.started.length === 1);
    expect(rig.started).toMatchObject([{ task: ids[2], isProbe: true }]);
    await rig.stop();
    expect((await rowsOf(db, ids)).map(({ status }) => status)).toEqual(["Pending", "Pending", "Claimed"]);
  });

  it("takes one that was tried as the probe where there is no other", async () => {
    await openOne();
    await pass(30);
    const { ids } = await create(db, [to(a)] as never);
    await db.use((sql) => sql`update task set attempt = 1 where id = ${ids[0] as string}`);
    const rig = startRig(db, 1, knowing(1));
    rig.look();
    await until(() => rig.started.length === 1);
    expect(rig.started).toMatchObject([{ task: ids[0], isProbe: true }]);
    await rig.stop();
  });

  it("that leaves the probe to another one takes no place of a rule for it", async () => {
    await openOne();
    const rules = [{ ...limit, max_concurrency: 1 }] as never;
    const { ids } = await create(db, [
      { ...to(a), rules, priority: 5 },
      { ...to(b), rules },
    ] as never);
    // It believes that the time has come, and is wrong.
    const rig = startRig(db, 1, knowing(1));
    rig.look();
    await until(() => rig.started.length === 1);
    expect(rig.started).toMatchObject([{ task: ids[1] }]);
    await rig.stop();
    expect((await rowsOf(db, ids)).map(({ status }) => status)).toEqual(["Pending", "Claimed"]);
    expect(await db.use((sql) => sql`select task_id from slot`)).toEqual([{ task_id: ids[1] }]);
  });

  /** A process that believes that the circuits of `a` and `c` may be probed. */
  const hopeful: CallSlots = {
    free: () => 64,
    limited: () => [a, c].map((receiver) => ({ receiver, free: 1, gated: true })),
    freeMax: 64,
    freeFor: (receiver) => (receiver === b ? 64 : 1),
  };

  it("claims nothing without its probe where that of another one was refused", async () => {
    await openOne(a);
    await openOne(c);
    const rules = [{ ...limit, max_concurrency: 1 }] as never;
    const { ids } = await create(db, [
      { ...to(a), rules, priority: 9 },
      // It gets the place of the rule that the first one leaves.
      { ...to(c), rules, priority: 5 },
      to(b),
    ] as never);
    const rig = startRig(db, 1, hopeful);
    rig.look();
    await until(() => rig.started.length > 0);
    await rig.stop();
    expect(rig.started).toMatchObject([{ task: ids[2] }]);
    expect((await rowsOf(db, ids)).map(({ status }) => status)).toEqual(["Pending", "Pending", "Claimed"]);
  });

  it("leaves a probe for the next one where its task is not claimed in the end", async () => {
    await openOne(c);
    await pass(30);
    await openOne(a);
    const by = (...fields: string[]) =>
      fields.map((field) => ({ ...limit, max_concurrency: 1, matcher: { ...limit.matcher, fields: [field] } }));
    const { ids } = await create(db, [
      { ...to(a), metadata: { x: 1, y: 1 }, rules: by("x"), priority: 9 },
      // Instead of the first one, and then in the way of the last one.
      { ...to(b), metadata: { x: 1, y: 2 }, rules: by("x", "y"), priority: 5 },
      { ...to(c), metadata: { x: 2, y: 2 }, rules: by("y") },
    ] as never);
    const rig = startRig(db, 1, hopeful);
    rig.look();
    await until(() => rig.started.length > 0);
    await rig.stop();
    expect(rig.started).toMatchObject([{ task: ids[1] }]);
    expect(await known()).toMatchObject([{ state: "open" }, { receiver: c, state: "half_open", waitMs: 0 }]);
  });

  it("of the turn that made a task ready does the same", async () => {
    await openOne();
    const { ids } = await create(db, [{}, { ...to(a), dependencies: [{ id: "t0" }] }] as never);
    const rig = startRig(db, 1, knowing(1));
    rig.look();
    await until(() => rig.started.length === 1);
    await rig.ask({ verb: "succeed", target: ids[0] as string, id: randomUUID() });
    expect((await rowsOf(db, ids)).map(({ status }) => status)).toEqual(["Success", "Pending"]);
    await pass(30);
    rig.look();
    await until(() => rig.started.length === 2);
    expect(rig.started[1]).toMatchObject({ task: ids[1], isProbe: true });
    await rig.stop();
  });
});
