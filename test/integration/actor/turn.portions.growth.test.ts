// Tasks that are added while a cascade, a pause or a stop of their batch is under way in portions: they begin by what is
// decided already, and what is under way never comes to them a second time.
import { describe, expect, it } from "vitest";
import { Faults } from "#domain/faults";
import { answerAdd } from "#intake/grow";
import { strict } from "#test/policy";
import { within } from "#test/until";
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
} from "./portions.stage.ts";
import { eventsOf, rowsOf } from "./stage.ts";

const config = {
  maxTasksPerBatch: 1_000,
  maxDepsPerTask: 100,
  maxLinksPerBatch: 1_000,
  maxActionsPerTask: 20,
  maxUnfinishedTasks: 0,
};

/** Adds tasks at the commands; what must hold after every commit, holds. */
async function add(batch: string, tasks: readonly { id: string; dependencies?: readonly object[] }[]) {
  const body = tasks.map((task) => ({ name: task.id, kind: "k", ...task }));
  const deps = { config, policy: strict, db, commands: { notifyClaims: () => {} } };
  const sent = { body, bytes: 1_000, faults: new Faults() };
  const asking = { actor: "nats", role: "operate", isRehearsal: false, key: undefined } as const;
  const { status, body: answer } = await answerAdd(deps, { batch, task: null }, sent, asking);
  expect(await broken(db)).toEqual({});
  const added = status === 201 ? (answer as { id: string; status: string }[]) : [];
  return {
    status,
    code: (answer as { code?: string } | undefined)?.code,
    ids: added.map(({ id }) => id),
    begun: added.map((one) => one.status),
  };
}
const statuses = async (ids: readonly string[]) => (await rowsOf(db, ids)).map(({ status }) => status);

describe("while a cascade is under way", () => {
  const cascade = async (children = many) => {
    const { ids, batch } = await made([{}, ...range(0, children).map(() => needs(0))]);
    await claimAll(1);
    const failure = await begun({ verb: "fail", target: ids[0] as string, fields });
    return { ids, batch, failure };
  };
  const last = many;

  it("what is added below its cause begins by how that ended, and does not hear of it again", async () => {
    const { batch, failure } = await cascade();
    const added = await add(batch, [
      { id: "required", ...needs(0) },
      { id: "despite", dependencies: [{ id: "t0", condition: "on_failure" }] },
      { id: "both", dependencies: [{ id: "t0" }, { id: `t${last}` }] },
    ]);
    expect(added.begun).toEqual(["Failure", "Pending", "Waiting"]);
    await finish(batch);
    expect(await within(() => failure.final, 2_000)).toMatchObject({ status: 200, state: "Failure" });
    // The one that waited has heard of its other parent, which the cascade came to after it was added.
    expect(await statuses(added.ids)).toEqual(["Failure", "Pending", "Pending"]);
    expect(await eventsOf(db, added.ids[0] as string)).toEqual(["parent_lost"]);
    expect(await batchOf(batch)).toMatchObject({ unfinished: 2, complete: false });
  });

  it("what is added below a task that it has still to come to is lost with that", async () => {
    const { batch } = await cascade();
    const added = await add(batch, [
      { id: "lost", ...needs(last) },
      { id: "below", dependencies: [{ id: "lost", condition: "always" }] },
    ]);
    expect(added.begun).toEqual(["Waiting", "Waiting"]);
    await finish(batch);
    expect(await statuses(added.ids)).toEqual(["Failure", "Pending"]);
  });

  it("what is added below a parent of all that it takes away keeps that from being a dead end", async () => {
    const other = many + 1;
    const { ids, batch } = await made([
      {},
      ...range(0, many).map(() => ({ dependencies: [{ id: "t0", requires_success: true }, { id: `t${other}` }] })),
      {},
    ]);
    await claimAll(2);
    await begun({ verb: "fail", target: ids[0] as string, fields });
    const added = await add(batch, [{ id: "still", dependencies: [{ id: `t${other}` }] }]);
    await finish(batch);
    expect(await statuses([ids[other] as string, ...added.ids])).toEqual(["Claimed", "Waiting"]);
    expect(await rig.ask({ verb: "succeed", target: ids[other] as string })).toMatchObject({ status: 200 });
    expect(await statuses(added.ids)).toEqual(["Pending"]);
  });

  it("of what is added between any two portions, all comes to its end", async () => {
    const { batch } = await cascade(2 * many);
    const added: string[] = [];
    for (let n = 0, isMore = true; isMore; n++) {
      const parents = [`t${1 + ((n * 37) % many)}`, "t0"].map((id) => ({ id, condition: "on_failure" }));
      added.push(...(await add(batch, [{ id: `added ${n}`, dependencies: parents }])).ids);
      isMore = (await next(batch))?.isMore === true;
    }
    expect(added.length).toBeGreaterThan(3);
    expect(new Set(await statuses(added))).toEqual(new Set(["Pending"]));
    await claimAll(added.length);
    await Promise.all(added.map((target) => rig.ask({ verb: "succeed", target })));
    expect(await batchOf(batch)).toMatchObject({ complete: true, notified: 1, ...nothingLeft });
  });
});

describe("while a pause is under way", () => {
  it("what is added is paused with the batch, and goes on with its resume", async () => {
    const { batch } = await made(range(0, many).map(() => ({})));
    const pause = await begun({ verb: "pause_batch", target: batch });
    const added = await add(batch, [{ id: "a" }, { id: "b", ...needs(many - 1) }]);
    expect(added.begun).toEqual(["Paused", "Paused"]);
    await finish(batch);
    // They were never paused by the command.
    expect(await within(() => pause.final, 2_000)).toMatchObject({ counts: { paused: many } });
    const resume = await begun({ verb: "resume_batch", target: batch });
    const late = await add(batch, [{ id: "late" }]);
    expect(late.begun).toEqual(["Pending"]);
    await finish(batch);
    expect(await within(() => resume.final, 2_000)).toMatchObject({ counts: { resumed: many + 2 } });
    expect(await statuses([...added.ids, ...late.ids])).toEqual(["Pending", "Waiting", "Pending"]);
  });
});

describe("while a stop is under way", () => {
  it("nothing can be added", async () => {
    const { batch } = await made(range(0, many).map(() => ({})));
    await begun({ verb: "stop_batch", target: batch });
    expect(await add(batch, [{ id: "a" }])).toMatchObject({ status: 409, code: "batch_complete" });
    await finish(batch);
    expect(await add(batch, [{ id: "a" }])).toMatchObject({ status: 409, code: "batch_complete" });
    expect(await batchOf(batch)).toMatchObject({ complete: true, notified: 1, ...nothingLeft });
  });
});
