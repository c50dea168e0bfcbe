// Random batches and random commands, given to the real system and to the reference model: after each command both must
// say the same of every task, and in the end everything that had to be delivered was. SEED=<seed> repeats a run.
import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { type Receiver, startReceiver } from "#test/receiver";
import { Reference, type Task, type TaskSpec } from "#test/reference";
import { seed } from "#test/seed";
import { until } from "#test/until";

const runs = 40;
const hourSecs = 3600;

let cluster: Cluster;
let service: Receiver;
beforeAll(async () => {
  [cluster, service] = await Promise.all([startCluster({ workers: 2 }), startReceiver()]);
});

it(`${runs} random batches live as the reference model says (SEED=${seed})`, { timeout: 240_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(batch, paused, commandList, async (specs, isPaused, commands) => {
      const both = await Both.create(specs, isPaused);
      for (const [what, n] of commands) await both.tell(what, specs[n % specs.length] as Spec);
      await both.finish();
    }),
    { seed, numRuns: runs, interruptAfterTimeLimit: 180_000, markInterruptAsFailure: true },
  );
});

interface Spec extends TaskSpec {
  /** Stays Pending: its time is far away. */
  readonly later: boolean;
  /** Its start is a word that is waited for, and no call. */
  readonly isGate: boolean;
}

const edgeKinds = [
  {},
  { requires_success: true },
  { requires_success: false },
  { condition: "always" },
  { condition: "on_success" },
  { condition: "on_failure" },
  { condition: "none_failed" },
] as const;
const batch = fc
  .array(
    fc.record({
      retries: fc.nat(1),
      barrier: fc.boolean(),
      keep: fc.nat(3).map((n) => n === 0),
      any: fc.nat(2).map((n) => n === 0),
      later: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
      paused: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
      isGate: fc.boolean(),
      edges: fc.array(fc.tuple(fc.nat(), fc.nat(edgeKinds.length - 1)), { maxLength: 3 }),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((tasks) =>
    tasks.map(({ retries, barrier, keep, any, edges, ...how }, n): Spec => {
      const parents = new Map(n === 0 ? [] : edges.map(([parent, kind]) => [`t${parent % n}`, edgeKinds[kind]]));
      return {
        id: `t${n}`,
        ...how,
        retry: { max_retries: retries },
        dead_end_barrier: barrier,
        dead_end: keep ? "keep" : "cancel",
        join: any ? "any" : "all",
        dependencies: [...parents].map(([id, kind]) => ({ id, ...kind })),
      };
    }),
  );
const overrides = ["override_success", "override_failure", "override_skipped"] as const;
const command = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom("succeed" as const, "fail" as const, "skip" as const) },
  { weight: 1, arbitrary: fc.constantFrom(...overrides) },
  { weight: 3, arbitrary: fc.constantFrom("cancel" as const, "pause" as const, "resume" as const) },
  { weight: 1, arbitrary: fc.constantFrom("pause_batch" as const, "resume_batch" as const) },
);
type OfTask = "succeed" | "fail" | "skip" | "cancel" | (typeof overrides)[number] | "pause" | "resume";
type Command = OfTask | "pause_batch" | "resume_batch" | "stop_batch";

const commandList = fc.array(fc.tuple(command, fc.nat()), { maxLength: 25 });
const paused = fc.integer({ min: 0, max: 4 }).map((n) => n === 0);

/** One batch, in the system and in the model. */
class Both {
  readonly #specs: readonly Spec[];
  readonly #model: Reference;
  readonly #ids: Readonly<Record<string, string>>;
  readonly #batch: string;

  static async create(specs: readonly Spec[], isPaused: boolean): Promise<Both> {
    const tasks = specs.map(({ later, isGate, retry, ...spec }) => ({
      ...spec,
      name: spec.id,
      kind: "random",
      timeout: hourSecs,
      retry: { ...retry, initial_delay_secs: hourSecs, max_delay_secs: hourSecs },
      ...(later ? { delay_secs: hourSecs } : {}),
      on_start: isGate ? { kind: "Wait" } : service.action("/start"),
      on_success: [service.action("/end")],
      on_failure: [service.action("/end")],
      on_cancel: [service.action("/end")],
    }));
    const ids = await cluster.create({ tasks, paused: isPaused, on_batch_complete: service.action("/complete") });
    const row = await cluster.row(Object.values(ids)[0] ?? "");
    const both = new Both(specs, ids, String(row.batch_id), isPaused);
    await both.#compare("creation");
    return both;
  }

  constructor(specs: readonly Spec[], ids: Readonly<Record<string, string>>, batch: string, paused: boolean) {
    this.#specs = specs;
    this.#model = new Reference(specs, { paused });
    this.#ids = ids;
    this.#batch = batch;
  }

  async tell(what: Command, { id }: Spec): Promise<void> {
    if (what === "stop_batch" || what === "pause_batch" || what === "resume_batch") await this.#tellBatch(what);
    else {
      const outcome = this.#model.tell(what, id);
      const { status, body } = await cluster.call(...requestOf(what, this.#ids[id] ?? ""));
      const refusal = what === "cancel" || what === "pause" || what === "resume" ? 400 : 409;
      if (status !== (outcome === "refused" ? refusal : 200))
        throw new Error(`${what} ${id}: the model says ${outcome}, the system ${status} ${JSON.stringify(body)}`);
    }
    await this.#compare(`${what} ${id}`);
  }

  /** Stops what is left, and looks at what was delivered. */
  async finish(): Promise<void> {
    await this.#tellBatch("stop_batch");
    await this.#compare("the stop");
    const tasks = [...this.#model.tasks.values()];
    const keys = tasks.flatMap(({ id, delivered }) => delivered.map((what) => keyOf(this.#ids[id] ?? "", what)));
    const wanted = [...keys, `batch:${this.#batch}:complete`].sort();
    const mine = new Set(tasks.map(({ id }) => this.#ids[id] ?? ""));
    const seen = () =>
      service.calls
        .filter(({ path, taskId, key }) =>
          path === "/complete" ? key.includes(this.#batch) : path === "/end" && mine.has(taskId),
        )
        .map(({ key }) => key)
        .sort();
    await until(() => seen().length >= wanted.length, 10_000, `${wanted} were delivered`);
    expect(seen()).toEqual(wanted);
  }

  async #tellBatch(what: "stop_batch" | "pause_batch" | "resume_batch"): Promise<void> {
    const count = this.#model.tellBatch(what);
    const { status, body } = await cluster.call(
      ...({
        stop_batch: ["DELETE", `/batch/${this.#batch}`],
        pause_batch: ["POST", `/batch/${this.#batch}/pause`],
        resume_batch: ["POST", `/batch/${this.#batch}/resume`],
      }[what] as [string, string]),
    );
    const counted = Object.entries(body as Record<string, number>)
      .filter(([key]) => key.startsWith("canceled_") || key === "paused" || key === "resumed")
      .reduce((sum, [, n]) => sum + n, 0);
    expect([status, counted], `${what}: ${JSON.stringify(body)}`).toEqual([200, count]);
  }

  /** Whatever may start does, by itself; then every task is where the model has it. */
  async #compare(after: string): Promise<void> {
    for (const { id, later } of this.#specs)
      if (!later && this.#model.tasks.get(id)?.status === "Pending") {
        this.#model.tell("claim", id);
        this.#model.tell("started", id);
      }
    const wanted = [...this.#model.tasks.values()].map((task) => said(task)).join("\n");
    const seen = async () => {
      const rows = await cluster.sql`
        select s.local_id as id, t.status::text, t.wait_finished, t.wait_success, t.attempt
        from task t join task_spec s using (id) where t.batch_id = ${this.#batch} order by t.pos`;
      return rows.map((row) => said(row as unknown as Task)).join("\n");
    };
    const same = async () => (await seen()) === wanted;
    await until(same, 5_000).catch(async () => {
      throw new Error(`After ${after} the model says\n${wanted}\nand the system\n${await seen()}`);
    });
  }
}

/** The counters of a final task are not promised. */
function said({ id, status, attempt, wait_finished, wait_success }: Task): string {
  const final = ["Success", "Failure", "Canceled", "Skipped"].includes(status);
  return [id, status, attempt, ...(final ? [] : [wait_finished, wait_success])].join(" ");
}

function keyOf(id: string, delivered: string): string {
  const [what, attempt] = delivered.split(":");
  if (what !== "cancel") return `${id}:end:${what}`;
  return attempt === "0" ? `${id}:cancel` : `${id}:cancel:${attempt}`;
}

function requestOf(what: OfTask, id: string): [string, string, unknown?] {
  switch (what) {
    case "cancel":
      return ["DELETE", `/task/${id}`];
    case "pause":
    case "resume":
      return ["PATCH", `/task/${what}/${id}`];
    case "succeed":
      return ["PATCH", `/task/${id}`, { status: "Success" }];
    case "fail":
      return ["PATCH", `/task/${id}`, { status: "Failure", failure_reason: "by test" }];
    case "skip":
      return ["PATCH", `/task/${id}`, { status: "Skipped" }];
    case "override_success":
      return ["POST", `/task/${id}/override`, { status: "Success", reason: "by test" }];
    case "override_failure":
      return ["POST", `/task/${id}/override`, { status: "Failure", reason: "by test" }];
    case "override_skipped":
      return ["POST", `/task/${id}/override`, { status: "Skipped", reason: "by test" }];
  }
}
