// What follows from a command is more than one transaction may hold: it is done in portions, on a real database. The counts are
// right after each of them, and the asker is answered after the last.
import { describe, expect, it } from "vitest";
import { ensureKeyTemplates } from "#store/rules/key-templates";
import { stays, within } from "#test/until";
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
import { eventsOf, rowsOf } from "./stage.ts";

describe("a cascade", () => {
  it("larger than a portion is answered after the last one; the batch is complete once", async () => {
    const { ids, batch } = await made([{}, ...range(0, many).map(() => needs(0))]);
    await claimAll(1);
    const { first, final, isAnswered } = await begun({ verb: "fail", target: ids[0] as string, fields });
    expect(first).toMatchObject({ state: "Failure", attempt: 0 });
    const reached = tally(await rowsOf(db, ids));
    expect(reached.Waiting).toBeGreaterThan(0);
    expect((await next(batch))?.isMore).toBe(true);
    expect(isAnswered()).toBe(false);
    await finish(batch);
    expect(await within(() => final, 2_000)).toEqual({ status: 200, id: ids[0], state: "Failure", attempt: 0 });
    const rows = await rowsOf(db, ids);
    expect(tally(rows)).toEqual({ Failure: many + 1 });
    expect(new Set(rows.slice(1).map(({ reason }) => reason))).toEqual(new Set(["Required parent task t0 failed"]));
    expect(await batchOf(batch)).toMatchObject({ unfinished: 0, complete: true, notified: 1, ...nothingLeft });
  });

  it("down a chain ends as in one transaction, each for its own parent", async () => {
    const { ids, batch } = await made(range(0, many).map((i) => (i === 0 ? {} : needs(i - 1))));
    await claimAll(1);
    const { final } = await begun({ verb: "fail", target: ids[0] as string, fields });
    expect(await finish(batch)).toBeGreaterThan(1);
    expect(await within(() => final, 2_000)).toMatchObject({ status: 200 });
    const rows = await rowsOf(db, ids);
    expect(tally(rows)).toEqual({ Failure: many });
    expect(rows.slice(1).map(({ reason }) => reason)).toEqual(
      range(0, many - 1).map((i) => `Required parent task t${i} failed`),
    );
  });

  it("up a chain cancels every parent without a purpose", async () => {
    const { ids, batch } = await made(
      range(0, many).map((i) => (i === 0 ? {} : { dependencies: [{ id: `t${i - 1}` }] })),
    );
    const { final } = await begun({ verb: "cancel", target: ids[many - 1] as string });
    expect(await finish(batch)).toBeGreaterThan(1);
    expect(await within(() => final, 2_000)).toMatchObject({ status: 200, state: "Canceled" });
    expect(tally(await rowsOf(db, ids))).toEqual({ Canceled: many });
    expect(await batchOf(batch)).toMatchObject({ complete: true, notified: 1, ...nothingLeft });
  });

  it("tells many children that their parent has ended, and cancels what has no purpose only then", async () => {
    // Of two parents: the one succeeds, so its children go on; the failure of the other reaches some of them later.
    const tasks = [{}, {}, ...range(0, many).map((i) => needs(...(i % 2 === 0 ? [0] : [0, 1])))];
    const { ids, batch } = await made(tasks);
    await claimAll(2);
    const success = await begun({ verb: "succeed", target: ids[0] as string });
    const failure = await begun({ verb: "fail", target: ids[1] as string, fields });
    await finish(batch);
    expect(await within(() => success.final, 2_000)).toMatchObject({ status: 200, state: "Success" });
    expect(await within(() => failure.final, 2_000)).toMatchObject({ status: 200, state: "Failure" });
    expect(tally(await rowsOf(db, ids))).toEqual({ Success: 1, Failure: 1 + many / 2, Pending: many / 2 });
    expect(await batchOf(batch)).toMatchObject({ unfinished: many / 2, complete: false, ...nothingLeft });
  });

  it("lets a report of another task of the batch through between two portions", async () => {
    const { ids, batch } = await made([{}, {}, ...range(0, many).map(() => needs(0))]);
    await claimAll(2);
    const { final, isAnswered } = await begun({ verb: "fail", target: ids[0] as string, fields });
    const other = await within(() => rig.begin({ verb: "succeed", target: ids[1] as string }), 5_000);
    expect(other.first).toEqual({ status: 200, id: ids[1], state: "Success", attempt: 0 });
    expect([isAnswered(), await broken(db)]).toEqual([false, {}]);
    await finish(batch);
    expect(await within(() => final, 2_000)).toMatchObject({ status: 200 });
  });

  it("is the same for a report that comes again: it waits for what the first one began", async () => {
    const { ids, batch } = await made([{}, ...range(0, many).map(() => needs(0))]);
    await claimAll(1);
    const report = { verb: "fail", target: ids[0] as string, fields } as const;
    const first = await begun(report);
    const again = await begun(report);
    await finish(batch);
    expect(await within(() => again.final, 2_000)).toEqual(await within(() => first.final, 2_000));
    expect(await eventsOf(db, ids[0] as string)).toEqual(["claim", "fail"]);
    expect(await within(() => rig.begin(report), 5_000)).toMatchObject({ first: { status: 200 } });
  });
});

describe("a sweep", () => {
  it("stops every unfinished task itself, in portions, and counts what it found", async () => {
    const { ids, batch } = await made(range(0, many).map((i) => (i < 20 ? {} : needs(i - 20))));
    await claimAll(20);
    for (const target of ids.slice(0, 5)) await rig.ask({ verb: "succeed", target });
    await rig.ask({ verb: "pause", target: ids[30] as string });
    const { first, final, isAnswered } = await begun({ verb: "stop_batch", target: batch });
    expect(first?.counts).toMatchObject({ canceled_waiting: 0 });
    expect(await batchOf(batch)).toMatchObject({ stopping: true, works: 1, complete: false });
    expect((await next(batch))?.isMore).toBe(true);
    expect(isAnswered()).toBe(false);
    expect(await finish(batch)).toBe(2);
    expect(await within(() => final, 2_000)).toEqual({
      ...{ status: 200, id: batch },
      counts: {
        ...{ canceled_waiting: many - 26, canceled_pending: 5, canceled_claimed: 15, canceled_running: 0 },
        ...{ canceled_paused: 1, canceled_retrying: 0, already_terminal: 5 },
      },
    });
    const rows = await rowsOf(db, ids);
    expect(tally(rows)).toEqual({ Success: 5, Canceled: many - 5 });
    expect(new Set(rows.slice(5).map(({ reason }) => reason))).toEqual(new Set(["Batch stopped"]));
    expect(await batchOf(batch)).toMatchObject({ unfinished: 0, complete: true, notified: 1, ...nothingLeft });
  });

  it("pauses and resumes, each exactly what is there, and leaves what was paused by itself", async () => {
    const { ids, batch } = await made(range(0, many).map((i) => (i < 600 ? {} : needs(i - 600))));
    await claimAll(10);
    await rig.ask({ verb: "pause", target: ids[700] as string });
    const paused = await begun({ verb: "pause_batch", target: batch });
    expect(await batchOf(batch)).toMatchObject({ paused: true, works: 1 });
    expect(await finish(batch)).toBe(3);
    expect(await within(() => paused.final, 2_000)).toEqual({ status: 200, id: batch, counts: { paused: many - 11 } });
    expect(tally(await rowsOf(db, ids))).toEqual({ Claimed: 10, Paused: many - 10 });
    const resumed = await begun({ verb: "resume_batch", target: batch });
    expect(await batchOf(batch)).toMatchObject({ paused: false, works: 1 });
    await finish(batch);
    expect(await within(() => resumed.final, 2_000)).toEqual({
      status: 200,
      id: batch,
      counts: { resumed: many - 11 },
    });
    expect(tally(await rowsOf(db, ids))).toEqual({ Claimed: 10, Pending: 590, Waiting: many - 601, Paused: 1 });
  });

  it("queues behind another: a resume that comes while the pause still runs", async () => {
    const { ids, batch } = await made(range(0, many).map(() => ({})));
    const paused = await begun({ verb: "pause_batch", target: batch });
    await next(batch);
    const resumed = await begun({ verb: "resume_batch", target: batch });
    expect(await batchOf(batch)).toMatchObject({ paused: false, works: 2 });
    // Whoever is changed meanwhile gets both, in their order.
    const last = ids.at(-1) as string;
    expect(await within(() => rig.ask({ verb: "pause", target: last }), 5_000)).toMatchObject({ state: "Paused" });
    expect(await eventsOf(db, last)).toEqual(["pause_batch", "resume_batch", "pause"]);
    await finish(batch);
    expect(await within(() => paused.final, 2_000)).toMatchObject({ counts: { paused: many } });
    expect(await within(() => resumed.final, 2_000)).toMatchObject({ counts: { resumed: many } });
    expect(tally(await rowsOf(db, ids))).toEqual({ Pending: many - 1, Paused: 1 });
  });

  it("gives other rules to the tasks of one kind", async () => {
    const { ids, batch } = await made(range(0, many).map((i) => ({ kind: i % 2 === 0 ? "mail" : "other" })));
    const rule = { type: "Concurrency", max_concurrency: 1, matcher: { kind: "mail", status: "Running", fields: [] } };
    const rules = { kind: "mail", rules: [rule] };
    // As the API does before it asks.
    await ensureKeyTemplates(db, rules.rules as never);
    const { final } = await begun({ verb: "set_rules", target: batch, rules });
    await finish(batch);
    expect(await within(() => final, 5_000)).toEqual({ status: 200, id: batch, counts: { updated_count: many / 2 } });
    const ruled = await db.use(
      (sql) =>
        sql`select id from task_spec where batch_id = ${batch} and rules = ${JSON.stringify(rules.rules)}::text::jsonb`,
    );
    expect(new Set(ruled.map(({ id }) => id))).toEqual(new Set(ids.filter((_, i) => i % 2 === 0)));
    await claimAll(1 + many / 2);
    await stays(() => rig.started.length === 1 + many / 2, 200);
  });
});
