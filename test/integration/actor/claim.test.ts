// Tasks that a turn made ready are claimed in its own transaction, and only these; the best first, within the call slots there
// is, and never ahead of work that was left behind. A claim that cannot be written costs no innocent command.
import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { admit, type CallSlots, ClaimRound } from "#actor/claim/round";
import { lockAndLoad } from "#actor/turn/lock-and-load";
import { type Decided, turn } from "#actor/turn/turn";
import type { ClientCommand } from "#domain/command";
import type { Item } from "#domain/turn/items";
import { find } from "#store/claim/candidates";
import type { Db } from "#store/pg/pool";
import { stays, until, within } from "#test/until";
import { gated } from "./line.ts";
import { create, env, openAs, openStage, rowsOf, startRig } from "./stage.ts";

let db: Db;
let url: string;
beforeAll(async () => {
  ({ db, url } = await openStage());
});
beforeEach(() => db.use((sql) => sql`truncate batch, task cascade`));

let tokens = 0;
const roundOf = (slots: Partial<CallSlots> & { n?: number }, max = 256) =>
  new ClaimRound(
    { free: () => slots.n ?? 64, limited: () => [], freeMax: 64, freeFor: () => 64, ...slots },
    max,
    () => ({
      owner: 1,
      claimId: ++tokens,
    }),
  );
const item = (command: Omit<ClientCommand, "id" | "actor">): Item => ({
  ...{ from: "client", storedAt: Date.now(), expires: true, replyTo: null, settle: () => {} },
  command: { id: `c${++tokens}`, actor: "token", ...command },
});
const succeed = (...targets: string[]) => targets.map((target) => item({ verb: "succeed", target }));
const ending = (items: Item[], round: ClaimRound | null): Promise<Decided> => turn(db, env, "batch", items, round);
const claimedIn = ({ claimed }: Decided) => claimed.map(({ task }) => task);

const to = (host: string) => ({ kind: "Webhook", params: { url: `http://${host}/`, verb: "Post" } });
const following = (...ids: string[]) => ({ dependencies: ids.map((id) => ({ id })) });

/** Creates a batch and claims whatever may be claimed in it. */
async function begun(tasks: object[]): Promise<string[]> {
  const { ids } = await create(db, tasks as never);
  await turn(db, env, "task", [], roundOf({ n: 1000, freeMax: 1000, freeFor: () => 1000 }));
  return ids;
}

it.each([
  ["nobody", []],
  ["one in the middle", ["http://b:1"]],
  ["the first and the last", ["http://a:1", "http://d:1"]],
  ["some that have nothing to do", ["http://a:0", "http://c:1", "http://z:1"]],
  ["all of them", ["http://d:1", "http://c:1", "http://b:1", "http://a:1"]],
])("a look finds the best of all receivers, where it knows of %s", async (_what, known) => {
  const tasks = ["d:1", "b:1", null, "a:1", "c:1", "b:1", "d:1", null].map((host, i) => ({
    ...(host === null ? {} : { on_start: to(host) }),
    priority: i,
  }));
  const { ids } = await create(db, tasks as never);
  const receivers = known.map((receiver) => ({ receiver, free: receiver === "http://d:1" ? 1 : 5 }));
  const look = { limit: 6, capacity: { receivers, freeMax: 5 }, hasBatchWork: false };
  const { found } = await db.use((sql) => find(sql, look, [{ queue: 0, slack: 6 }], known));
  expect(found.map(({ id }) => ids.indexOf(id))).toEqual([7, 6, 5, 4, 3, 2]);
});

it("a task is left alone whose batch is to be stopped or paused since the turn began", async () => {
  const { ids, batch } = await create(db, [{}, {}]);
  const other = openAs(url);
  const claimed = await db.tx(async (sql) => {
    const { state } = await lockAndLoad(sql, env, "task", [], false);
    expect(state.hasBatchWork).toBe(false);
    await other.use((sql) => sql`insert into batch_work (batch_id, seq, kind, upto) values (${batch}, 1, 'pause', 0)`);
    return admit(sql, state, roundOf({}));
  });
  expect(claimed.map(({ task }) => task)).toEqual([ids[1]]);
  await db.use((sql) => sql`delete from batch_work`);
});

describe("a task that a turn made ready", () => {
  it("is claimed in the same transaction, with its action", async () => {
    const ids = await begun([{}, { ...following("t0"), on_start: to("a:1") }]);
    const decided = await ending(succeed(ids[0] as string), roundOf({}));
    expect(decided.claimed).toMatchObject([{ task: ids[1], receiver: "http://a:1", action: to("a:1") }]);
    const [parent, child] = await rowsOf(db, ids);
    expect([parent?.status, child?.status]).toEqual(["Success", "Claimed"]);
    expect(parent?.xmin).toBe(child?.xmin);
  });

  it("is Running at once where it is a gate, and no token is given out for it", async () => {
    const on_start = { kind: "Wait", params: { prompt: "Go on?" } };
    const ids = await begun([{}, { ...following("t0"), on_start }, { on_start }]);
    const round = roundOf({});
    const decided = await ending(succeed(ids[0] as string), round);
    expect([decided.claimed, round.tokens, round.claims]).toEqual([[], [], 1]);
    const [parent, ...gates] = await rowsOf(db, ids);
    expect(gates).toMatchObject([
      { status: "Running", owner: null, claimId: null },
      { status: "Running", owner: null, claimId: null },
    ]);
    expect(parent?.xmin).toBe(gates[0]?.xmin);
  });

  it("is not claimed where the turn has no round, or no slot is free", async () => {
    for (const round of [null, roundOf({ n: 0 })]) {
      const ids = await begun([{}, following("t0")]);
      const decided = await ending(succeed(ids[0] as string), round);
      expect(claimedIn(decided)).toEqual([]);
    }
  });

  it("is taken by priority, then by position, as many as there are slots; the rest is left", async () => {
    const prioritiesOf = [0, 5, -3, 5, 9];
    const ids = await begun([{}, ...prioritiesOf.map((priority) => ({ priority, ...following("t0") }))]);
    const decided = await ending(succeed(ids[0] as string), roundOf({ n: 3 }));
    expect(claimedIn(decided)).toEqual([ids[5], ids[2], ids[4]]);
    expect((await rowsOf(db, ids)).map(({ status }) => status)).toEqual([
      ...["Success", "Pending", "Claimed", "Pending", "Claimed", "Claimed"],
    ]);
  });

  it("is taken by creation before position, where several batches were in the turn", async () => {
    const older = await begun([{}, {}, {}, following("t0")]);
    const newer = await begun([{}, following("t0")]);
    const decided = await ending(succeed(newer[0] as string, older[0] as string), roundOf({ n: 1 }));
    expect(claimedIn(decided)).toEqual([older[3]]);
  });

  it("is left where its receiver is full, however high its priority; one without a call needs no call slot", async () => {
    const hosts = [
      { on_start: to("full:1"), priority: 9 },
      { on_start: to("tight:1"), priority: 5 },
      { on_start: to("tight:1"), priority: 6 },
      { on_start: to("other:1") },
      {},
    ];
    const ids = await begun([{}, ...hosts.map((task) => ({ ...task, ...following("t0") }))]);
    const limited = () => [
      { receiver: "http://full:1", free: 0, gated: false },
      { receiver: "http://tight:1", free: 1, gated: false },
    ];
    const freeFor = (receiver: string) => (receiver === "http://full:1" ? 0 : 1);
    const decided = await ending(succeed(ids[0] as string), roundOf({ limited, freeMax: 1, freeFor }));
    expect(claimedIn(decided)).toEqual([ids[3], ids[4], ids[5]]);
  });

  it("is left until its time has come, or while it is paused", async () => {
    const later = new Date(Date.now() + 60_000).toISOString();
    const ids = await begun([{}, { ...following("t0"), run_at: later }, following("t0"), following("t0")]);
    const [parent, timed, paused, free] = ids as [string, string, string, string];
    await ending([item({ verb: "pause", target: paused })], null);
    const decided = await ending(succeed(parent), roundOf({}));
    expect(claimedIn(decided)).toEqual([free]);
    expect((await rowsOf(db, [timed, paused])).map(({ status }) => status)).toEqual(["Pending", "Paused"]);
  });

  it("is only one that became ready: a Pending task whose report was refused stays as it is", async () => {
    const { ids } = await create(db, [{}, {}]);
    const decided = await ending(succeed(ids[0] as string), roundOf({}));
    expect(decided.settled.map(({ answer }) => answer)).toMatchObject([{ status: 409 }]);
    expect(claimedIn(decided)).toEqual([]);
  });
});

describe("a worker", () => {
  it("claims what its own turn made ready only while it knows of nothing else that waits", async () => {
    let free = 1;
    const taken = () => {
      free--;
    };
    const slots: CallSlots = { free: () => free, limited: () => [], freeMax: 64, freeFor: () => 64 };
    const rig = startRig(db, 1, slots);
    const { ids } = await create(db, [{}, following("t0"), {}] as never);
    rig.look();
    await until(() => rig.started.length === 1);
    taken();
    // The look found the slots filled: the third task was left behind.
    free = 1;
    await within(() => rig.ask({ verb: "succeed", target: ids[0] as string }), 5_000);
    expect((await rowsOf(db, ids)).map(({ status }) => status)).toEqual(["Success", "Pending", "Pending"]);
    await rig.stop();
  });

  it("never claims more at once than it has slots, its two queues together", async () => {
    let free = 1;
    let letThrough = () => {};
    const open = new Promise<void>((resolve) => {
      letThrough = resolve;
    });
    let held = false;
    const slow = gated(db, async (result) => {
      if ((result as Decided).claimed?.some(({ task }) => task === waiting)) {
        held = true;
        await open;
      }
    });
    const [parent] = await begun([{}, following("t0")]);
    const { ids } = await create(db, [{}]);
    const [waiting] = ids as [string];
    const rig = startRig(slow, 2, { free: () => free, limited: () => [], freeMax: 64, freeFor: () => 64 });
    rig.look();
    await until(() => held);
    // The row queue has claimed for the only slot, and has not called yet.
    await within(() => rig.ask({ verb: "succeed", target: parent as string }), 5_000);
    const claims = await db.use((sql) => sql`select from task where owner = 2`);
    expect(claims.length).toBe(1);
    free = 0;
    letThrough();
    await until(() => rig.started.length === 1);
    await rig.stop();
  });

  it("makes no dead letter of a command because a claim in its turn cannot be written", async () => {
    await db.use((sql) => sql`alter table task add constraint no_claim check (kind <> 'cursed' or owner is null)`);
    onTestFinished(() => void db.use((sql) => sql`alter table task drop constraint no_claim`));
    const { ids } = await create(db, [{ kind: "cursed" }, following("t0")] as never);
    const rig = startRig(db, 3);
    const update = { verb: "update", target: ids[1] as string, fields: { priority: 3 } } as const;
    const answer = rig.ask(update);
    rig.look();
    expect(await within(() => answer, 10_000)).toMatchObject({ status: 200 });
    expect(rig.deadLetters).toEqual([]);
    await rig.stop();
  });

  it("keeps the claim of a start whose outcome no turn can write, so that it is not called again and again", async () => {
    await create(db, [{}]);
    const rig = startRig(db, 4);
    rig.look();
    const { task, claimId } = await until(() => rig.started[0]);
    rig.mailbox.tell({ type: "start_failed", task, claimId, reason: "no text: \0" });
    await until(() => rig.deadLetters.length === 1);
    expect(rig.worker.held.has(claimId)).toBe(true);
    await stays(async () => (await db.use((sql) => sql`select from task where owner = 4`)).length === 1, 200);
    expect(rig.started.length).toBe(1);
    await rig.stop();
  });
});
