// Circuits on a real Postgres: failures counted over processes, and probes taken once.
import { beforeEach, describe, expect, it } from "vitest";
import { CircuitActor, takeProbes } from "#actor/circuits/circuits";
import { probed } from "#actor/claim/probes";
import { gaveUp } from "#domain/calls/circuit";
import { Unavailable } from "#domain/errors";
import { forgetCircuits } from "#store/turn/circuits";
import { a, b, c, circuitStage, config } from "./circuits.stage.ts";
import { create, env, openStage } from "./stage.ts";

const { db } = await openStage();
const { actorOf, known, pass, openOne } = circuitStage(db);
beforeEach(() => db.use((sql) => sql`truncate circuit`));

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

  it("are a line of the log where the circuit changes its state, not for each failure", async () => {
    const noted: [string, object][] = [];
    const log = { warn: (fields: object, text: string) => void noted.push([text, fields]), error() {} };
    const actor = new CircuitActor({ config, db, log, onChanged() {} });
    const tell = async (type: "failed" | "succeeded", probe = false) => {
      actor.tell({ receiver: a, type, probe });
      await actor.idle();
    };
    for (let n = 0; n < 3; n++) await tell("failed");
    // Probes that fail leave it as it was: open.
    for (let n = 0; n < 2; n++) {
      await pass(30);
      await actor.probe([{ receiver: a, hasFailed: false }]);
      await tell("failed", true);
    }
    expect((await known())[0]?.state).toBe("open");
    await pass(30);
    await actor.probe([{ receiver: a, hasFailed: false }]);
    for (let n = 0; n < 2; n++) await tell("succeeded", true);
    expect(noted).toEqual([
      ["a circuit opened", { receiver: a, failures: 3 }],
      ["a circuit closed", { receiver: a, failures: 0 }],
    ]);
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
    // It knows itself what it left behind; of other processes it hears by a message.
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
    const tolerant = { ...config, circuitBreakerFailureThreshold: 1_000_000 };
    const receivers = [a, b, c];
    const many = Array.from(
      { length: 5 },
      () => new CircuitActor({ config: tolerant, db, log: { warn: note, error: note }, onChanged() {} }),
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
  const wishes = (...receivers: string[]) => receivers.map((receiver) => ({ receiver, hasFailed: false }));
  const probe = (...receivers: string[]) =>
    db.tx((sql) => takeProbes(sql, wishes(...receivers), 15_000)).then((taken) => [...taken]);

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

  it("that no chosen task needs any more is free again, and the round does not have it", async () => {
    await openOne(a);
    await openOne(b);
    await pass(30);
    await probe(b);
    // Without the task of b, which cannot have its probe, the one of c takes the place of that of a.
    const tasks = [a, b, c].map((receiver) => ({ receiver, attempt: 0 }));
    const admit = (some: readonly (typeof tasks)[number][]) => ({
      chosen: some.length === 3 ? some.slice(0, 2) : some.slice(-1),
    });
    const gates = { isGated: (receiver: string | null) => receiver !== c };
    const round = await db.tx((sql) => probed(sql, tasks, gates, { ...env, probeMs: 15_000 }, admit));
    expect(round).toEqual({ chosen: [tasks[2]], probes: new Set() });
    expect(await probe(a)).toEqual([a]);
  });

  describe("of a call that failed before", () => {
    const failed = () => db.tx((sql) => takeProbes(sql, [{ receiver: a, hasFailed: true }], 15_000));
    const delivery = (attempts: number, receiver: string, waitSecs = 0) =>
      db.use(
        (sql) => sql`
          insert into delivery (id, key, batch_id, trigger, action, receiver, facts, attempts, next_at)
          values (gen_random_uuid(), gen_random_uuid()::text, gen_random_uuid(), 'end', '{}', ${receiver}, '{}', ${attempts},
            now() + ${waitSecs}::float8 * interval '1 s')`,
      );
    beforeEach(async () => {
      await db.use((sql) => sql`truncate batch, task, delivery cascade`);
      await openOne();
      await pass(30);
    });

    it("is left to a delivery that is due and has not", async () => {
      await delivery(0, a);
      expect([...(await failed())]).toEqual([]);
      expect(await probe(a)).toEqual([a]);
    });

    it("is left to a task that is ready and in its first attempt", async () => {
      await create(db, [{ on_start: { kind: "Webhook", params: { url: a, verb: "Post" } } }] as never);
      expect([...(await failed())]).toEqual([]);
    });

    it.each<[string, () => Promise<unknown>]>([
      ["nothing else is due", async () => {}],
      ["the others failed as well", () => delivery(2, a)],
      ["the others are not due yet", () => delivery(0, a, 60)],
      ["the others are of another receiver", () => delivery(0, b)],
    ])("is to be had where %s", async (_, others) => {
      await others();
      expect([...(await failed())]).toEqual([a]);
    });
  });

  it("that is not heard of again is free after some seconds", async () => {
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
    expect([...(await actor.probe(wishes(a)))]).toEqual([a]);
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

  it("that came to nothing lets the next one go at once, or when its receiver said", async () => {
    const { tell, actor, state } = actorOf();
    await openOne();
    await pass(30);
    await actor.probe(wishes(a));
    await tell("succeeded", a, true);
    await actor.probe(wishes(a));
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

  it("is not to be had without Postgres, and no process is notified", async () => {
    const { actor, state } = actorOf({ tx: () => Promise.reject(new Unavailable("away")) });
    expect([(await actor.probe(wishes(a))).size, state.news]).toEqual([0, 0]);
  });
});
