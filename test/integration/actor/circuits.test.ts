// Circuits on a real Postgres: failures counted over processes, probes taken once, and what claims and leases make of it.
import { randomUUID } from "node:crypto";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { CircuitActor, takeProbes } from "#actor/circuits";
import type { Slots } from "#actor/claim";
import { gaveUp } from "#domain/circuit";
import { Unavailable } from "#domain/errors";
import { forgetCircuits, knownCircuits } from "#store/circuits";
import type { Db } from "#store/client";
import { until } from "#test/until";
import { create, eventsOf, log, openStage, rowsOf, startRig } from "./stage.ts";

const [a, b, c] = ["http://a:1", "http://b:1", "http://c:1"];
const config = {
  circuitBreakerFailureThreshold: 3,
  circuitBreakerFailureWindowSecs: 10,
  circuitBreakerRecoveryTimeoutSecs: 30,
  circuitBreakerSuccessThreshold: 2,
};
let db: Db;
beforeAll(async () => {
  ({ db } = await openStage());
});
beforeEach(() => db.use((sql) => sql`truncate circuit`));

/** The actor of one process. */
function actorOf(own: Pick<Db, "tx"> = db) {
  const state = { news: 0 };
  const actor = new CircuitActor({ config, db: own, log, onChanged: () => state.news++ });
  const tell = async (type: "failed" | "succeeded", receiver = a, probe = false) => {
    actor.tell({ receiver, type, probe });
    await actor.idle();
  };
  return { actor, tell, state };
}
const known = async () => (await knownCircuits(db)).toSorted((one, other) => (one.receiver < other.receiver ? -1 : 1));
/** As if so much time had passed. */
const pass = (secs: number) =>
  db.use(
    (sql) => sql`
      update circuit set since = since - ${secs}::float8 * interval '1 s', open_until = open_until - ${secs}::float8 * interval '1 s',
        probe_until = probe_until - ${secs}::float8 * interval '1 s'`,
  );
const openOne = async (receiver = a) => {
  const { tell } = actorOf();
  for (let n = 0; n < 3; n++) await tell("failed", receiver);
};

describe("failures in a row", () => {
  it("open a circuit, whichever process counts them, and each says what others have to know", async () => {
    const [one, other] = [actorOf(), actorOf()];
    other.actor.know([a]);
    await one.tell("failed");
    await other.tell("failed");
    expect([await known(), one.state.news, other.state.news]).toEqual([
      [{ receiver: a, state: "closed", failures: 2, successes: 0, waitMs: 0 }],
      ...[1, 0],
    ]);
    await one.tell("failed");
    const [circuit] = await known();
    expect(circuit).toMatchObject({ state: "open", failures: 3 });
    expect(circuit?.waitMs).toBeGreaterThan(29_000);
    expect(circuit?.waitMs).toBeLessThanOrEqual(30_000);
    expect(one.state.news).toBe(2);
    await other.tell("succeeded");
    await other.tell("failed");
    expect([(await known())[0]?.failures, other.state.news]).toEqual([3, 0]);
  });

  it("that successes stand between, as they come, cost no transaction", async () => {
    let turns = 0;
    const { actor } = actorOf({
      tx: (work) => {
        turns++;
        return db.tx(work);
      },
    });
    const tell = (...types: ("failed" | "succeeded")[]) => {
      for (const type of types) actor.tell({ receiver: a, type, probe: false });
      return actor.idle();
    };
    for (let n = 0; n < 10; n++) await tell("failed", "failed", "succeeded", "failed", "succeeded");
    expect([turns, await known()]).toEqual([0, []]);
    await tell("succeeded", "failed");
    expect([turns, await known()]).toMatchObject([1, [{ failures: 1 }]]);
    // What it left behind it knows itself; of others it is told.
    await tell("succeeded");
    await tell("succeeded");
    expect([turns, await known()]).toEqual([2, []]);
    actor.know([a]);
    await tell("succeeded");
    expect(turns).toBe(3);
    await tell("failed", "failed", "failed", "succeeded");
    expect(await known()).toMatchObject([{ state: "open" }]);
  });

  it("are forgotten with a success, and leave no row", async () => {
    const { tell, state } = actorOf();
    await tell("failed");
    await tell("failed");
    await tell("succeeded");
    expect([await known(), await db.use((sql) => sql`select from circuit`), state.news]).toMatchObject([[], [], 2]);
    for (const type of ["failed", "failed", "succeeded", "failed", "failed"] as const) await tell(type);
    expect(await known()).toMatchObject([{ state: "closed", failures: 2 }]);
  });

  it("that lie further apart than the window open nothing, and are forgotten by and by", async () => {
    const { tell } = actorOf();
    await tell("failed");
    await tell("failed");
    await pass(11);
    await tell("failed");
    expect(await known()).toMatchObject([{ state: "closed", failures: 1 }]);
    expect(await forgetCircuits(db, 10_000)).toBe(0);
    await pass(11);
    expect([await forgetCircuits(db, 10_000), await known()]).toEqual([1, []]);
  });

  it("are counted exactly by many processes at once, in whatever order they name receivers", async () => {
    const faults: unknown[] = [];
    const note = (fields: object) => void faults.push(fields);
    const patient = { ...config, circuitBreakerFailureThreshold: 1_000_000 };
    const receivers = [a, b, c];
    const many = Array.from(
      { length: 5 },
      () => new CircuitActor({ config: patient, db, log: { warn: note, error: note }, onChanged() {} }),
    );
    /** Each tells of all receivers, and waits until that is written. */
    const round = (n: number, type: "failed" | "succeeded") =>
      Promise.all(
        many.map((actor, i) => {
          const order = (i + n) % 2 === 0 ? receivers : receivers.toReversed();
          for (const receiver of order) actor.tell({ receiver, type, probe: false });
          return actor.idle();
        }),
      );
    for (let n = 0; n < 10; n++) await round(n, "failed");
    expect((await known()).map(({ failures }) => failures)).toEqual([50, 50, 50]);
    // Rows come and go while others count in them.
    for (let n = 0; n < 10; n++) await Promise.all([round(n, "failed"), round(n + 1, "succeeded")]);
    await round(0, "succeeded");
    expect([await db.use((sql) => sql`select from circuit`), faults]).toMatchObject([[], []]);
  });

  it("wait while Postgres is away, in their order", async () => {
    let away = 2;
    const { tell } = actorOf({ tx: (work) => (away-- > 0 ? Promise.reject(new Unavailable("away")) : db.tx(work)) });
    await tell("failed");
    expect([away, (await known())[0]?.failures]).toEqual([-1, 1]);
  });
});

describe("a probe", () => {
  const probe = (...receivers: string[]) => db.tx((sql) => takeProbes(sql, receivers)).then((taken) => [...taken]);

  it("is there when the circuit was open long enough, for one of many that ask", async () => {
    await openOne();
    expect(await probe(a, b)).toEqual([]);
    await pass(30);
    const taken = await Promise.all(Array.from({ length: 5 }, () => probe(a)));
    expect(taken.flat()).toEqual([a]);
    const [circuit] = await known();
    expect(circuit?.state).toBe("half_open");
    expect(circuit?.waitMs).toBeGreaterThan(10_000);
  });

  it("that nobody hears of again is free after some seconds", async () => {
    await openOne();
    await pass(30);
    await probe(a);
    await pass(14);
    expect(await probe(a)).toEqual([]);
    await pass(2);
    expect(await probe(a)).toEqual([a]);
  });

  it("is refused at once where another transaction holds the row", async () => {
    await openOne();
    await pass(30);
    await db.tx(async (sql) => {
      await sql`select from circuit for update`;
      expect(await probe(a)).toEqual([]);
    });
    expect(await probe(a)).toEqual([a]);
  });

  it("closes the circuit when so many in a row succeed; one that fails opens it again", async () => {
    const { tell, actor, state } = actorOf();
    await openOne();
    await pass(30);
    expect([...(await actor.probe([a]))]).toEqual([a]);
    await tell("succeeded", a, true);
    expect(await known()).toMatchObject([{ state: "half_open", successes: 1, waitMs: 0 }]);
    await probe(a);
    // Calls that were open before say nothing new.
    await tell("failed");
    await tell("succeeded");
    expect(await known()).toMatchObject([{ state: "half_open", successes: 1 }]);
    await tell("failed", a, true);
    const [circuit] = await known();
    expect(circuit).toMatchObject({ state: "open", successes: 0, failures: 4 });
    expect(circuit?.waitMs).toBeGreaterThan(29_000);
    await pass(30);
    for (let n = 0; n < 2; n++) {
      expect(await probe(a)).toEqual([a]);
      await tell("succeeded", a, true);
    }
    expect(await known()).toEqual([]);
    expect(state.news).toBe(5);
  });

  it("that came to nothing makes room for the next one at once, or when its receiver said", async () => {
    const { tell, actor, state } = actorOf();
    await openOne();
    await pass(30);
    await actor.probe([a]);
    await tell("succeeded", a, true);
    await actor.probe([a]);
    const before = state.news;
    actor.tell(gaveUp(a));
    await actor.idle();
    expect([await known(), state.news]).toMatchObject([[{ state: "half_open", successes: 1, waitMs: 0 }], before + 1]);
    expect(await probe(a)).toEqual([a]);
    actor.tell(gaveUp(a, 60_000));
    await actor.idle();
    const waitMs = (await known())[0]?.waitMs;
    expect(waitMs).toBeGreaterThan(59_000);
    expect(waitMs).toBeLessThanOrEqual(60_000);
    await pass(58);
    expect(await probe(a)).toEqual([]);
    await pass(2);
    expect(await probe(a)).toEqual([a]);
  });

  it("that comes to nothing where no circuit is open any more leaves no row", async () => {
    const { actor } = actorOf();
    actor.tell(gaveUp(a, 60_000));
    await actor.idle();
    expect(await db.use((sql) => sql`select from circuit`)).toHaveLength(0);
  });

  it("is not to be had without Postgres, and nobody is told", async () => {
    const { actor, state } = actorOf({ tx: () => Promise.reject(new Unavailable("away")) });
    expect([(await actor.probe([a])).size, state.news]).toEqual([0, 0]);
  });
});

describe("a claim round", () => {
  beforeEach(() => db.use((sql) => sql`truncate batch, task, holder, lane, wake cascade`));
  const to = (url: string) => ({ on_start: { kind: "Webhook", params: { url, verb: "Post" } } });
  /** A process that knows of the circuit of `a`. */
  const knowing = (gate: 0 | 1): Slots => ({
    free: () => 64,
    rooms: () => [{ receiver: a, room: gate, gated: true }],
    roomMax: 64,
    room: (receiver) => (receiver === a ? gate : 64),
  });
  const limit = { type: "Concurrency", max_concurrency: 5, matcher: { kind: "k", status: "Running", fields: [] } };

  it("leaves tasks of an open circuit as they are, and takes one as the probe when its time has come", async () => {
    await openOne();
    const { ids } = await create(db, [to(a), to(a), { ...to(a), rules: [limit] as never }, to(b)] as never);
    const shut = startRig(db, 1, knowing(0));
    shut.look();
    await until(() => shut.started.length === 1);
    expect(shut.started).toMatchObject([{ task: ids[3], isProbe: false }]);
    await shut.stop();

    await pass(30);
    const rigs = [2, 3].map((owner) => startRig(db, owner, knowing(1)));
    for (const rig of rigs) rig.look();
    await until(() => rigs.some(({ started }) => started.length === 1));
    for (const rig of rigs) await rig.stop();
    expect(rigs.flatMap(({ started }) => started)).toMatchObject([{ receiver: a, isProbe: true }]);
    const rows = await rowsOf(db, ids.slice(0, 3));
    expect(rows.map(({ status, attempt }) => [status, attempt]).sort()).toEqual([
      ["Claimed", 0],
      ["Pending", 0],
      ["Pending", 0],
    ]);
    const events = await Promise.all(ids.slice(0, 3).map((id) => eventsOf(db, id)));
    expect(events.flat()).toEqual(["claim"]);
    expect(await known()).toMatchObject([{ state: "half_open" }]);
  });

  it("that leaves the probe to another one takes no place of a rule for it", async () => {
    await openOne();
    const rules = [{ ...limit, max_concurrency: 1 }] as never;
    const { ids } = await create(db, [
      { ...to(a), rules, priority: 5 },
      { ...to(b), rules },
    ] as never);
    // It believes that the time has come, and is wrong.
    const rig = startRig(db, 1, knowing(1));
    rig.look();
    await until(() => rig.started.length === 1);
    expect(rig.started).toMatchObject([{ task: ids[1] }]);
    await rig.stop();
    expect((await rowsOf(db, ids)).map(({ status }) => status)).toEqual(["Pending", "Claimed"]);
    expect(await db.use((sql) => sql`select task_id from holder`)).toEqual([{ task_id: ids[1] }]);
  });

  /** A process that believes that the circuits of `a` and `c` may be probed. */
  const hopeful: Slots = {
    free: () => 64,
    rooms: () => [a, c].map((receiver) => ({ receiver, room: 1, gated: true })),
    roomMax: 64,
    room: (receiver) => (receiver === b ? 64 : 1),
  };

  it("claims nothing without its probe where that of another one was refused", async () => {
    await openOne(a);
    await openOne(c);
    const rules = [{ ...limit, max_concurrency: 1 }] as never;
    const { ids } = await create(db, [
      { ...to(a), rules, priority: 9 },
      // It gets the place of the rule that the first one leaves.
      { ...to(c), rules, priority: 5 },
      to(b),
    ] as never);
    const rig = startRig(db, 1, hopeful);
    rig.look();
    await until(() => rig.started.length > 0);
    await rig.stop();
    expect(rig.started).toMatchObject([{ task: ids[2] }]);
    expect((await rowsOf(db, ids)).map(({ status }) => status)).toEqual(["Pending", "Pending", "Claimed"]);
  });

  it("leaves a probe for the next one where its task is not claimed in the end", async () => {
    await openOne(c);
    await pass(30);
    await openOne(a);
    const by = (...fields: string[]) =>
      fields.map((field) => ({ ...limit, max_concurrency: 1, matcher: { ...limit.matcher, fields: [field] } }));
    const { ids } = await create(db, [
      { ...to(a), metadata: { x: 1, y: 1 }, rules: by("x"), priority: 9 },
      // Instead of the first one, and then in the way of the last one.
      { ...to(b), metadata: { x: 1, y: 2 }, rules: by("x", "y"), priority: 5 },
      { ...to(c), metadata: { x: 2, y: 2 }, rules: by("y") },
    ] as never);
    const rig = startRig(db, 1, hopeful);
    rig.look();
    await until(() => rig.started.length > 0);
    await rig.stop();
    expect(rig.started).toMatchObject([{ task: ids[1] }]);
    expect(await known()).toMatchObject([{ state: "open" }, { receiver: c, state: "half_open", waitMs: 0 }]);
  });

  it("of the turn that made a task ready does the same", async () => {
    await openOne();
    const { ids } = await create(db, [{}, { ...to(a), dependencies: [{ id: "t0" }] }] as never);
    const rig = startRig(db, 1, knowing(1));
    rig.look();
    await until(() => rig.started.length === 1);
    await rig.ask({ verb: "succeed", target: ids[0] as string, id: randomUUID() });
    expect((await rowsOf(db, ids)).map(({ status }) => status)).toEqual(["Success", "Pending"]);
    await pass(30);
    rig.look();
    await until(() => rig.started.length === 2);
    expect(rig.started[1]).toMatchObject({ task: ids[1], isProbe: true });
    await rig.stop();
  });
});
