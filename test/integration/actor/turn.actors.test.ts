// Who did what, on a real database: in one turn with commands of several, and where the work of one command is done in portions
// by several workers.
import { describe, expect, it } from "vitest";
import { portion } from "#actor/portions/portion";
import { within } from "#test/until";
import { broken } from "./portions.facts.ts";
import { begun, claimAll, db, fields, made, many, needs, next, range, rig } from "./portions.stage.ts";
import { env } from "./stage.ts";

const alice = { actor: "token:alice", reason: "wrong input" };

/** What the events of a batch say, and how many say it. */
const saidIn = (batch: string) =>
  db.use(
    (sql) => sql`
      select event, actor, reason, count(*)::int as n from event where batch_id = ${batch} and event <> 'claim'
      group by 1, 2, 3 order by 1, 2, 3`,
  );
const reasonsIn = (batch: string) =>
  db.use((sql) => sql`select distinct failure_reason as reason from task where batch_id = ${batch}`);

/** The rest, by another worker than the one that was asked. */
async function finishElsewhere(batch: string): Promise<number> {
  for (let portions = 1; ; portions++) {
    const done = await portion(db, { ...env, actor: "worker:elsewhere" }, batch);
    if (done) await rig.works.answer(done.ended);
    if (!done?.isMore) return portions;
  }
}

describe("a sweep that is done in portions by several workers", () => {
  it("stops every task in the name of who asked, with the reason in the events alone", async () => {
    const { batch } = await made(range(0, many).map(() => ({})));
    const { final } = await begun({ verb: "stop_batch", target: batch, ...alice });
    await next(batch);
    expect(await finishElsewhere(batch)).toBeGreaterThan(1);
    expect(await within(() => final, 2_000)).toMatchObject({ status: 200 });
    expect(await saidIn(batch)).toEqual([{ event: "stop_batch", ...alice, n: many }]);
    expect(await reasonsIn(batch)).toEqual([{ reason: "Batch stopped" }]);
  });

  it("keeps apart who paused and who resumed, also of a task that a command of another client meets first", async () => {
    const { ids, batch } = await made(range(0, many).map(() => ({})));
    const paused = await begun({ verb: "pause_batch", target: batch, ...alice });
    const resumed = await begun({ verb: "resume_batch", target: batch, actor: "token:bob" });
    await within(() => rig.ask({ verb: "cancel", target: ids.at(-1) as string, actor: "nats" }), 5_000);
    await finishElsewhere(batch);
    expect(await within(() => Promise.all([paused.final, resumed.final]), 2_000)).toMatchObject([
      { counts: { paused: many } },
      { counts: { resumed: many } },
    ]);
    expect(await saidIn(batch)).toEqual([
      { event: "cancel", actor: "nats", reason: "Canceled by request", n: 1 },
      { event: "pause_batch", ...alice, n: many },
      { event: "resume_batch", actor: "token:bob", reason: null, n: many },
    ]);
    expect(await broken(db)).toEqual({});
  });
});

it("a cascade in portions is theirs who do it: only its first task ended by who asked", async () => {
  const { ids, batch } = await made([{}, ...range(0, many).map(() => needs(0))]);
  await claimAll(1);
  const { final } = await begun({ verb: "fail", target: ids[0] as string, actor: "handle", fields });
  await finishElsewhere(batch);
  expect(await within(() => final, 2_000)).toMatchObject({ status: 200 });
  const said = await saidIn(batch);
  expect(said.filter(({ actor }) => actor === "handle")).toEqual([
    { event: "fail", actor: "handle", reason: "broken", n: 1 },
  ]);
  const others = said.filter(({ actor }) => actor !== "handle");
  expect(new Set(others.map(({ actor }) => actor))).toEqual(new Set(["worker:1", "worker:elsewhere"]));
  expect(new Set(others.map(({ reason }) => reason))).toEqual(new Set(["Required parent task t0 failed"]));
  expect(others.reduce((n, row) => n + row.n, 0)).toBe(many);
});

it("commands of several in one turn keep their names, a refused report too", async () => {
  const { ids, batch } = await made([{}, {}, {}, needs(1)]);
  const [a, b, c] = ids as [string, string, string];
  await claimAll(3);
  const [first, second, third] = await Promise.all([
    rig.ask({ verb: "succeed", target: a, actor: "handle" }),
    rig.ask({ verb: "cancel", target: b, actor: "nats", reason: 'say "no", or \\ {x}' }),
    rig.ask({ verb: "succeed", target: c, actor: "token", attempt: 3 }),
  ]);
  expect([first?.status, second?.status, third?.status]).toEqual([200, 200, 409]);
  expect(await saidIn(batch)).toEqual([
    { event: "cancel", actor: "nats", reason: 'say "no", or \\ {x}', n: 1 },
    { event: expect.any(String), actor: "worker:1", reason: "Required parent task t1 failed", n: 1 },
    { event: "succeed", actor: "handle", reason: null, n: 1 },
    { event: "succeed", actor: "token", reason: expect.stringContaining("attempt 3"), n: 1 },
  ]);
});
