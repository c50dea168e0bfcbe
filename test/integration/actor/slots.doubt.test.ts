// A task in doubt keeps its slots: while it waits for its next claim, through put-backs and pauses, until a call of it is answered
// or it ends. Two workers that call nobody; leases end by hand. The tables behind the rules are looked at after each step.
import { beforeEach, expect, it } from "vitest";
import type { Claimed } from "#domain/calls/claimed";
import type { LocalCommand } from "#domain/turn/items";
import type { Db } from "#store/pg/pool";
import { ruleStates } from "#store/read/blocked";
import { fromStart, repairRules } from "#store/rules/repair";
import { ruleViolations } from "#test/rule-invariants";
import { stays, until } from "#test/until";
import { create, openStage, type Rig, rowsOf, startRig } from "./stage.ts";

let db: Db;
let a: Rig;
let b: Rig;
beforeEach(async () => {
  ({ db } = await openStage());
  [a, b] = [startRig(db, 1), startRig(db, 2)];
  return async () => {
    await Promise.all([a.stop(), b.stop()]);
  };
});

const matcher = { kind: "k", status: "Running", fields: [] };
const one = [{ type: "Concurrency", max_concurrency: 1, matcher }];
const work = [{ type: "Capacity", max_capacity: 5, matcher }];
const make = async (...tasks: object[]) => (await create(db, tasks as never)).ids;
const stateOf = async (id: string) => (await rowsOf(db, [id]))[0]?.status;
const looks = () => {
  a.look();
  b.look();
};
const claimOf = (rig: Rig, id: string, n = 1): Promise<Claimed> =>
  until(() => {
    rig.look();
    return rig.started.filter(({ task }) => task === id)[n - 1];
  });

/** What a worker learned of its claim, decided by one that is alive. */
async function tell(
  rig: Rig,
  { task, claimId }: Claimed,
  type: "lease_expired" | "released" | "started",
): Promise<void> {
  const before = await stateOf(task);
  rig.mailbox.tell({ type, task, claimId } as LocalCommand);
  await until(async () => (await stateOf(task)) !== before);
}

async function expectSound(): Promise<void> {
  const sound = () => db.use((sql) => ruleViolations(sql as never));
  await until(async () => (await sound()).length === 0).catch(async () => expect(await sound()).toEqual([]));
  expect(await repairRules(db, fromStart())).toBe(0);
}

/** Nobody gets the slot, however often one looks, and the task that wants it says who has it. */
async function expectTaken(wants: string, user: string): Promise<void> {
  looks();
  await stays(async () => {
    looks();
    return (await stateOf(wants)) === "Pending";
  }, 150);
  expect(await db.use((sql) => ruleStates(sql, wants))).toMatchObject([{ holders: [user] }]);
  await expectSound();
}

it.each([
  ["Concurrency", one, {}],
  ["Capacity", work, { expected_count: 5 }],
])(
  "%s: one in doubt is claimed again under its own slot, before whoever is more urgent",
  async (_type, rules, more) => {
    const [first] = (await make({ rules, ...more })) as [string];
    const claim = await claimOf(a, first);
    const [second] = (await make({ rules, priority: 9, ...more })) as [string];
    await tell(a, claim, "lease_expired");
    expect(await db.use((sql) => ruleStates(sql, first))).toEqual([]);
    const again = await claimOf(b, first);
    await expectTaken(second, first);
    // A late answer to the first call is not that of the second one.
    a.mailbox.tell({ type: "started", task: first, claimId: claim.claimId } as LocalCommand);
    await tell(b, again, "started");
    await expectTaken(second, first);
    expect(await a.ask({ verb: "succeed", target: first })).toMatchObject({ status: 200 });
    await claimOf(a, second);
    await expectSound();
  },
);

it("a claim that is put back leaves the doubt and the slot", async () => {
  const [first] = (await make({ rules: one })) as [string];
  await tell(a, await claimOf(a, first), "lease_expired");
  await tell(b, await claimOf(b, first), "released");
  await a.ask({ verb: "pause", target: first });
  const [second] = (await make({ rules: one, priority: 9 })) as [string];
  await expectTaken(second, first);
  expect(await a.ask({ verb: "succeed", target: first })).toMatchObject({ status: 200 });
  await claimOf(b, second);
  await expectSound();
});

it("it keeps its slot while it is Paused, and a late answer makes it Running with it", async () => {
  const [first] = (await make({ rules: one })) as [string];
  const claim = await claimOf(a, first);
  await a.ask({ verb: "update", target: first, fields: { priority: -1 } });
  const paused = a.ask({ verb: "pause", target: first });
  expect(await paused).toMatchObject({ status: 400 });
  await db.use((sql) => sql`update task set run_at = now() + interval '1 hour' where id = ${first}`);
  await tell(a, claim, "lease_expired");
  await a.ask({ verb: "pause", target: first });
  const [second] = (await make({ rules: one, priority: 9 })) as [string];
  await expectTaken(second, first);
  await tell(a, claim, "started");
  expect(await stateOf(first)).toBe("Running");
  await expectTaken(second, first);
  expect(await a.ask({ verb: "cancel", target: first })).toMatchObject({ status: 200 });
  await claimOf(b, second);
  await expectSound();
});

it("other metadata move its slot, and its own slot still does not block it", async () => {
  const rules = [{ ...one[0], matcher: { ...matcher, fields: ["t"] } }];
  const [first] = (await make({ rules, metadata: { t: 1 } })) as [string];
  const claim = await claimOf(a, first);
  await db.use((sql) => sql`update task set run_at = now() + interval '1 hour' where id = ${first}`);
  await tell(a, claim, "lease_expired");
  expect(await a.ask({ verb: "update", target: first, fields: { metadata: { t: 2 } } })).toMatchObject({ status: 200 });
  const [free, blocked] = (await make({ rules, metadata: { t: 1 } }, { rules, metadata: { t: 2 } })) as [
    string,
    string,
  ];
  await claimOf(b, free);
  await expectTaken(blocked, first);
  await db.use((sql) => sql`update task set run_at = null, ready_at = null, due_at = null where id = ${first}`);
  await claimOf(b, first);
  await expectTaken(blocked, first);
});

it("a retry after the doubt competes by all of its rules again", async () => {
  const retry = { max_retries: 1, initial_delay_secs: 1 };
  const [first] = (await make({ rules: one, retry })) as [string];
  await tell(a, await claimOf(a, first), "lease_expired");
  await claimOf(b, first);
  const [second] = (await make({ rules: one, priority: 9 })) as [string];
  await a.ask({ verb: "fail", target: first, fields: { failure_reason: "once" } });
  await claimOf(b, second);
  await db.use((sql) => sql`update task set due_at = now(), ready_at = now() where id = ${first}`);
  a.mailbox.tell({ type: "due", task: first } as LocalCommand);
  await until(async () => (await stateOf(first)) === "Pending");
  await expectTaken(first, second);
});
