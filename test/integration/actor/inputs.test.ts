// Inputs are read in the transaction of the claim, of all its tasks in one query, within bounds; what does not use them sends nothing
// for them.
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ClaimRound } from "#actor/claim/round";
import { type Decided, turn } from "#actor/turn/turn";
import type { Inputs } from "#domain/action";
import type { ClientCommand } from "#domain/command";
import { inputsBytesMax } from "#domain/inputs/inputs";
import type { Item, TurnKind } from "#domain/turn/items";
import type { Db } from "#store/pg/pool";
import { counting } from "./line.ts";
import { create, env, openStage, rowsOf } from "./stage.ts";

let db: Db;
let said: string[];
beforeAll(async () => {
  const stage = await openStage();
  const counted = counting(stage.db);
  db = counted.db;
  said = counted.said;
});
beforeEach(() => db.use((sql) => sql`truncate batch, task, task_spec cascade`));

let tokens = 0;
const round = (max = 256) =>
  new ClaimRound({ free: () => 3_000, limited: () => [], freeMax: 3_000, freeFor: () => 3_000 }, max, () => ({
    ...{ owner: 1, claimId: ++tokens },
  }));
const take = (kind: TurnKind, items: readonly Item[] = [], max = 256): Promise<Decided> =>
  turn(db, env, kind, items, round(max));
const report = (target: string, result: unknown, verb: ClientCommand["verb"] = "succeed"): Item => ({
  ...{ from: "client", storedAt: Date.now(), expires: true, replyTo: null, settle: () => {} },
  command: {
    ...{ id: `c${++tokens}`, actor: "token", verb, target },
    fields: { ...(verb === "fail" ? { failure_reason: "no" } : {}), result },
  },
});
const asks = (inputs: Inputs | undefined, needs: readonly string[], more: object = {}) => ({
  ...{ dependencies: needs.map((id) => ({ id })), ...more },
  on_start: {
    kind: "Webhook",
    params: { url: "http://a:1/", verb: "Post", ...(inputs === undefined ? {} : { inputs }) },
  },
});
const made = async (tasks: readonly object[]) => (await create(db, tasks as never)).ids;
const givenTo = ({ claimed }: Decided) => Object.fromEntries(claimed.map(({ task, inputs }) => [task, inputs]));
const readingInputs = () => said.filter((text) => text.includes("jsonb_each_text(a.sources)")).length;

/** As turns would have written it; `bytes` as the statement that writes results counts them. */
const ended = (ids: readonly string[], result: (n: number) => unknown) =>
  db.tx(async (sql) => {
    const results = JSON.stringify(ids.map((id, n) => ({ id, result: result(n) })));
    await sql`
      update task_spec s set result = u.result::jsonb, result_bytes = octet_length(u.result::text)
      from json_to_recordset(${results}::text::json) u (id uuid, result json) where s.id = u.id`;
    await sql`update task set status = 'Success', ended_at = now() where id = any(${`{${ids.join()}}`}::uuid[])`;
  });

describe("a task that is claimed in the turn that ends its parents", () => {
  it("gets what they reported in that very turn, and before", async () => {
    const ids = await made([{}, {}, asks("parents", ["t0", "t1"])]);
    await take("task");
    await take("batch", [report(ids[0] as string, { rows: 1 })]);
    const decided = await take("batch", [report(ids[1] as string, ["x"])]);
    expect(givenTo(decided)).toEqual({ [ids[2] as string]: { localId: "t2", values: { t0: { rows: 1 }, t1: ["x"] } } });
  });

  it("gets what stood there before, where the last word brings no other result", async () => {
    const ids = await made([{}, asks("parents", ["t0"])]);
    await take("task");
    await db.use(
      (sql) => sql`update task_spec set result = '{"early": 1}', result_bytes = 11 where id = ${ids[0] as string}`,
    );
    const decided = await take("batch", [report(ids[0] as string, undefined)]);
    expect(Object.values(givenTo(decided))).toEqual([{ localId: "t1", values: { t0: { early: 1 } } }]);
  });

  it("gets it in whatever state they ended", async () => {
    const inputs = { why: { task: "t0", pointer: "/why" }, other: { task: "t0", pointer: "/other", default: "none" } };
    const ids = await made([{}, asks(inputs, ["t0"])]);
    await take("task");
    const decided = await take("batch", [report(ids[0] as string, { why: "disk full" }, "fail")]);
    expect(Object.values(givenTo(decided))).toEqual([{ localId: "t1", values: { why: "disk full", other: "none" } }]);
  });
});

describe("a task that a round claims", () => {
  it("gets the results of tasks far above, and the default of what has not ended or has no result", async () => {
    const inputs = {
      far: { task: "t0", pointer: "/n" },
      running: { task: "t3", default: "later" },
      bare: { task: "t1" },
    };
    const ids = await made([{}, { dependencies: [{ id: "t0" }] }, asks(inputs, ["t1", "t3"], { join: "any" }), {}]);
    await take("task");
    await take("batch", [report(ids[0] as string, { n: null })]);
    await take("task");
    await turn(db, env, "batch", [report(ids[1] as string, undefined)], null);
    // A result that is there before the end is none yet.
    await db.use((sql) => sql`update task_spec set result = '"early"' where id = ${ids[3] as string}`);
    const decided = await take("task");
    expect(givenTo(decided)[ids[2] as string]).toEqual({
      localId: "t2",
      values: { far: null, running: "later", bare: null },
    });
  });

  it("gets null of a parent that was deduplicated, also when its id has been given to another task since", async () => {
    const ids = await made([{}, asks("parents", ["t0"]), asks({ x: { task: "t0", default: 7 } }, ["t0"])]);
    await db.use(async (sql) => {
      await sql`update task_spec set sources = '{"gone": null}' where id = ${ids[1] as string}`;
      await sql`update task_spec set sources = '{"t0": null}' where id = ${ids[2] as string}`;
    });
    await take("task");
    const decided = await take("batch", [report(ids[0] as string, 1)]);
    expect(Object.values(givenTo(decided))).toEqual([
      { localId: "t1", values: { gone: null, t0: 1 } },
      { localId: "t2", values: { x: 7 } },
    ]);
  });

  it("is one of many that are served by one query; a round without inputs sends none", async () => {
    const many = Array.from({ length: 100 }, (_, i) => asks(i % 2 === 0 ? "parents" : { x: { task: "t0" } }, ["t0"]));
    const ids = await made([{}, ...many]);
    said.length = 0;
    await take("task");
    expect([readingInputs(), said.length]).toEqual([0, expect.any(Number)]);
    await turn(db, env, "batch", [report(ids[0] as string, { n: 1 })], null);
    said.length = 0;
    const decided = await take("task");
    expect([decided.claimed.length, readingInputs()]).toEqual([100, 1]);
    const withInputs = said.length;
    const plain = await made([{}, ...Array.from({ length: 100 }, () => asks(undefined, ["t0"]))]);
    await take("task");
    await turn(db, env, "batch", [report(plain[0] as string, { n: 1 })], null);
    said.length = 0;
    expect((await take("task")).claimed).toHaveLength(100);
    expect([readingInputs(), said.length]).toEqual([0, withInputs - 1]);
  });
});

describe("a call that is repeated under its key", () => {
  const inputs = { slow: { task: "t1", default: "not yet" }, quick: { task: "t0" } };
  const back = (type: "lease_expired" | "start_failed", { claimed }: Decided): Item => {
    const [one] = claimed as [(typeof claimed)[0]];
    const { task, claimId } = one;
    return {
      from: "local",
      command: { type, task, claimId, ...(type === "start_failed" ? { reason: "no" } : {}) } as never,
    };
  };
  async function claimedEarly(more: object = {}): Promise<{ ids: string[]; first: Decided }> {
    const ids = await made([
      {},
      {},
      asks(inputs, ["t0", "t1"], { join: "any", ...more }),
      asks("parents", ["t0", "t1"], { join: "any" }),
    ]);
    await take("task");
    return { ids, first: await take("batch", [report(ids[0] as string, 1)]) };
  }
  const early = [
    { localId: "t2", values: { slow: "not yet", quick: 1 } },
    { localId: "t3", values: { t0: 1, t1: null } },
  ];

  it("has the same inputs: what had not ended at the first claim of the attempt stays so", async () => {
    const { ids, first } = await claimedEarly();
    expect(Object.values(givenTo(first))).toEqual(early);
    await turn(db, env, "batch", [report(ids[1] as string, 2)], null);
    for (let died = 0; died < 2; died++) {
      const claims = (await rowsOf(db, ids.slice(2))).map(({ id, claimId }) => ({ task: id, claimId }));
      await turn(
        db,
        env,
        "task",
        claims.map((one) => back("lease_expired", { claimed: [one] } as never)),
        null,
      );
      expect(Object.values(givenTo(await take("task")))).toEqual(early);
    }
  });

  it("reads anew where it is another attempt", async () => {
    const { ids, first } = await claimedEarly({ retry: { max_retries: 1, initial_delay_secs: 1 } });
    await turn(db, env, "batch", [report(ids[1] as string, 2)], null);
    await turn(db, env, "task", [back("start_failed", first)], null);
    await db.use(
      (sql) =>
        sql`update task set status = 'Pending', attempt = 1, ready_at = null, due_at = null, next_retry_at = null where id = ${ids[2] as string}`,
    );
    expect(Object.values(givenTo(await take("task")))).toEqual([{ localId: "t2", values: { slow: 2, quick: 1 } }]);
  });
});

describe("a join over a thousand parents", () => {
  const n = 1_000;
  const parents = Array.from({ length: n }, (_, i) => `t${i}`);
  async function joined(result: (n: number) => unknown): Promise<{ join: string; decided: Decided }> {
    const ids = await made([...parents.map(() => ({})), asks("parents", parents)]);
    await ended(ids.slice(0, n - 1), result);
    const [last, join] = [ids[n - 1] as string, ids[n] as string];
    await db.use((sql) => sql`update task set wait_finished = 1 where id = ${join}`);
    await db.use((sql) => sql`update batch set unfinished = 2, succeeded = ${n - 1}`);
    await take("task");
    return { join, decided: await take("batch", [report(last, result(n - 1))]) };
  }

  it("gets all of their results, whole", async () => {
    const of = (i: number) => ({ i, text: "x".repeat(200) });
    const { join, decided } = await joined(of);
    expect(givenTo(decided)[join]).toEqual({
      localId: `t${n}`,
      values: Object.fromEntries(parents.map((name, i) => [name, of(i)])),
    });
  });

  it("gets none where they are too large together, and knows how large without reading them", async () => {
    const of = (i: number) => ({ i, text: "x".repeat(300) });
    const { join, decided } = await joined(of);
    const bytes = JSON.stringify(Object.fromEntries(parents.map((name, i) => [name, of(i)]))).length;
    expect(bytes).toBeGreaterThan(inputsBytesMax);
    expect(givenTo(decided)[join]).toEqual({ localId: `t${n}`, bytes });
  });
});

it("takes no more than eight megabytes in one round: the tasks behind wait for the next, and none is lost", async () => {
  const sources = Array.from({ length: 50 }, () => ({}));
  const inputs = Object.fromEntries(sources.map((_, i) => [`n${i}`, { task: `t${i}`, pointer: "/n" }]));
  const askers = Array.from({ length: 7 }, () =>
    asks(
      inputs,
      sources.map((_, i) => `t${i}`),
    ),
  );
  const ids = await made([...sources, ...askers]);
  await ended(ids.slice(0, 50), (i) => ({ n: i, rest: "x".repeat(60_000) }));
  await db.use(
    (sql) =>
      sql`update task set status = 'Pending', wait_finished = 0 where id = any(${`{${ids.slice(50).join()}}`}::uuid[])`,
  );
  const rounds: Decided[] = [];
  for (let i = 0; i < 4; i++) rounds.push(await take("task"));
  expect(rounds.map(({ claimed }) => claimed.length)).toEqual([2, 2, 2, 1]);
  const all = rounds.flatMap(({ claimed }) => claimed);
  expect(all.map(({ task }) => task)).toEqual(ids.slice(50));
  expect(all.every(({ inputs }) => inputs && "values" in inputs && Object.keys(inputs.values).length === 50)).toBe(
    true,
  );
  expect(new Set((await rowsOf(db, ids.slice(50))).map(({ status }) => status))).toEqual(new Set(["Claimed"]));
});
