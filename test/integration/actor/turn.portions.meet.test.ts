// What meets work in portions on a real database: others of the batch are decided meanwhile, and neither a death between two
// portions nor a repetition changes what comes of it.
import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { portion } from "#actor/portions/portion";
import { until, within } from "#test/until";
import { broken } from "./portions.facts.ts";
import {
  batchOf,
  begun,
  claimAll,
  db,
  fields,
  finish,
  made,
  many,
  needs,
  next,
  nothingLeft,
  range,
  rig,
  tally,
} from "./portions.stage.ts";
import { env, eventsOf, rowsOf, type Seen, startRig } from "./stage.ts";

describe("a command about a task that a sweep has not reached", () => {
  it("finds it stopped: a report, a cancel and a heartbeat are refused, and it is counted once", async () => {
    const { ids, batch } = await made(range(0, many).map(() => ({})));
    await claimAll(many);
    const { final } = await begun({ verb: "stop_batch", target: batch });
    const [a, b, c] = ids.slice(-3) as [string, string, string];
    expect(await within(() => rig.ask({ verb: "succeed", target: a }), 5_000)).toMatchObject({ status: 409 });
    expect(await within(() => rig.ask({ verb: "cancel", target: b }), 5_000)).toMatchObject({ status: 400 });
    const update = { verb: "update", target: c, fields: { priority: 1 } } as const;
    expect(await within(() => rig.ask(update), 5_000)).toMatchObject({ status: 409, state: "Canceled" });
    expect(await broken(db)).toEqual({});
    await finish(batch);
    expect(await within(() => final, 2_000)).toMatchObject({ counts: { canceled_claimed: many, already_terminal: 0 } });
    expect(await eventsOf(db, b)).toEqual(["claim", "stop_batch"]);
  });

  it("is paused when its start is put off: the outcome is decided with the pause", async () => {
    const { ids, batch } = await made(range(0, many).map(() => ({})));
    await claimAll(many);
    const { final } = await begun({ verb: "pause_batch", target: batch });
    const claim = rig.started.find(({ task }) => task === ids.at(-1));
    const of = { task: claim?.task as string, claimId: claim?.claimId as number };
    rig.mailbox.tell({ type: "start_deferred", waitMs: 60_000, ...of });
    await until(async () => (await rowsOf(db, [of.task]))[0]?.status === "Paused");
    await finish(batch);
    expect(await within(() => final, 2_000)).toMatchObject({ counts: { paused: 0 } });
    expect(await eventsOf(db, of.task)).toEqual(["claim", "start_deferred"]);
  });
});

describe("what meets a cascade", () => {
  const cascade = async (more: object[] = []) => {
    const { ids, batch } = await made([{}, ...range(0, many).map(() => needs(0)), ...more]);
    await claimAll(1 + more.length);
    const failure = await begun({ verb: "fail", target: ids[0] as string, fields });
    return { ids, batch, failure };
  };

  it("a stop goes alone; both are answered, and the batch is complete once", async () => {
    const { ids, batch, failure } = await cascade();
    const before = tally(await rowsOf(db, ids));
    const stop = await begun({ verb: "stop_batch", target: batch });
    await finish(batch);
    expect(await within(() => failure.final, 2_000)).toMatchObject({ status: 200, state: "Failure" });
    expect(await within(() => stop.final, 2_000)).toMatchObject({
      counts: { canceled_waiting: before.Waiting, already_terminal: before.Failure },
    });
    expect(tally(await rowsOf(db, ids))).toEqual({ Failure: before.Failure, Canceled: before.Waiting });
    expect(await batchOf(batch)).toMatchObject({ complete: true, notified: 1, ...nothingLeft });
  });

  it("a pause takes turns with it; what is paused still fails with its parent", async () => {
    const { ids, batch, failure } = await cascade([{}]);
    const pause = await begun({ verb: "pause_batch", target: batch });
    await finish(batch);
    expect(await within(() => failure.final, 2_000)).toMatchObject({ status: 200 });
    const answer = await within(() => pause.final, 2_000);
    expect(answer?.counts?.paused).toBeLessThanOrEqual(many);
    expect(tally(await rowsOf(db, ids))).toEqual({ Failure: many + 1, Claimed: 1 });
    expect(await batchOf(batch)).toMatchObject({ complete: false, ...nothingLeft });
  });

  it("the cancel of a task that it has not reached stands", async () => {
    const { ids, batch, failure } = await cascade();
    const waiting = (await rowsOf(db, ids)).find(({ status }) => status === "Waiting") as Seen;
    expect(await within(() => rig.ask({ verb: "cancel", target: waiting.id }), 5_000)).toMatchObject({ status: 200 });
    await finish(batch);
    expect(await within(() => failure.final, 2_000)).toMatchObject({ status: 200 });
    expect(tally(await rowsOf(db, ids))).toEqual({ Failure: many, Canceled: 1 });
  });
});

describe("nothing is lost", () => {
  it("where its worker dies between two portions: another one goes on, and answers", async () => {
    const { ids, batch } = await made([{}, ...range(0, many).map(() => needs(0))]);
    await claimAll(1);
    const { final, isAnswered } = await begun({ verb: "fail", target: ids[0] as string, fields });
    await next(batch);
    await rig.stop();
    expect(isAnswered()).toBe(false);
    const other = startRig(db, 2, 0);
    expect(await within(() => final, 20_000)).toMatchObject({ status: 200, state: "Failure" });
    expect([tally(await rowsOf(db, ids)), await broken(db)]).toEqual([{ Failure: many + 1 }, {}]);
    await until(async () => (await batchOf(batch))?.workRows === 0);
    await other.stop();
  });

  it("where it dies before the answer: another one sends it", async () => {
    const { batch } = await made(range(0, many).map(() => ({})));
    const { final, isAnswered } = await begun({ verb: "stop_batch", target: batch });
    for (let done = await portion(db, env, batch); done?.isMore; ) done = await portion(db, env, batch);
    expect(await batchOf(batch)).toMatchObject({ complete: true, works: 0, workRows: 1 });
    expect(isAnswered()).toBe(false);
    const other = startRig(db, 2, 0);
    expect(await within(() => final, 20_000)).toMatchObject({ counts: { canceled_pending: many } });
    await until(async () => (await batchOf(batch))?.workRows === 0);
    await other.stop();
  });

  it("a command that comes again waits for the work, and gets the same answer, then and later", async () => {
    const { batch } = await made(range(0, many).map(() => ({})));
    const stop = { verb: "stop_batch", target: batch, id: randomUUID() } as const;
    const first = await begun(stop);
    const again = await begun(stop);
    const keyed = await begun({ ...stop, id: randomUUID(), key: "mine" });
    expect(await batchOf(batch)).toMatchObject({ works: 2 });
    await finish(batch);
    const answer = await within(() => first.final, 2_000);
    expect(answer).toMatchObject({ status: 200, counts: { canceled_pending: many, already_terminal: 0 } });
    expect(await within(() => again.final, 2_000)).toEqual(answer);
    expect(await within(() => keyed.final, 2_000)).toMatchObject({
      counts: { canceled_pending: 0, already_terminal: many },
    });
    expect((await within(() => rig.begin(stop), 5_000)).first).toEqual(answer);
  });

  it("by several workers at once: every task is counted once", async () => {
    const { ids, batch } = await made([{}, ...range(0, many).map(() => needs(0))]);
    await claimAll(1);
    const { final } = await begun({ verb: "fail", target: ids[0] as string, fields });
    const others = [2, 3].map((owner) => startRig(db, owner, 0));
    for (const other of others) other.works.nudge([batch]);
    expect(await within(() => final, 20_000)).toMatchObject({ status: 200 });
    await Promise.all(others.map((other) => other.stop()));
    expect([await broken(db), await batchOf(batch)]).toMatchObject([{}, { complete: true, notified: 1, works: 0 }]);
  });
});
