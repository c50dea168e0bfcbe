// Random work for tests: graphs with every kind of edge, and a service that does what each task's body tells it to.
// All randomness comes from one seed, which is printed; SEED in the environment repeats a run.
import type { Behaviour, Call, Receiver } from "#test/receiver";
import { seed } from "#test/seed";
import { sleep } from "#test/until";

export interface Random {
  readonly seed: number;
  /** From 0 to n - 1. */
  below(n: number): number;
  chance(p: number): boolean;
  pick<T>(list: readonly T[]): T;
}

/** The randomness of a run; says which seed it comes from. */
export function seeded(what: string): Random {
  console.log(`${what}: SEED=${seed}`);
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (n: number) => Math.floor(next() * n);
  return { seed, below, chance: (p) => next() < p, pick: (list) => list[below(list.length)] as never };
}

/** What the service does with a task: the body of its start action. */
export interface Script {
  /** Before the call is answered, and before the report is sent; whichever is sooner comes first. */
  readonly answerMs: number;
  readonly reportMs: number;
  /** What is reported in each attempt, the last again and again; null: nothing. */
  readonly says: readonly ("Success" | "Failure" | null)[];
  readonly answers?: number;
  /** Counter updates sent before the report. */
  readonly puts?: number;
}

export interface Making {
  readonly size: number;
  /** Longest pauses of the service, in ms. */
  readonly answerMs: number;
  readonly reportMs: number;
  /** Whether tasks may fail for good. */
  readonly failing?: boolean;
}

const edges = [
  {},
  { requires_success: true },
  { requires_success: true },
  { requires_success: false },
  { condition: "always" },
  { condition: "on_success" },
  { condition: "on_failure" },
  { condition: "none_failed" },
];

/** A batch of `size` tasks: about a tenth fail, a tenth are retried, some join, some answer at once, some count. */
export function randomBatch(random: Random, service: Receiver, { size, answerMs, reportMs, failing = true }: Making) {
  const tasks = Array.from({ length: size }, (_, i) => {
    const parents = new Set<number>();
    for (let n = i === 0 ? 0 : random.below(4); n > 0; n--) parents.add(Math.max(0, i - 1 - random.below(40)));
    const dependencies = [...parents].map((n) => ({ id: `t${n}`, ...random.pick(edges) }));
    const fate = failing ? random.below(20) : 19;
    const says: Script["says"] = fate < 2 ? ["Failure"] : fate < 4 ? ["Failure", "Success"] : ["Success"];
    const script: Script = {
      answerMs: random.below(answerMs),
      reportMs: random.below(reportMs),
      says,
      ...(fate === 4 ? { answers: 500 } : {}),
      ...(fate > 15 ? { puts: 1 + random.below(3) } : {}),
    };
    const more = fate === 5 ? { completes: "on_response" } : {};
    return {
      id: `t${i}`,
      name: `task ${i}`,
      kind: random.pick(["build", "test", "ship"]),
      priority: random.below(5) - 2,
      dependencies,
      ...(fate === 6 ? {} : { on_start: service.action("/work", { body: script, ...more }) }),
      ...(fate === 2 || fate === 3 || fate === 4 ? { retry: { max_retries: 1, initial_delay_secs: 0.2 } } : {}),
      ...(random.chance(0.1) ? { on_success: [service.action("/ended"), service.action("/ended")] } : {}),
      ...(random.chance(0.1) ? { on_failure: [service.action("/ended")] } : {}),
      ...(random.chance(0.1) ? { on_cancel: [service.action("/ended")] } : {}),
      ...(random.chance(0.05) ? { dead_end_barrier: true } : {}),
      ...(random.chance(0.05) ? { dead_end: "keep" } : {}),
      ...(random.chance(0.1) ? { join: "any" } : {}),
    };
  });
  return { tasks, on_batch_complete: service.action("/complete") };
}

/** One thing that the service reported to Baton, and what it heard in the end. */
export interface Said {
  readonly taskId: string;
  readonly attempt: number;
  readonly what: "Success" | "Failure" | "put";
  /** Of a counter update; the same again is counted once. */
  readonly key?: string;
  /** 0: never answered, because the crew was dismissed. */
  readonly status: number;
  /** Some try of it got no answer or 503, so its effect is not known from the others. */
  readonly unsure: boolean;
}

/** The user's service: it answers and reports as each script says, and repeats what gets no answer until it does. */
export class Crew {
  readonly said: Said[] = [];
  #dismissed = false;
  #running = 0;

  readonly behaviour: Behaviour = async (call) => {
    const script = call.body as Script;
    if (call.trigger !== "start" || !script?.says) return {};
    this.#running++;
    void this.#perform(call, script).finally(() => {
      this.#running--;
    });
    await sleep(script.answerMs);
    return { status: script.answers ?? 200 };
  };

  /** Nothing is left to be said. */
  get idle(): boolean {
    return this.#running === 0;
  }

  /** Says nothing more. */
  dismiss(): void {
    this.#dismissed = true;
  }

  async #perform(call: Call, { reportMs, says, puts = 0, answers = 200 }: Script): Promise<void> {
    const what = says[Math.min(call.attempt, says.length - 1)] ?? null;
    await sleep(reportMs);
    if (what === null || answers >= 300) return;
    for (let n = 0; n < puts; n++) await this.#say(call, "put", { new_success: 1 }, `${call.key}:${n}`);
    const reason = what === "Failure" ? { failure_reason: "by test" } : {};
    await this.#say(call, what, { status: what, ...reason });
  }

  async #say(call: Call, what: Said["what"], body: object, key?: string): Promise<void> {
    let [status, unsure] = [0, false];
    while (!this.#dismissed) {
      status = await fetch(call.handle, {
        method: what === "put" ? "PUT" : "PATCH",
        headers: { "content-type": "application/json", ...(key === undefined ? {} : { "idempotency-key": key }) },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(15_000),
      }).then(
        async (response) => {
          await response.arrayBuffer();
          return response.status;
        },
        () => 0,
      );
      if (status !== 0 && status !== 503) break;
      unsure = true;
      await sleep(100);
    }
    this.said.push({ taskId: call.taskId, attempt: call.attempt, what, status, unsure, ...(key ? { key } : {}) });
  }
}

/** What an accepted report may have led to, if no attempt followed: one that waits for its retry may be canceled. */
const outcomes = { Success: ["Success"], Failure: ["Failure", "Canceled"] };

/** What was accepted from the crew and is not there, given the tasks as they are now. */
export function brokenPromises(
  said: readonly Said[],
  tasks: readonly { id: string; status: string; attempt: number; success: number }[],
): string[] {
  const broken: string[] = [];
  const sure = new Map<string, Set<string>>();
  const maybe = new Map<string, Set<string>>();
  const add = (to: Map<string, Set<string>>, { taskId, key = "" }: Said) =>
    to.set(taskId, (to.get(taskId) ?? new Set()).add(key));
  const byId = new Map(tasks.map((task) => [task.id, task]));
  for (const one of said) {
    const { taskId, attempt, what, status, unsure } = one;
    const task = byId.get(taskId);
    if (![200, 202, 409].includes(status)) broken.push(`${taskId}: ${what} was answered ${status}`);
    else if (what === "put") {
      if (status === 202) add(sure, one);
      else if (unsure) add(maybe, one);
    } else if (status === 200 && task && task.attempt === attempt && !outcomes[what].includes(task.status))
      broken.push(`${taskId}: ${what} was accepted, and it is ${task.status}`);
  }
  for (const { id, success } of tasks) {
    const least = sure.get(id) ?? new Set();
    const most = least.union(maybe.get(id) ?? new Set());
    if (success < least.size || success > most.size)
      broken.push(`${id}: counts ${success}, and ${least.size} to ${most.size} updates were accepted`);
  }
  return broken;
}
