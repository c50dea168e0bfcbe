// Everything that locks rows, at once, on four workers: diamonds and fans of up to 1,000 links each way are created,
// reported, canceled, stopped, paused and resumed by many hands. Postgres never has to break a deadlock.
import { expect, test } from "vitest";
import { type Cluster, type Reply, startCluster } from "#test/cluster";
import { Crew, type Random, seeded } from "#test/dags";
import { deadlocks } from "#test/invariants";
import { isLong } from "#test/long";
import { type Receiver, startReceiver } from "#test/receiver";
import { expectSound } from "#test/rest";
import { until } from "#test/until";

const forMs = isLong ? 60_000 : 15_000;
/** So many tasks are unfinished at a time, about. */
const openMax = 3_000;

type Shape = (random: Random) => { id: string; dependencies: object[] }[];
const edge = (random: Random, id: string) => ({
  id,
  ...random.pick([{ requires_success: true }, { requires_success: false }, {}, {}, { condition: "on_failure" }]),
});

const shapes: readonly Shape[] = [
  /** A row of diamonds, each bottom being the next top. */
  (random) =>
    Array.from({ length: 31 }, (_, i) => ({
      id: `t${i}`,
      dependencies: i === 0 ? [] : (i % 3 === 0 ? [i - 1, i - 2] : [i - (i % 3)]).map((n) => edge(random, `t${n}`)),
    })),
  /** One to many, and many to one again, within the limit of links to one child. */
  (random) => {
    const n = random.pick([1, 10, 99]);
    const wide = Array.from({ length: n }, (_, i) => ({ id: `w${i}`, dependencies: [edge(random, "top")] }));
    const links = wide.map(({ id }) => edge(random, id));
    return [{ id: "top", dependencies: [] }, ...wide, { id: "bottom", dependencies: links }];
  },
];

/** A thousand links out of one task, and a thousand into another. */
const thousand: Shape = (random) => {
  const wide = Array.from({ length: 998 }, (_, i) => ({ id: `w${i}`, dependencies: [edge(random, "top")] }));
  const links = wide.map(({ id }) => edge(random, id));
  return [{ id: "top", dependencies: [] }, ...wide, { id: "bottom", dependencies: links }];
};

const answers: Record<string, readonly number[]> = {
  create: [201],
  cancel: [200, 400],
  pause: [200, 400],
  resume: [200, 400],
  succeed: [200, 409],
  fail: [200, 409],
  batch: [200],
};

class Hands {
  readonly batches: { id: string; tasks: string[] }[] = [];
  readonly wrong: string[] = [];
  readonly counts: Record<string, number> = {};
  readonly #cluster: Cluster;
  readonly #random: Random;
  readonly #service: Receiver;

  constructor(cluster: Cluster, random: Random, service: Receiver) {
    this.#cluster = cluster;
    this.#random = random;
    this.#service = service;
  }

  async create(shape: Shape): Promise<void> {
    const random = this.#random;
    const tasks = shape(random).map((task, i) => ({
      ...{ ...task, name: task.id, kind: "k" },
      on_start: this.#service.action("/work", {
        body: {
          answerMs: random.below(20),
          reportMs: random.below(600),
          says: [random.pick(["Success", "Success", "Success", "Failure", null])],
        },
      }),
      ...(i % 7 === 0
        ? { on_success: [this.#service.action("/ended")], on_cancel: [this.#service.action("/ended")] }
        : {}),
    }));
    const reply = await this.#say("create", "POST", "/task", tasks);
    if (reply?.status !== 201) return;
    const rows = reply.body as { id: string; batch_id: string }[];
    this.batches.push({ id: rows[0]?.batch_id ?? "", tasks: rows.map(({ id }) => id) });
  }

  /** One random deed, among the latest batches, so that many meet at the same rows. */
  async act(): Promise<void> {
    const random = this.#random;
    const batch = random.pick(this.batches.slice(-8));
    const task = random.pick(batch.tasks);
    const deed = random.below(100);
    if (deed < 45) await this.#say("succeed", "PATCH", `/task/${task}`, { status: "Success" });
    else if (deed < 51) await this.#say("fail", "PATCH", `/task/${task}`, { status: "Failure", failure_reason: "x" });
    else if (deed < 60) await this.#say("cancel", "DELETE", `/task/${task}`);
    else if (deed < 72) await this.#say("pause", "PATCH", `/task/pause/${task}`);
    else if (deed < 85) await this.#say("resume", "PATCH", `/task/resume/${task}`);
    else if (deed < 90) await this.#say("batch", "POST", `/batch/${batch.id}/pause`);
    else if (deed < 99) await this.#say("batch", "POST", `/batch/${batch.id}/resume`);
    else await this.#say("batch", "DELETE", `/batch/${batch.id}`);
  }

  async #say(what: keyof typeof answers, verb: string, path: string, body?: unknown): Promise<Reply | null> {
    const reply = await this.#cluster.call(verb, path, body);
    const said = `${what} ${reply.status}`;
    this.counts[said] = (this.counts[said] ?? 0) + 1;
    if (!answers[what]?.includes(reply.status)) this.wrong.push(`${verb} ${path}: ${JSON.stringify(reply.body)}`);
    return reply;
  }
}

test("whatever meets whatever, there is no deadlock, and everything ends", { timeout: 240_000 }, async () => {
  const random = seeded("deadlock");
  const crew = new Crew();
  const service = await startReceiver();
  service.answer("*", crew.behaviour);
  const cluster = await startCluster({ workers: 4, env: { MAX_DEPS_PER_TASK: "1000", POOL_MAX_SIZE: "5" } });
  const hands = new Hands(cluster, random, service);
  await hands.create(thousand);
  await hands.create(shapes[0] as Shape);

  const end = performance.now() + forMs;
  const unfinished = async () => {
    const [row] = await cluster.sql<{ n: number }[]>`select count(*)::int as n from task where ended_at is null`;
    return row?.n ?? 0;
  };
  const creating = async () => {
    for (let n = 0; performance.now() < end; n++) {
      await until(async () => (await unfinished()) < openMax, 60_000, "another batch may be created");
      await hands.create(n % 25 === 24 ? thousand : random.pick(shapes));
    }
  };
  const acting = async () => {
    while (performance.now() < end) await hands.act();
  };
  await Promise.all([creating(), creating(), ...Array.from({ length: 24 }, acting)]);

  // What nobody reported, or was left paused, is ended now, all at once.
  const stopped = await Promise.all(hands.batches.map(({ id }) => cluster.call("DELETE", `/batch/${id}`)));
  expect(stopped.filter(({ status }) => status !== 200 && status !== 202)).toEqual([]);
  await until(async () => (await unfinished()) === 0, 60_000, "everything has ended");
  console.log(JSON.stringify({ batches: hands.batches.length, ...hands.counts }));
  expect(hands.wrong).toEqual([]);
  expect(await deadlocks(cluster.sql)).toBe(0);
  await expectSound(cluster, crew, { calls: service.calls });
});
