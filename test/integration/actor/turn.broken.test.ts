// The connection breaks at the commit, and nobody knows whether it took effect. The same command comes again and has one
// effect; a claim that nobody knows of is not held by its worker, and is given back with the next renewal.
import { randomUUID } from "node:crypto";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Action } from "#domain/action";
import type { Db } from "#store/pg/pool";
import { until, within } from "#test/until";
import { Leases } from "#timers/leases";
import { type CutLine, cutLine } from "./line.ts";
import { create, eventsOf, log, openStage, type Rig, rowsOf, startRig } from "./stage.ts";

let db: Db;
let url: string;
let line: CutLine;
let rig: Rig;
beforeAll(async () => {
  ({ db, url } = await openStage());
});
beforeEach(async () => {
  await db.use((sql) => sql`truncate batch, task cascade`);
  line = await cutLine(url);
  rig = startRig(line.db);
});
afterEach(() => rig.stop());

const policy = { max_retries: 3, initial_delay_secs: 60, backoff_multiplier: 2, max_delay_secs: 300 };
const retry = { ...policy, retry_on: ["timeout", "start_failure", "explicit"] };
const hook = { kind: "Webhook", params: { url: "http://127.0.0.1:9/", verb: "Post" } } as Action;

async function claimed(task = {}) {
  const { ids, batch } = await create(db, [{ on_success: [hook], on_cancel: [hook], ...task } as never]);
  rig.look();
  const claim = await until(() => rig.started.find((one) => one.task === ids[0]));
  return { id: claim.task, batch, claimId: claim.claimId };
}
const deliveriesOf = (id: string) =>
  db.use(async (sql) => (await sql`select key from delivery where task_id = ${id}`).map(({ key }) => key.slice(37)));

describe.each(["answer", "commit"] as const)("a cut that loses the %s of a commit", (lost) => {
  const commands = [
    [{ verb: "succeed", fields: { new_success: 3 } }, "Success", ["claim", "succeed"], ["end:success"], 3],
    [{ verb: "succeed" }, "Success", ["claim", "succeed"], ["end:success"], 0],
    [{ verb: "fail", fields: { failure_reason: "x" } }, "Retrying", ["claim", "fail"], [], 0],
    [{ verb: "cancel" }, "Canceled", ["claim", "cancel"], ["cancel"], 0],
    [{ verb: "update", fields: { new_success: 4, priority: 5 } }, "Claimed", ["claim"], [], 4],
  ] as const;

  it.each(commands)("leaves one effect of %j", async (command, status, events, deliveries, success) => {
    const { id } = await claimed({ retry });
    line.lose(lost);
    const answer = await within(() => rig.ask({ ...command, target: id }), 10_000);
    expect(answer).toMatchObject({ status: 200, state: status });
    expect(line.cuts).toBe(1);
    expect(await rowsOf(db, [id])).toMatchObject([{ status, success, attempt: 0 }]);
    expect(await eventsOf(db, id)).toEqual(events);
    expect(await deliveriesOf(id)).toEqual(deliveries);
    expect(rig.deadLetters).toEqual([]);
  });

  it("leaves one effect of a failure for good, of a pause, and of a batch that is stopped", async () => {
    const { ids, batch } = await create(db, [{}, { dependencies: [{ id: "t0", requires_success: true }] } as never]);
    const [first, second] = ids as [string, string];
    line.lose(lost);
    expect(await within(() => rig.ask({ verb: "pause", target: second }), 10_000)).toMatchObject({ state: "Paused" });
    line.lose(lost);
    expect(await within(() => rig.ask({ verb: "stop_batch", target: batch }), 10_000)).toMatchObject({
      status: 200,
      counts: { canceled_paused: 1, canceled_pending: 1, already_terminal: 0 },
    });
    const { id } = await claimed();
    line.lose(lost);
    expect(
      await within(() => rig.ask({ verb: "fail", target: id, fields: { failure_reason: "x" } }), 10_000),
    ).toMatchObject({ status: 200, state: "Failure" });
    expect(line.cuts).toBe(3);
    expect([await eventsOf(db, first), await eventsOf(db, second)]).toEqual([["stop_batch"], ["pause", "stop_batch"]]);
    expect(await eventsOf(db, id)).toEqual(["claim", "fail"]);
  });

  it("leaves the outcome of a start call decided once", async () => {
    const { id, claimId } = await claimed();
    line.lose(lost);
    rig.mailbox.tell({ type: "started", task: id, claimId });
    await until(async () => (await rowsOf(db, [id]))[0]?.status === "Running");
    await until(() => rig.worker.held.size === 0);
    expect(await eventsOf(db, id)).toEqual(["claim", "started"]);
  });
});

describe("a claim whose commit", () => {
  it("never arrived is not held, and the task is claimed again", async () => {
    const { ids } = await create(db, [{}, {}]);
    line.lose("commit");
    rig.look();
    await until(() => rig.started.length === 2, 10_000);
    expect(line.cuts).toBe(1);
    expect([...rig.worker.held].sort()).toEqual(rig.started.map(({ claimId }) => claimId).sort());
    for (const id of ids) expect(await eventsOf(db, id)).toEqual(["claim"]);
    expect((await rowsOf(db, ids)).map(({ claimId }) => claimId).sort()).toEqual([...rig.worker.held].sort());
  });

  it("was not answered is not held either: no call is made, the renewal gives it back, and it is claimed again", async () => {
    const { ids } = await create(db, [{}, {}]);
    const other = startRig(line.db, await nextWorkerId());
    line.lose("answer");
    other.look();
    await until(() => line.cuts === 1);
    await until(async () => (await rowsOf(db, ids)).every(({ status }) => status === "Claimed"));
    await until(() => other.worker.held.size === 0);
    expect(other.started).toEqual([]);
    const leases = new Leases({
      ...{ db, log, leaseSecs: 1, sweepMs: 60_000 },
      self: { name: "w", roles: ["worker"], version: "1" },
      figures: () => ({ callsOpen: 0, lagMs: 0, skewMs: 0 }),
      isWaiting: () => false,
      held: () => other.worker.held,
      onGood: () => {},
      tell: (command) => other.mailbox.tell(command),
    });
    await until(() => {
      other.look();
      return other.started.length === 2;
    });
    await leases.stop();
    await other.stop();
    for (const id of ids) expect(await eventsOf(db, id)).toEqual(["claim", "released", "claim"]);
    expect((await rowsOf(db, ids)).map(({ claimId }) => claimId).sort()).toEqual([...other.worker.held].sort());
  });
});

/** The id that the next worker to register will get. */
const nextWorkerId = () =>
  db.use(async (sql) => {
    const [row] = await sql<{ id: number }[]>`
      insert into process (name, alive_until) values (${randomUUID()}, now()) returning id`;
    return (row as { id: number }).id + 1;
  });
