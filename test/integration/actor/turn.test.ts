// One turn on a real database: what is locked comes again and delays nothing else, what comes twice takes effect once,
// what comes too late is dropped, and a late word about an earlier claim is refused.
import { randomUUID } from "node:crypto";
import { afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import type { LocalCommand } from "#domain/turn/items";
import type { Db } from "#store/pg/pool";
import { stays, until, within } from "#test/until";
import { holdingBack } from "./line.ts";
import { create, eventsOf, holdFrom, log, openStage, type Rig, rowsOf, startRig, waiters } from "./stage.ts";

let db: Db;
let url: string;
let rig: Rig;
beforeAll(async () => {
  ({ db, url } = await openStage());
});
beforeEach(async () => {
  // What an earlier test left must not be claimed in this one.
  await db.use((sql) => sql`truncate batch, task cascade`);
  rig = startRig(db);
});
afterEach(() => rig.stop());

const many = (n: number) => Array.from({ length: n }, () => ({}));
const statusOf = async (id: string) => (await rowsOf(db, [id]))[0]?.status;
const retry = { max_retries: 3, initial_delay_secs: 60, backoff_multiplier: 2, max_delay_secs: 300 };
const retrying = { retry: { ...retry, retry_on: ["timeout", "start_failure", "explicit"] } } as never;

/** A batch of one task that this rig has claimed. */
async function claimed(task = {}) {
  const { ids, batch } = await create(db, [task]);
  rig.look();
  const claim = await until(() => rig.started.find((one) => one.task === ids[0]));
  return { id: claim.task, batch, claimId: claim.claimId };
}

describe("what another transaction holds", () => {
  it("a row: is skipped, and comes again when it is free; the others are decided meanwhile", async () => {
    const { ids } = await create(db, many(4));
    const letGo = await holdFrom(url, `select from task where id = '${ids[0]}' for update`);
    const asked = ids.map((target) => rig.ask({ verb: "update", target, fields: { priority: 7 } }));
    for (const answer of asked.slice(1)) expect(await within(() => answer, 4_000)).toMatchObject({ status: 200 });
    expect((await rowsOf(db, ids)).map(({ priority }) => priority)).toEqual([0, 7, 7, 7]);
    await letGo();
    expect(await within(() => asked[0], 5_000)).toMatchObject({ status: 200 });
    expect((await rowsOf(db, ids)).map(({ priority }) => priority)).toEqual([7, 7, 7, 7]);
  });

  it("a batch: the same, and a task in it that is unknown is distinguished from one that is locked", async () => {
    const [mine, other] = [await create(db, many(2)), await create(db, many(2))];
    const letGo = await holdFrom(url, `select from batch where id = '${mine.batch}' for update`);
    const locked = [...mine.ids, randomUUID()].map((target) => rig.ask({ verb: "cancel", target }));
    const free = other.ids.map((target) => rig.ask({ verb: "cancel", target }));
    for (const answer of free) expect(await within(() => answer, 4_000)).toMatchObject({ status: 200 });
    expect(await within(() => locked[2], 4_000)).toMatchObject({ status: 404 });
    expect(await statusOf(mine.ids[0] as string)).toBe("Pending");
    await letGo();
    for (const answer of locked.slice(0, 2)) expect(await within(() => answer, 5_000)).toMatchObject({ status: 200 });
  });

  it("a batch, and lets go of it while a turn reads: that turn decides nothing in it, and the next one does", async () => {
    const [mine, other] = [await create(db, many(2)), await create(db, many(2))];
    const letGo = await holdFrom(url, `select from batch where id = '${mine.batch}' for update`);
    let letting: Promise<void> | null = null;
    // The locks are taken; the rows are read once the other one has let go.
    const late = startRig(
      holdingBack(db, "t.batch_id = any(array(", () => (letting ??= letGo())),
      2,
    );
    onTestFinished(() => late.stop());
    const failed = vi.spyOn(log, "error");
    const asked = [...mine.ids, ...other.ids].map((target) => late.ask({ verb: "cancel", target }));
    for (const answer of asked) expect(await within(() => answer, 5_000)).toMatchObject({ status: 200 });
    expect(letting).not.toBeNull();
    expect(failed).not.toHaveBeenCalled();
  });

  it("a batch: a turn that waits for it reads the clock once it has it", async () => {
    const { ids, batch } = await create(db, many(1));
    const letGo = await holdFrom(url, `select from batch where id = '${batch}' for update`);
    const answer = rig.ask({ verb: "cancel", target: ids[0] as string });
    await until(async () => (await waiters(db)) > 0);
    const [before] = await db.use((sql) => sql<{ now: Date }[]>`select clock_timestamp() as now`);
    await letGo();
    expect(await within(() => answer, 5_000)).toMatchObject({ status: 200 });
    const [event] = await db.use(
      (sql) => sql<{ at: Date }[]>`select at from event where task_id = ${ids[0] as string}`,
    );
    expect(event?.at.getTime()).toBeGreaterThanOrEqual(before?.now.getTime() as number);
  });

  it("a task of a free batch: comes again, in an ending turn as well", async () => {
    const { ids } = await create(db, many(3));
    const letGo = await holdFrom(url, `select from task where id = '${ids[1]}' for update`);
    const asked = ids.map((target) => rig.ask({ verb: "cancel", target }));
    expect(await within(() => asked[0], 4_000)).toMatchObject({ status: 200 });
    expect(await within(() => asked[2], 4_000)).toMatchObject({ status: 200 });
    await letGo();
    expect(await within(() => asked[1], 5_000)).toMatchObject({ status: 200 });
  });

  it.each(["row", "batch"] as const)("a %s, for long: delays no command for another one", async (what) => {
    const [mine, other] = [await create(db, many(1)), await create(db, many(1))];
    const [held, free] = [mine.ids[0], other.ids[0]] as [string, string];
    const command = (target: string) =>
      what === "row"
        ? ({ verb: "update", target, fields: { priority: 1 } } as const)
        : ({ verb: "pause", target } as const);
    const letGo = await holdFrom(
      url,
      what === "row"
        ? `select from task where id = '${held}' for update`
        : `select from batch where id = '${mine.batch}' for update`,
    );
    const late = rig.ask(command(held));
    await until(async () => (await waiters(db)) > 0);
    // Whoever waits for a lock gives up after 2 s; then it is the others' turn, every time.
    for (let round = 0; round < 4; round++)
      expect(await within(() => rig.ask(command(free)), 5_000, `round ${round}`)).not.toBeNull();
    await letGo();
    expect(await within(() => late, 6_000)).toMatchObject({ status: 200 });
  });
});

describe("what comes twice", () => {
  it("a pause: gets its first answer, and does not undo the resume in between", async () => {
    const { ids } = await create(db, [{}, { dependencies: [{ id: "t0" }] } as never]);
    const pause = { verb: "pause", target: ids[1] as string, id: randomUUID() } as const;
    const first = await rig.ask(pause);
    expect(first).toMatchObject({ status: 200, state: "Paused" });
    expect(await rig.ask({ verb: "resume", target: pause.target })).toMatchObject({ status: 200, state: "Waiting" });
    expect(await rig.ask(pause)).toEqual(first);
    expect(await statusOf(pause.target)).toBe("Waiting");
  });

  it("a cancel: gets its first answer, where another one is refused", async () => {
    const { ids } = await create(db, many(1));
    const cancel = { verb: "cancel", target: ids[0] as string, id: randomUUID() } as const;
    const first = await rig.ask(cancel);
    expect(first).toMatchObject({ status: 200, state: "Canceled" });
    expect(await rig.ask(cancel)).toEqual(first);
    expect(await rig.ask({ ...cancel, id: randomUUID() })).toMatchObject({ status: 400, state: "Canceled" });
  });

  it("a failure that retries: costs one attempt", async () => {
    const { id } = await claimed(retrying);
    const fail = { verb: "fail", target: id, id: randomUUID(), fields: { failure_reason: "no" } } as const;
    const first = await rig.ask(fail);
    expect(first).toMatchObject({ status: 200, state: "Retrying", attempt: 0 });
    await db.use(
      (sql) =>
        sql`update task set due_at = now() - interval '1 s', ready_at = now(), next_retry_at = now() where id = ${id}`,
    );
    rig.mailbox.tell({ type: "due", task: id, ends: false });
    await until(async () => (await statusOf(id)) === "Pending");
    rig.look();
    await until(() => rig.started.length === 2);
    expect(await rig.ask(fail)).toEqual(first);
    expect(await rowsOf(db, [id])).toMatchObject([{ status: "Claimed", attempt: 1 }]);
  });

  it("counters in a report or an update: count once", async () => {
    const { id } = await claimed();
    const update = { verb: "update", target: id, id: randomUUID(), fields: { new_success: 5 } } as const;
    const report = { verb: "succeed", target: id, id: randomUUID(), fields: { new_success: 2 } } as const;
    for (const command of [update, update, report, report])
      expect(await rig.ask(command)).toMatchObject({ status: 200 });
    expect(await rowsOf(db, [id])).toMatchObject([{ status: "Success", success: 7 }]);
  });

  it("in the same turn, and in the turns of two workers at once: takes effect once", async () => {
    const other = startRig(db, 2);
    const { ids } = await create(db, many(20));
    const twice = ids.flatMap((target, i) => {
      const command = { verb: "update", target, id: randomUUID(), fields: { new_success: i + 1 } } as const;
      return [rig.ask(command), rig.ask(command), other.ask(command), other.ask(command)];
    });
    const answers = await within(() => Promise.all(twice), 15_000);
    expect(new Set(answers.map((answer) => answer?.status))).toEqual(new Set([200]));
    expect((await rowsOf(db, ids)).map(({ success }) => success)).toEqual(ids.map((_, i) => i + 1));
    await other.stop();
  });

  it("under a key of the client: the first answer whatever the id, and 422 for another body", async () => {
    const { ids } = await create(db, many(2));
    const [target, another] = ids as [string, string];
    const update = { verb: "update", target, key: "mine", fields: { new_success: 3 } } as const;
    const first = await rig.ask(update);
    expect(await rig.ask(update)).toEqual(first);
    expect(await rig.ask({ ...update, fields: { new_success: 4 } })).toMatchObject({ status: 422 });
    expect(await rig.ask({ verb: "succeed", target, key: "mine" })).toMatchObject({ status: 422 });
    // The key belongs to the task.
    expect(await rig.ask({ ...update, target: another, fields: { new_success: 9 } })).toMatchObject({ status: 200 });
    expect(await rowsOf(db, ids)).toMatchObject([{ success: 3, status: "Pending" }, { success: 9 }]);
  });

  it("a refusal under a key: is kept for the same command alone, and the key is still free", async () => {
    const { ids } = await create(db, [{}, { dependencies: [{ id: "t0" }] } as never]);
    const target = ids[1] as string;
    const report = { verb: "succeed", target, key: "k" } as const;
    const first = await rig.ask({ ...report, id: "c1" });
    expect(first).toMatchObject({ status: 409, state: "Waiting" });
    // Delivered again.
    expect(await rig.ask({ ...report, id: "c1" })).toEqual(first);
    expect(await eventsOf(db, target)).toEqual(["succeed"]);
    // Asked again, and with another body.
    expect(await rig.ask({ ...report, id: "c2" })).toEqual(first);
    expect(await eventsOf(db, target)).toEqual(["succeed", "succeed"]);
    const update = { verb: "update", target, key: "k", fields: { priority: 1 } } as const;
    expect(await rig.ask({ ...update, id: "c3" })).toMatchObject({ status: 200 });
    expect(await rig.ask({ ...report, id: "c4" })).toMatchObject({ status: 422 });
    expect(await rig.ask({ ...report, id: "c1" })).toEqual(first);
  });
});

describe("a command past its deadline", () => {
  it("is answered that nothing was done where its caller may have given up, and decided where no caller waits", async () => {
    const { ids } = await create(db, many(2));
    const [target, kept] = ids as [string, string];
    const storedAt = Date.now() - 11_000;
    expect(await rig.ask({ verb: "cancel", target }, { storedAt })).toMatchObject({ status: 503, id: target });
    expect(await rig.ask({ verb: "cancel", target: kept }, { storedAt, expires: false })).toMatchObject({
      status: 200,
    });
    expect((await rowsOf(db, ids)).map(({ status }) => status)).toEqual(["Pending", "Canceled"]);
  });
});

describe("a late word about an earlier claim", () => {
  const late: ((task: string, claimId: number) => LocalCommand)[] = [
    (task, claimId) => ({ type: "started", task, claimId }),
    (task, claimId) => ({ type: "start_deferred", task, claimId, waitMs: 60_000 }),
    (task, claimId) => ({ type: "start_failed", task, claimId, reason: "late" }),
    (task, claimId) => ({ type: "start_unsent", task, claimId, host: "h:80", error: "late", counts: true }),
    (task, claimId) => ({ type: "released", task, claimId }),
    (task, claimId) => ({ type: "lease_expired", task, claimId }),
    (task, claimId) => ({ type: "joined", task, claimId }),
    (task, claimId) => ({ type: "answered", task, claimId, result: { a: 1 } }),
  ];

  it("changes nothing, whatever it is; the present claim's does", async () => {
    const { id, claimId } = await claimed();
    rig.mailbox.tell({ type: "lease_expired", task: id, claimId });
    await until(async () => (await statusOf(id)) === "Pending");
    rig.look();
    const again = await until(() => rig.started[1]);
    expect(again).toMatchObject({ task: id });
    expect(again.claimId).not.toBe(claimId);
    for (const word of late) {
      rig.mailbox.tell(word(id, claimId));
      // Both queues are in order: what came before has been decided when these are answered.
      await rig.ask({ verb: "update", target: id, fields: { priority: 1 } });
      await rig.ask({ verb: "resume", target: id });
      expect(await rowsOf(db, [id]), word(id, 0).type).toMatchObject([{ status: "Claimed", claimId: again.claimId }]);
    }
    expect(await eventsOf(db, id)).toEqual(["claim", "lease_expired", "claim"]);
    expect([...rig.worker.held]).toEqual([again.claimId]);
    rig.mailbox.tell({ type: "started", task: id, claimId: again.claimId });
    await until(async () => (await statusOf(id)) === "Running");
    expect(rig.worker.held.size).toBe(0);
  });

  it("counts where its worker was only thought dead, until the next claim", async () => {
    const { id, claimId } = await claimed();
    rig.mailbox.tell({ type: "lease_expired", task: id, claimId });
    await until(async () => (await statusOf(id)) === "Pending");
    rig.mailbox.tell({ type: "started", task: id, claimId });
    await until(async () => (await statusOf(id)) === "Running");
    await stays(() => rig.deadLetters.length === 0, 50);
  });
});
