// Work in portions on a real database, turn by turn and portion by portion: what one transaction could not do is written down with
// its command, nothing is lost or done twice, and the answer comes when all is done.
import { randomUUID } from "node:crypto";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { portion } from "#actor/portions/portion";
import { turn } from "#actor/turn/turn";
import type { Answer, ClientCommand } from "#domain/command";
import type { Work } from "#domain/propagation/work";
import type { Item } from "#domain/turn/items";
import type { Db } from "#store/pg/pool";
import { create, env, eventsOf, openStage, type Sent } from "./stage.ts";

let db: Db;
beforeAll(async () => {
  ({ db } = await openStage());
});
beforeEach(() => db.use((sql) => sql`truncate batch, task, batch_work, propagation, command cascade`));

type Asked = Partial<ClientCommand> & Pick<ClientCommand, "verb" | "target">;

const item = (command: Asked, more: Partial<Extract<Item, { from: "client" }>> = {}): Item => ({
  ...{ from: "client", storedAt: Date.now(), expires: true, replyTo: null, settle: () => {} },
  ...{ command: { id: randomUUID(), actor: "token", ...command }, ...more },
});

/** The answers of one turn, in the order of its commands. */
async function ask(...items: readonly Item[]): Promise<(Answer | null)[]> {
  const { settled, waiting, left } = await turn(db, env, "batch", items, null);
  expect([waiting.size, left.length]).toEqual([0, 0]);
  return settled.map(({ answer }) => answer);
}

/** Takes portions until nothing is left; returns the works that were done. */
async function finish(batch: string, size = 1): Promise<Work[]> {
  const ended: Work[] = [];
  for (let n = 0; n < 100; n++) {
    const done = await portion(db, env, batch, size);
    if (done === null) return ended;
    ended.push(...done.ended);
  }
  throw new Error("the work of this batch has no end");
}

const batchOf = (id: string) =>
  db.use(
    async (sql) =>
      (
        await sql`
        select unfinished, works, completed_at is not null as "isComplete",
          (select count(*)::int from task where batch_id = b.id and ended_at is null) as "stillOpen",
          (select count(*)::int from propagation where batch_id = b.id) as steps
        from batch b where id = ${id}`
      )[0],
  );
const waits = (ids: readonly string[]) =>
  db.use(
    (sql) => sql`
      select status, wait_finished as waits, open_children as open from task where id = any(${`{${ids.join(",")}}`}::uuid[])
      order by pos`,
  );

const child = (parents: Record<string, boolean>, more: Partial<Sent> = {}): Partial<Sent> =>
  ({
    dependencies: Object.entries(parents).map(([id, requires_success]) => ({ id, requires_success })),
    ...more,
  }) as never;
const many = (n: number): Partial<Sent>[] => Array.from({ length: n }, () => ({}));
/** A root and so many tasks that require it: more than one turn does. */
const fan = (n = 600): Partial<Sent>[] => [{}, ...Array.from({ length: n }, () => child({ t0: true }))];
const complete = { unfinished: 0, works: 0, isComplete: true, stillOpen: 0, steps: 0 };

describe("what is left of a command", () => {
  it("waits under that command, whatever else the turn decides", async () => {
    const [large, small] = [await create(db, fan()), await create(db, many(3))];
    const answers = await ask(
      item({ verb: "cancel", target: large.ids[0] as string }),
      item({ verb: "cancel", target: small.ids[0] as string }),
      item({ verb: "cancel", target: randomUUID() }),
    );
    expect(answers.map((answer) => answer?.status)).toEqual([202, 200, 404]);
    expect(await batchOf(large.batch)).toMatchObject({ works: 1 });
    expect((await finish(large.batch)).map(({ kind, answer }) => [kind, answer?.status])).toEqual([
      ["propagation", 200],
    ]);
    expect(await batchOf(large.batch)).toEqual(complete);
  });

  it("is done in portions of any size", async () => {
    const { batch, ids } = await create(db, [...fan(), child({ t600: true })]);
    expect((await ask(item({ verb: "cancel", target: ids[0] as string })))[0]).toMatchObject({ status: 202 });
    expect(await finish(batch, 1 / 64)).toHaveLength(1);
    expect(await batchOf(batch)).toEqual(complete);
  });

  it("is waited for by a repetition in the same turn as well", async () => {
    const { batch, ids } = await create(db, fan());
    const command = { id: randomUUID(), verb: "cancel", target: ids[0] as string } as const;
    const answers = await ask(item(command, { replyTo: "a 1" }), item(command, { replyTo: "b 1" }));
    expect(answers.map((answer) => answer?.status)).toEqual([202, 202]);
    expect((await finish(batch)).map(({ replies }) => replies)).toEqual([["a 1", "b 1"]]);
    expect((await ask(item(command)))[0]).toMatchObject({ status: 200, state: "Canceled" });
  });

  it("is waited for by the same report again", async () => {
    const { batch, ids } = await create(db, fan());
    const target = ids[0] as string;
    await db.use((sql) => sql`update task set status = 'Running', started_at = now() where id = ${target}`);
    const report = () => item({ verb: "fail", target, fields: { failure_reason: "no" } });
    expect((await ask(report(), report())).map((answer) => answer?.status)).toEqual([202, 202]);
    expect((await ask(report()))[0]).toMatchObject({ status: 202, propagating: true });
    expect(await finish(batch)).toHaveLength(3);
    expect((await ask(report()))[0]).toMatchObject({ status: 200, state: "Failure" });
  });

  it("keeps its key from another request", async () => {
    const { ids } = await create(db, fan());
    const command = { verb: "cancel", target: ids[0] as string, key: "k" } as const;
    expect((await ask(item(command)))[0]).toMatchObject({ status: 202 });
    expect((await ask(item({ ...command, fields: { failure_reason: "other" } })))[0]).toMatchObject({ status: 422 });
  });

  it("was begun: a repetition that comes too late gets the answer of the first one", async () => {
    const { ids } = await create(db, many(1));
    const command = { id: randomUUID(), verb: "cancel", target: ids[0] as string } as const;
    const [first] = await ask(item(command));
    expect(await ask(item(command, { storedAt: 0 }))).toEqual([first]);
  });
});

describe("a sweep in portions", () => {
  it("counts what it stops, and completes the batch", async () => {
    const { batch, ids } = await create(db, fan());
    expect(await ask(item({ verb: "stop_batch", target: batch }))).toMatchObject([{ status: 202, propagating: true }]);
    const counts = { canceled_pending: 1, canceled_waiting: ids.length - 1, already_terminal: 0 };
    expect(await finish(batch)).toMatchObject([{ kind: "stop", answer: { status: 200, counts } }]);
    expect(await batchOf(batch)).toEqual(complete);
  });

  it("comes once to a task that two of its children lead to", async () => {
    const children = [1, 2, 3].map(() => child({ t0: false }));
    const { batch, ids } = await create(db, [{}, ...children, ...many(600)]);
    const [parent, one, other] = ids as [string, string, string];
    expect(await ask(item({ verb: "pause_batch", target: batch }))).toMatchObject([{ status: 202 }]);
    await ask(item({ verb: "cancel", target: one }), item({ verb: "cancel", target: other }));
    expect(await waits([parent])).toEqual([{ status: "Paused", waits: 0, open: 1 }]);
    expect(await eventsOf(db, parent)).toEqual(["pause_batch"]);
    expect(await finish(batch)).toMatchObject([{ kind: "pause", answer: { counts: { paused: ids.length } } }]);
  });
});

describe("a deep cascade", () => {
  it("tells each child once of each parent", async () => {
    const depth = 12;
    const chain = Array.from({ length: depth }, (_, i) => (i === 0 ? {} : child({ [`t${i - 1}`]: true })));
    const [free, ...joins] = [{}, ...chain.map((_, i) => child({ [`t${i}`]: false, [`t${depth}`]: false }))];
    const { ids } = await create(db, [...chain, free as Partial<Sent>, ...joins]);
    expect((await ask(item({ verb: "cancel", target: ids[0] as string })))[0]).toMatchObject({ status: 200 });
    const each = joins.map(() => ({ status: "Waiting", waits: 1, open: 0 }));
    expect(await waits(ids.slice(depth + 1))).toEqual(each);
  });
});
