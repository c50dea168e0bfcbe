// The one place of a key while the workers that hold it die, one after the other: at the service never two tasks run, the table of
// slots says the same, and whoever waits gets the place as soon as it is free. A call that breaks off before it is
// answered has begun nothing there.
import { expect, test } from "vitest";
import { type Cluster, type Member, startCluster } from "#test/cluster";
import { isLong } from "#test/long";
import { type Call, type Receiver, startReceiver } from "#test/receiver";
import { ruleViolations } from "#test/rule-invariants";
import { until } from "#test/until";

const kills = isLong ? 50 : 16;
/** So many of them in a row hit the same task. */
const killsEach = 2;
const leaseSecs = 1;
const takenOverMs = 8_000;
const nextMs = 2_000;

test(`after each of ${kills} SIGKILLs the place of a key is taken once`, { timeout: 180_000 }, async () => {
  const service = await startReceiver();
  const cluster = await startCluster({
    workers: 4,
    env: { WORKER_CLAIM_TIMEOUT_SECS: String(leaseSecs), WORKER_LOOP_INTERVAL_MS: "100" },
  });
  const place = new Place(cluster, service);
  await place.create();
  const restarts: Promise<unknown>[] = [];
  for (let n = 0; n < kills; n++) {
    if (n % killsEach === 0) await place.create();
    const user = await place.isHeld();
    const owner = await ownerOf(cluster, user.taskId);
    // Two of the others are there for certain.
    await restarts.at(-2);
    const calls = service.calls.length;
    await cluster.kill(owner);
    place.breaksOff(user);
    // One that got the place may die again before it says that it is ready.
    restarts.push(cluster.restart(owner).catch(() => {}));
    await until(() => service.calls.length > calls, takenOverMs, `another worker calls after kill ${n}`);
    const again = await place.isHeld();
    if (n % killsEach < killsEach - 1) continue;
    await place.end(again);
  }
  await Promise.all(restarts);
  while (place.ended < place.created) await place.end(await place.isHeld());
  await until(async () => (await cluster.sql`select from task where ended_at is null`).length === 0);
  expect(await ruleViolations(cluster.sql)).toEqual([]);
  expect(await cluster.sql`select * from slot`).toHaveLength(0);
});

/** The service of tasks that share one place; it answers no call, so that each stays open on the worker that made it. */
class Place {
  readonly #cluster: Cluster;
  readonly #service: Receiver;
  readonly #running = new Set<string>();
  /** What ran at once when somebody came. */
  readonly #crowds: string[][] = [];
  created = 0;
  ended = 0;

  constructor(cluster: Cluster, service: Receiver) {
    this.#cluster = cluster;
    this.#service = service;
    service.answer("/work", (call) => {
      this.#running.add(call.taskId);
      if (this.#running.size > 1) this.#crowds.push([...this.#running]);
      return new Promise(() => {});
    });
  }

  /** One more that wants the place. */
  async create(): Promise<void> {
    const id = `t${++this.created}`;
    const matcher = { kind: "deploy", status: "Running", fields: ["env"] };
    const rules = [{ type: "Concurrency", max_concurrency: 1, matcher }];
    const on_start = this.#service.action("/work");
    await this.#cluster.create([{ id, name: id, kind: "deploy", metadata: { env: 1 }, rules, on_start }]);
  }

  /** Resolves with the call that holds the place, when the table agrees. */
  async isHeld(): Promise<Call> {
    const slots = () => this.#cluster.sql<{ task_id: string }[]>`select task_id from slot`;
    await until(async () => this.#running.size > 0 && (await slots()).length > 0, nextMs, "the place is taken");
    expect(this.#crowds, this.#crowds.length > 0 ? await this.#story() : "").toEqual([]);
    expect((await slots()).map(({ task_id }) => task_id)).toEqual([...this.#running]);
    return this.#service.calls.at(-1) as Call;
  }

  async #story(): Promise<string> {
    const events = await this.#cluster
      .sql`select task_id, "from", event, "to", at, actor from event order by id desc limit 12`;
    const calls = this.#service.calls.slice(-4).map(({ taskId, at }) => [taskId, new Date(at).toISOString()].join(" "));
    return JSON.stringify({ calls, events: [...events] }, null, 1);
  }

  breaksOff({ taskId }: Call): void {
    this.#running.delete(taskId);
  }

  /** Its work is done: the next one is called at once. */
  async end({ taskId, handle }: Call): Promise<void> {
    const calls = this.#service.calls.length;
    this.#running.delete(taskId);
    expect((await this.#cluster.call("PATCH", handle, { status: "Success" })).status).toBe(200);
    if (++this.ended < this.created)
      await until(() => this.#service.calls.length > calls, nextMs, "whoever waits gets the place");
  }
}

async function ownerOf(cluster: Cluster, task: string): Promise<Member> {
  const [row] = await cluster.sql<{ name: string }[]>`
    select w.name from task t join process w on w.id = t.owner where t.id = ${task}`;
  const pid = Number(row?.name.split(":").at(-1));
  return cluster.workers.find((member) => member.pid === pid) as Member;
}
