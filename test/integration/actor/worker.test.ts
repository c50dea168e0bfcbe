// The loops round the turn: nothing that follows a commit may undo it, repeat it, or end the loop.
import { randomUUID } from "node:crypto";
import { afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import type { Answer } from "#domain/command";
import type { Db } from "#store/pg/pool";
import { until, within } from "#test/until";
import { create, openStage, type Rig, startRig } from "./stage.ts";

let db: Db;
let rig: Rig;
beforeAll(async () => {
  ({ db } = await openStage());
});
beforeEach(() => {
  rig = startRig(db);
});
afterEach(() => rig.stop());

const statusOf = (id: string) =>
  db.use(async (sql) => (await sql<{ status: string }[]>`select status::text from task where id = ${id}`)[0]?.status);

it("answers a command, and one about nothing", async () => {
  const { ids } = await create(db, [{}]);
  expect(await within(() => rig.ask({ verb: "cancel", target: ids[0] as string }), 5_000)).toMatchObject({
    status: 200,
    state: "Canceled",
  });
  expect(await within(() => rig.ask({ verb: "cancel", target: randomUUID() }), 5_000)).toMatchObject({ status: 404 });
});

it("knows a task from a batch, whichever is asked for by the other's name", async () => {
  const { ids, batch } = await create(db, [{}]);
  expect(await within(() => rig.ask({ verb: "cancel", target: batch }), 5_000)).toMatchObject({ status: 404 });
  expect(await within(() => rig.ask({ verb: "update", target: batch, fields: { priority: 1 } }), 5_000)).toMatchObject({
    status: 404,
  });
  expect(await within(() => rig.ask({ verb: "stop_batch", target: ids[0] as string }), 5_000)).toMatchObject({
    status: 404,
  });
});

it("goes on when an answer cannot be sent, and takes nothing back", async () => {
  const { ids } = await create(
    db,
    Array.from({ length: 8 }, () => ({})),
  );
  const answers: (Answer | null)[] = [];
  let throws = 0;
  for (const [i, target] of ids.entries())
    void rig.ask(
      { verb: "cancel", target },
      {
        settle: (answer) => {
          answers.push(answer);
          if (i !== 3) return;
          throws++;
          throw new Error("the way back is no subject");
        },
      },
    );
  await until(() => answers.length >= 8);
  for (const id of ids) expect(await statusOf(id)).toBe("Canceled");
  const { ids: next } = await create(db, [{}]);
  expect(await within(() => rig.ask({ verb: "cancel", target: next[0] as string }), 5_000)).toMatchObject({
    status: 200,
  });
  expect([throws, answers.length, rig.deadLetters.length]).toEqual([1, 8, 0]);
});

it("finds the one command that breaks the connection of its turn, gives it up, and decides the others", async () => {
  const { ids } = await create(
    db,
    Array.from({ length: 6 }, () => ({})),
  );
  const killer = ids[2] as string;
  await db.use(async (sql) => {
    await sql`
      create function break_connection() returns trigger language plpgsql as
      'begin perform pg_terminate_backend(pg_backend_pid()); return new; end'`;
    await sql.unsafe(`
      create trigger breaks before update on task for each row when (new.id = '${killer}')
      execute function break_connection()`);
  });
  const answers = ids.map((target) => rig.ask({ verb: "cancel", target }, { expires: false }));
  const others = answers.filter((_, i) => ids[i] !== killer);
  for (const answer of await within(() => Promise.all(others), 10_000)) expect(answer).toMatchObject({ status: 200 });
  expect(await within(() => answers[2] as Promise<Answer>, 30_000)).toMatchObject({ status: 503, code: "busy" });
  expect(rig.deadLetters.map(({ item }) => item.command)).toMatchObject([{ verb: "cancel", target: killer }]);
  await db.use((sql) => sql`drop function break_connection cascade`);
  const again = () => rig.ask({ verb: "cancel", target: killer });
  expect(await within(again, 5_000)).toMatchObject({ status: 200, state: "Canceled" });
}, 60_000);

it("makes a dead letter of the one command that cannot be decided, and decides the others", async () => {
  const { ids } = await create(
    db,
    Array.from({ length: 6 }, () => ({})),
  );
  const poison = { verb: "cancel", target: "no id at all" } as const;
  const asked = [
    ...ids.slice(0, 3).map((target) => ({ verb: "cancel", target }) as const),
    poison,
    ...ids.slice(3).map((target) => ({ verb: "cancel", target }) as const),
  ];
  const answers = await within(() => Promise.all(asked.map((command) => rig.ask(command))), 10_000);
  expect(answers.map((answer) => answer?.status)).toEqual([200, 200, 200, 503, 200, 200, 200]);
  expect(rig.deadLetters.map(({ item }) => item.command)).toMatchObject([poison]);
});
