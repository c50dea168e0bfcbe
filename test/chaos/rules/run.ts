// Lives through one random plan: creates its batches, does its steps, plays the service that is called, and writes down what
// was seen and said when, for the measure. Kinds are its own, so that many runs share one cluster and disturb nobody.
import type { Cluster, Reply } from "#test/cluster";
import { heldAWhile, insist, pauseAfter } from "#test/faults";
import type { Answer, Call, Receiver } from "#test/receiver";
import { until } from "#test/until";
import { readClaims, unfinishedOf } from "./claims.ts";
import { isLacking, type Known, kindOf, knownOf, modelRule, type Open, wireRule, wireTask } from "./known.ts";
import { born, broken, type Rule, type Version } from "./measure.ts";
import type { Command, Plan, Step } from "./plan.ts";

/** What the runs on one cluster share. */
export interface Rig {
  readonly cluster: Cluster;
  readonly service: Receiver;
  readonly runs: Map<string, Run>;
  /** Workers are killed, frozen and drained meanwhile: all takes longer, and a command that nobody answered is sent again. */
  readonly isStruck: boolean;
  /** All unfinished tasks, as they were a moment ago. */
  unfinished(): Promise<readonly { readonly id: string; readonly status: string }[]>;
}

const answerMs = 40;
const openWaitMs = 150;
/** Where workers are away for a while, calls stay open for a while, too. */
const slowMs = 1_000;
const retryAfterSecs = "1";
/** Calls are given up after 10 s. */
const heldMs = 8_000;
/** What a worker that is gone had in hand, JetStream gives to another one after 8 s. */
const [endsMs, endsStruckMs] = [25_000, 60_000];
const [countedMs, countedStruckMs] = [5_000, 30_000];
let named = 0;

export class Run {
  readonly #rig: Rig;
  readonly #plan: Plan;
  readonly name = `r${++named}`;
  readonly #known = new Map<string, Known>();
  readonly #batches: string[] = [];
  readonly #asked: Promise<unknown>[] = [];
  /** Changes whose order matters to the model. */
  #changes: Promise<unknown> = Promise.resolve();
  /** Progress that must count, by task and attempt. */
  readonly #accepted = new Map<string, number>();
  #draining = false;
  readonly faults: string[] = [];

  constructor(rig: Rig, plan: Plan) {
    this.#rig = rig;
    this.#plan = plan;
    rig.runs.set(this.name, this);
  }

  /** Everything of the plan; nothing is unanswered afterwards, and all progress counts. */
  async act(): Promise<void> {
    await this.#create();
    for (const step of this.#plan.steps) {
      const done = this.#do(step);
      this.#asked.push(done);
      if (step.wait) await done;
      if (this.#rig.isStruck) await pauseAfter(step.n);
    }
    while (this.#batches.length < this.#plan.batches.length) await this.#create();
    await this.#answered();
    const withinMs = this.#rig.isStruck ? countedStruckMs : countedMs;
    await until(() => this.#isCounted(), withinMs, "all progress is counted").catch((late) =>
      this.faults.push(String(late)),
    );
  }

  /** From now on the service reports everything, and whatever can never start is canceled: then all must end. */
  async drain(): Promise<void> {
    this.#draining = true;
    const stuck = [...this.#known.values()].filter(({ life }) => isLacking(life));
    await Promise.all(stuck.map((known) => this.#cancel(known)));
    const mine = new Set([...this.#known.values()].map(({ id }) => id));
    const resumed = new Map<string, number>();
    const ended = async () => {
      const now = Date.now();
      for (const known of this.#known.values())
        if (known.open !== null && known.open.stay.from < now) this.#asked.push(this.#report(known, "Success"));
      const left = (await this.#rig.unfinished()).filter(({ id }) => mine.has(id));
      for (const { id, status } of left) {
        if (status !== "Paused" || now - (resumed.get(id) ?? 0) < 500) continue;
        resumed.set(id, now);
        this.#asked.push(this.#ask("PATCH", `/task/resume/${id}`));
      }
      return left.length === 0;
    };
    const withinMs = this.#rig.isStruck ? endsStruckMs : endsMs;
    await until(ended, withinMs, "everything ends").catch(() => this.#faultOf("forgotten"));
    await this.#answered();
  }

  /** What nobody can explain. */
  async check(): Promise<string[]> {
    this.faults.push(...(await readClaims(this.#rig.cluster, [...this.#known.values()])));
    const capMs = this.#rig.isStruck ? Number.POSITIVE_INFINITY : heldMs;
    for (const { life, canceled } of this.#known.values())
      for (const stay of life.stays) stay.to = Math.min(stay.to, stay.from + capMs, ...canceled);
    this.faults.push(...broken([...this.#known.values()].map(({ life }) => life)));
    this.#rig.runs.delete(this.name);
    return this.faults;
  }

  get starts(): number {
    return [...this.#known.values()].reduce((sum, { life }) => sum + life.stays.length, 0);
  }

  get repeated(): number {
    return [...this.#known.values()].reduce((sum, { repeated }) => sum + repeated, 0);
  }

  async arrive(call: Call, local: string): Promise<Answer> {
    const known = this.#known.get(local) as Known;
    // A worker that stood still may call for an attempt that is over: its key says so.
    if (call.attempt < known.attempt) return {};
    if (known.reported?.attempt === call.attempt && (await known.reported.isTaken)) return {};
    if (known.open?.stay.attempt === call.attempt) return this.#again(known, known.open);
    return this.#begin(known, call);
  }

  /** Another worker took over and calls under the same key: the task runs already, and counts once. */
  async #again(known: Known, { held }: Open): Promise<Answer> {
    known.repeated++;
    if (known.task.manner === "hold" && !this.#draining) await held;
    return {};
  }

  async #begin(known: Known, call: Call): Promise<Answer> {
    known.id = call.taskId;
    known.attempt = call.attempt;
    const stay = { from: call.at, to: Number.POSITIVE_INFINITY, lo: born, attempt: call.attempt };
    known.life.stays.push(stay);
    if (known.open !== null && known.canceled.length === 0) this.faults.push(`${known.life.name} started while it ran`);
    const first = ++known.calls === 1;
    const { manner } = known.task;
    if (manner === "answer") {
      stay.to = stay.from + answerMs - 5;
      return { delayMs: answerMs };
    }
    if (first && (manner === "fail" || manner === "defer")) {
      stay.to = Date.now();
      return manner === "fail" ? { status: 500 } : { status: 503, headers: { "retry-after": retryAfterSecs } };
    }
    const { promise, resolve: letGo } = Promise.withResolvers<void>();
    const held = this.#rig.isStruck ? heldAWhile(promise) : promise;
    known.open = { stay, handle: call.handle, held, letGo };
    if (manner === "report") await this.#report(known, "Success");
    if (manner === "hold" && !this.#draining) await held;
    return this.#rig.isStruck ? { delayMs: slowMs } : {};
  }

  async #create(): Promise<void> {
    const n = this.#batches.length;
    const tasks = this.#plan.batches[n];
    if (tasks === undefined) return;
    this.#batches.push("");
    const sent = tasks.map((task, i) => {
      const id = `${this.name}-${n}-${i}`;
      this.#known.set(id, knownOf(task, this.name, n, id));
      return wireTask(task, this.name, n, i, this.#rig.service);
    });
    const { status, body } = await this.#send("POST", "/task", sent);
    if (status !== 201) throw new Error(`POST /task: ${status} ${JSON.stringify(body)} for ${JSON.stringify(sent)}`);
    for (const { id, local_id, batch_id } of body) {
      const known = this.#known.get(local_id) as Known;
      known.id = id;
      known.life.created = Date.now();
      this.#batches[n] = batch_id;
    }
  }

  async #do(step: Step): Promise<void> {
    if (step.what === "create") return this.#create();
    if (step.what === "succeed" || step.what === "fail") {
      await until(() => this.#open().length > 0, openWaitMs).catch(() => {});
      const all = this.#open();
      const one = all[step.n % all.length];
      return one && this.#report(one, step.what === "fail" ? "Failure" : "Success");
    }
    if (step.what === "count") await until(() => this.#open().length > 0, openWaitMs).catch(() => {});
    const created = [...this.#known.values()].filter(({ batch }) => this.#batches[batch] !== "");
    const one = created[step.n % created.length] as Known;
    const batch = `/batch/${this.#batches[one.batch]}`;
    if (step.what === "cancel") return this.#cancel(one);
    if (step.what === "stop") return this.#stop(one.batch);
    if (step.what === "pauseAll") return this.#ask("POST", `${batch}/pause`).then(() => {});
    if (step.what === "resumeAll") return this.#ask("POST", `${batch}/resume`).then(() => {});
    if (step.what === "count") return this.#count(this.#open()[step.n % 4] ?? one, step.value);
    this.#changes = this.#changes.then(() => this.#change(step, one, batch));
    await this.#changes;
  }

  readonly #open = () => [...this.#known.values()].filter((known) => known.open !== null);

  async #change(command: Command, { id, batch, life }: Known, path: string): Promise<void> {
    if (command.what === "pause" || command.what === "resume") await this.#ask("PATCH", `/task/${command.what}/${id}`);
    if (command.what === "priority") await this.#ask("PATCH", `/task/${id}`, { priority: command.value });
    if (command.what === "metadata") {
      const metadata = command.value ?? {};
      await this.#version([life.metadata], metadata, () => this.#ask("PATCH", `/task/${id}`, { metadata }));
    }
    if (command.what === "expect") {
      const expected_count = command.value;
      await this.#version([life.expected], expected_count, () => this.#ask("PATCH", `/task/${id}`, { expected_count }));
    }
    if (command.what === "rules") {
      const kind = kindOf(this.name, command.kind);
      const theirs = [...this.#known.values()].filter((known) => known.batch === batch && known.life.kind === kind);
      const rules = command.value.map((rule) => wireRule(this.name, rule));
      const value: readonly Rule[] = command.value.map((rule) => modelRule(this.name, rule));
      const lists = theirs.map(({ life }) => life.rules);
      await this.#version(lists, value, () => this.#ask("PATCH", `${path}/rules`, { kind, rules }));
    }
  }

  /** The value may hold from now on, and does so once it is answered; a refusal takes it back. */
  async #version<T>(lists: readonly Version<T>[][], value: T, ask: () => Promise<number>): Promise<void> {
    const version = { value, sent: Date.now(), answered: Number.POSITIVE_INFINITY };
    for (const list of lists) list.push(version);
    if ((await ask()) === 200) version.answered = Date.now();
    else for (const list of lists) list.splice(list.indexOf(version), 1);
  }

  async #report(known: Known, status: "Success" | "Failure"): Promise<void> {
    const { stay, handle, letGo } = known.open as Open;
    known.open = null;
    stay.to = Date.now();
    letGo();
    const asked = this.#ask("PATCH", handle, status === "Success" ? { status } : { status, failure_reason: "by test" });
    known.reported = { attempt: stay.attempt, isTaken: asked.then((answer) => answer < 300) };
    await asked;
  }

  async #cancel(known: Known): Promise<void> {
    const sent = Date.now();
    known.canceled.push(sent);
    known.open?.letGo();
    if ((await this.#ask("DELETE", `/task/${known.id}`)) !== 200)
      known.canceled.splice(known.canceled.indexOf(sent), 1);
    else known.open = null;
  }

  async #stop(batch: number): Promise<void> {
    const theirs = [...this.#known.values()].filter((known) => known.batch === batch);
    for (const { canceled, open } of theirs) {
      canceled.push(Date.now());
      open?.letGo();
    }
    await this.#ask("DELETE", `/batch/${this.#batches[batch]}`);
    for (const known of theirs) known.open = null;
  }

  /** It is refused where the service has not heard of the present attempt yet. */
  async #count({ id, attempt, life }: Known, [new_success, new_failures]: readonly [number, number]): Promise<void> {
    const counted = { sent: Date.now(), attempt, n: new_success + new_failures };
    life.counted.push(counted);
    const status = await this.#ask("PUT", `/task/${id}?attempt=${attempt}`, { new_success, new_failures });
    if (status !== 202) life.counted.splice(life.counted.indexOf(counted), 1);
    else this.#accepted.set(`${id}:${attempt}`, this.#counted(id, attempt) + counted.n);
  }

  readonly #counted = (id: string, attempt: number) => this.#accepted.get(`${id}:${attempt}`) ?? 0;

  async #ask(verb: string, path: string, body?: unknown): Promise<number> {
    const { status, body: answer } = await this.#send(verb, path, body);
    if (![200, 202, 400, 409].includes(status))
      this.faults.push(`${verb} ${path}: ${status} ${JSON.stringify(answer)}`);
    return status;
  }

  #send(verb: string, path: string, body?: unknown): Promise<Reply> {
    const { cluster, isStruck } = this.#rig;
    return isStruck ? insist(cluster, verb, path, body) : cluster.call(verb, path, body);
  }

  async #isCounted(): Promise<boolean> {
    const ids = [...this.#known.values()].map(({ id }) => id);
    // Counters are those of the present attempt: each has all progress that was accepted for it, and no other.
    const rows = await this.#rig.cluster.sql<{ id: string; n: number; attempt: number }[]>`
      select id, (success + failures)::int as n, attempt from task where id = any(${ids}::uuid[])`;
    return rows.every(({ id, n, attempt }) => n === this.#counted(id, attempt));
  }

  /** Also what was asked meanwhile. */
  async #answered(): Promise<void> {
    while (this.#asked.length > 0) await Promise.all(this.#asked.splice(0));
  }

  async #faultOf(what: string): Promise<void> {
    const left = await unfinishedOf(this.#rig.cluster, [...this.#known.values()]);
    this.faults.push(`${what}: ${JSON.stringify(left)}`);
  }
}
