// Work in portions that always fails, by a trigger that refuses one task: only the step or the sweep that is to blame is set
// aside, as a dead letter. Its asker is answered, the rest of the batch goes on, and after the pause it is tried again.
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Answer } from "#domain/command";
import type { Db } from "#store/pg/pool";
import { batchesWithWork } from "#store/turn/works";
import { stays, until, within } from "#test/until";
import { broken } from "./portions.facts.ts";
import { create, openStage, type Rig, rowsOf, type Sent, startRig } from "./stage.ts";

let db: Db;
let rig: Rig;
let cure = async () => {};
beforeAll(async () => {
  ({ db } = await openStage());
});
beforeEach(async () => {
  await db.use((sql) => sql`truncate batch, task, batch_work, propagation, command cascade`);
  rig = startRig(db);
});
afterEach(async () => {
  await rig.stop();
  await cure();
});

/** Postgres refuses every change of this task that `when` is true of, until it is cured. */
async function poison(id: string, when = "true"): Promise<void> {
  cure = () => db.use((sql) => sql`drop trigger if exists poison on task`).then(() => {});
  await cure();
  await db.use(async (sql) => {
    await sql`create or replace function refuse() returns trigger language plpgsql as
      $$ begin raise exception 'this row is poison'; end $$`;
    await sql.unsafe(`create trigger poison before update on task for each row
      when (old.id = '${id}' and ${when}) execute function refuse()`);
  });
}

const pauseIsOver = () =>
  db.use(async (sql) => {
    await sql`update propagation set aside_until = now() where aside_until is not null`;
    await sql`update batch_work set aside_until = now() where aside_until is not null`;
  });
const child = (...parents: number[]): Partial<Sent> =>
  ({ dependencies: parents.map((i) => ({ id: `t${i}`, requires_success: true })) }) as never;
const width = 600;
const many = <T>(n: number, one: T): T[] => Array.from({ length: n }, () => one);
const asked = (command: Parameters<Rig["ask"]>[0]): Promise<Answer | null> => within(() => rig.ask(command), 30_000);
const refused = { status: 503, code: "busy" };
const reason = expect.stringContaining("this row is poison");
const left = (batch: string) =>
  db.use(async (sql) => {
    const [row] = await sql`
      select unfinished, works, completed_at is not null as "isComplete",
        (select count(*)::int from propagation where batch_id = b.id) as steps
      from batch b where id = ${batch}`;
    return row;
  });
const stateOf = async (id: string) => (await rowsOf(db, [id]))[0]?.status;
const complete = { unfinished: 0, works: 0, isComplete: true, steps: 0 };

describe("a step that always fails", () => {
  it("is set aside alone, and tried again by a later process", { timeout: 60_000 }, async () => {
    const { batch, ids } = await create(db, [{}, ...many(width, child(0))]);
    const last = ids.at(-1) as string;
    await poison(last);
    expect(await asked({ verb: "cancel", target: ids[0] as string })).toMatchObject(refused);
    expect(await left(batch)).toEqual({ unfinished: 1, works: 1, isComplete: false, steps: 1 });
    expect(rig.aside).toEqual([
      { batch, part: { step: expect.objectContaining({ taskId: last, step: "judge" }) }, reason },
    ]);
    expect(await broken(db)).toEqual({});
    // The loop rests: there is nothing that it could do.
    expect(await batchesWithWork(db, [], 0, 16)).toEqual([]);
    await rig.stop();

    await pauseIsOver();
    expect(await batchesWithWork(db, [], 0, 16)).toEqual([batch]);
    await cure();
    rig = startRig(db, 2);
    await until(async () => (await left(batch))?.isComplete === true, 10_000);
    expect(await left(batch)).toEqual(complete);
    expect(await stateOf(last)).toBe("Failure");
  });

  it("is one dead letter, however often it is tried", { timeout: 60_000 }, async () => {
    const { batch, ids } = await create(db, [{}, ...many(width, child(0))]);
    await poison(ids.at(-1) as string);
    await asked({ verb: "cancel", target: ids[0] as string });
    await pauseIsOver();
    const failures = () =>
      db.use((sql) => sql`select failures from propagation where batch_id = ${batch} and aside_until > now()`);
    await until(async () => (await failures())[0]?.failures === 2, 30_000);
    expect(rig.aside).toHaveLength(1);
    expect(await batchesWithWork(db, [], 0, 16)).toEqual([]);
  });

  it("holds up no other command of its batch", { timeout: 60_000 }, async () => {
    const { batch, ids } = await create(db, [{}, {}, ...many(width, child(1)), ...many(width, child(0))]);
    await poison(ids.at(-1) as string);
    expect(await asked({ verb: "cancel", target: ids[0] as string })).toMatchObject(refused);
    expect(await asked({ verb: "cancel", target: ids[1] as string })).toMatchObject({ status: 200, state: "Canceled" });
    expect(await left(batch)).toEqual({ unfinished: 1, works: 1, isComplete: false, steps: 1 });
    expect(await broken(db)).toEqual({});
  });

  it("is not hidden from a second command that leads to it", { timeout: 60_000 }, async () => {
    const { ids } = await create(db, [{}, {}, ...many(width, child(0)), ...many(width, child(1)), child(0, 1)]);
    await poison(ids.at(-1) as string);
    expect(await asked({ verb: "cancel", target: ids[0] as string })).toMatchObject(refused);
    expect(await asked({ verb: "cancel", target: ids[1] as string })).toMatchObject(refused);
    expect(rig.aside).toHaveLength(1);
    expect(await broken(db)).toEqual({});
  });

  it("is waited for by the same report again", { timeout: 60_000 }, async () => {
    const { batch, ids } = await create(db, [{}, ...many(width, child(0))]);
    const target = ids[0] as string;
    await poison(ids.at(-1) as string);
    await db.use((sql) => sql`update task set status = 'Running', started_at = now() where id = ${target}`);
    const report = { verb: "fail", target, fields: { failure_reason: "no" } } as const;
    expect(await asked(report)).toMatchObject(refused);
    const { first, final } = await rig.begin(report);
    expect(first).toMatchObject({ status: 202, propagating: true });
    expect(await Promise.race([final, stays(async () => (await left(batch))?.works === 2, 1_500)])).toBe(undefined);
    await cure();
    await pauseIsOver();
    expect(await within(() => final, 30_000)).toMatchObject({ status: 200, state: "Failure" });
    expect(await left(batch)).toEqual(complete);
  });
});

describe("a sweep that always fails", () => {
  const refusesPause = "new.status = 'Paused'";
  const at = width + 100;

  it("is set aside, and those after it wait for it", { timeout: 60_000 }, async () => {
    const { batch, ids } = await create(db, many(2 * width, {}));
    await poison(ids[at] as string, refusesPause);
    expect(await asked({ verb: "pause_batch", target: batch })).toMatchObject(refused);
    expect(rig.aside).toEqual([{ batch, part: { sweep: expect.any(Number), kind: "pause" }, reason }]);
    expect(await asked({ verb: "cancel", target: ids[0] as string })).toMatchObject({ status: 200 });
    const { first, final } = await rig.begin({ verb: "resume_batch", target: batch });
    expect(first).toMatchObject({ status: 202 });
    await until(async () => (await batchesWithWork(db, [], 0, 16)).length === 0);
    expect(await left(batch)).toMatchObject({ works: 2 });
    await cure();
    await pauseIsOver();
    expect(await within(() => final, 30_000)).toMatchObject({ status: 200, counts: { resumed: 2 * width - 1 } });
    expect(await left(batch)).toMatchObject({ works: 0, unfinished: 2 * width - 1 });
    expect(new Set((await rowsOf(db, ids.slice(1))).map(({ status }) => status))).toEqual(new Set(["Pending"]));
  });

  it("does not hold up a stop, nor propagation", { timeout: 60_000 }, async () => {
    const { batch, ids } = await create(db, [{}, ...many(2 * width, child(0)), {}]);
    await poison(ids.at(-1) as string, refusesPause);
    expect(await asked({ verb: "pause_batch", target: batch })).toMatchObject(refused);
    expect(await asked({ verb: "cancel", target: ids[0] as string })).toMatchObject({ status: 200 });
    expect(await left(batch)).toMatchObject({ unfinished: 1, works: 1, steps: 0 });
    expect(await asked({ verb: "stop_batch", target: batch })).toMatchObject({ status: 200 });
    expect(await left(batch)).toEqual(complete);
  });
});
