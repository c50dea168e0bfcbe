/**
 * A Baton inside a test: runs batches against the services of a pipeline, in virtual time and in this process, without a server. It goes
 * by the contract for everything that one pipeline alone can see; docs/sdk.md lists what it leaves out.
 */
import { BuildError, batch as checked } from "../build/batch.ts";
import { type Client, connect } from "../client.ts";
import type { HandlerOptions } from "../service/handler.ts";
import type { Start } from "../service/running.ts";
import type { Action, BatchInput, StartAction, TaskInput } from "../types.ts";
import { fetchOf } from "./api.ts";
import { type FakeBatch, LiveBatch } from "./batch.ts";
import type { Life } from "./life.ts";
import { type Parcel, settleParcel } from "./outbox.ts";
import { callsTo, type MadeCall, type Outgoing, type Services, toOf } from "./services.ts";
import { startTask } from "./starts.ts";
import { VirtualClock } from "./virtual-clock.ts";

export interface FakeOptions {
  /** Who is called: by URL or subject, or the beginning of one; `*` serves what no other does. */
  readonly services: Services;
  /** When virtual time begins: 2026-01-01T00:00:00Z by default. */
  readonly now?: Date;
  /** With which calls are signed; one of the tests by default. */
  readonly secret?: string;
  /** How often functions in `services` say that they go on, in virtual milliseconds: 15,000 by default. */
  readonly heartbeatMs?: number;
  /** How long a work may take without any news, in real milliseconds: 5,000 by default. */
  readonly silenceMs?: number;
  /** What functions in `services` threw; their task fails with it in any case. */
  readonly onError?: (error: unknown, start: Start) => void;
}

export interface FakeBaton {
  readonly url: string;
  /** A client of this Baton: `create`, `task`, `tasks`, `batch`, `patch`, `progress`, `skip`, `override`, `cancel`, `add`, `close`, `stop`. */
  readonly client: Client;
  /** For `handler(baton.options, work)`, whose works then live by virtual time. */
  readonly options: Pick<HandlerOptions, "secrets" | "baton" | "clock"> & {
    readonly fetch: NonNullable<HandlerOptions["fetch"]>;
  };
  /** Virtual time. */
  readonly now: Date;
  /** The calls that it made, oldest first. */
  readonly calls: readonly MadeCall[];
  /** Creates a batch; nothing of it happens before `run`. Throws a `BuildError` that names every fault. */
  create(batch: BatchInput | readonly TaskInput[]): FakeBatch;
  /**
   * Goes on, moving virtual time, until all that is left are gates and what waits for them, or until `forSecs` have passed. Creates the
   * batch first where one is given.
   */
  run(batch: BatchInput | readonly TaskInput[], options?: RunOptions): Promise<FakeBatch>;
  run(options?: RunOptions): Promise<void>;
}

export interface RunOptions {
  readonly forSecs?: number;
}

const testSecret = "whsec_YmF0b24tdGVzdGluZy1iYXRvbi10ZXN0aW5nLWJhdG9u";
const stepsMax = 100_000;

/**
 *     const baton = fakeBaton({ services: { "https://etl.example.com/extract": (task) => ({ rows: 3 }) } });
 *     const nightly = await baton.run(batch([extract]));
 *     expect(nightly.statuses).toEqual({ extract: "Success" });
 */
export function fakeBaton(options: FakeOptions): FakeBaton {
  const fake = new Fake(options);
  const isBatch = (asked: object): asked is BatchInput | readonly TaskInput[] =>
    Array.isArray(asked) || "tasks" in asked;
  const run = async (asked: BatchInput | readonly TaskInput[] | RunOptions = {}, more: RunOptions = {}) => {
    const made = isBatch(asked) ? fake.create(asked) : undefined;
    await fake.run(isBatch(asked) ? more : asked);
    return made;
  };
  return {
    ...{ url: fake.url, client: connect(fake.url, { fetch: fake.fetch, retries: 0 }), calls: fake.calls },
    options: { secrets: fake.secret, baton: fake.url, fetch: fake.fetch, clock: fake.clock },
    get now() {
      return new Date(fake.clock.now);
    },
    create: (batch) => fake.create(batch),
    run: run as FakeBaton["run"],
  };
}

class Fake {
  readonly url = "http://baton.test";
  readonly calls: MadeCall[] = [];
  readonly clock: VirtualClock;
  readonly secret: string;
  readonly fetch: ReturnType<typeof fetchOf>;
  readonly #batches = new Map<string, LiveBatch>();
  readonly #services: ReturnType<typeof callsTo>;
  readonly #silenceMs: number;
  #broken: unknown;
  #ids = 0;

  constructor({
    services,
    now,
    secret = testSecret,
    heartbeatMs = 15_000,
    silenceMs = 5_000,
    onError = () => {},
  }: FakeOptions) {
    this.clock = new VirtualClock((now ?? new Date("2026-01-01T00:00:00Z")).getTime());
    this.secret = secret;
    this.#silenceMs = silenceMs;
    const store = {
      ...{ batches: this.#batches, now: () => this.clock.now, create: (input: BatchInput) => this.create(input) },
      add: (batch: LiveBatch, tasks: readonly TaskInput[]) => this.#add(batch, tasks),
    };
    this.fetch = fetchOf(store, this.url);
    const { url, clock, fetch } = this;
    this.#services = callsTo({ url, secret, clock, fetch, heartbeatMs, services, onError });
  }

  create(asked: BatchInput | readonly TaskInput[]): LiveBatch {
    const sent: BatchInput = structuredClone("tasks" in asked ? asked : { tasks: asked });
    const { tasks, ...fields } = sent;
    const later = [sent.on_batch_complete ?? []].flat() as Action[];
    this.#check(checked(tasks, fields).tasks, later, sent.paused ? ["paused: the fake Baton does not pause"] : []);
    const around = { url: this.url, now: () => this.clock.now, newId: () => this.#newId() };
    const made = new LiveBatch(sent, around);
    this.#batches.set(made.id, made);
    return made;
  }

  #add(batch: LiveBatch, tasks: readonly TaskInput[]): Life[] {
    const known = [...batch.decider.lives.values()].map(({ input }) => input);
    checked([...known, ...tasks]);
    this.#check(tasks, [], []);
    return batch.add(structuredClone(tasks));
  }

  /** What this Baton, or this test, cannot do. */
  #check(tasks: readonly TaskInput[], later: readonly Action[], faults: readonly string[]): void {
    const of = (where: string, actions: readonly (Action | StartAction)[]) =>
      actions.flatMap((action) => {
        const fault = this.#services.faultOf(action);
        return fault === undefined ? [] : [`${where}: ${fault}`];
      });
    const all = tasks.flatMap((task) => [
      ...(task.paused ? [`"${task.id}": paused: the fake Baton does not pause`] : []),
      ...of(`"${task.id}"`, [
        ...(task.on_start ? [task.on_start] : []),
        ...(task.on_success ?? []),
        ...(task.on_failure ?? []),
        ...(task.on_cancel ?? []),
      ]),
    ]);
    const found = [...faults, ...all, ...of("on_batch_complete", later)];
    if (found.length > 0) throw new BuildError(found);
  }

  async run({ forSecs }: RunOptions): Promise<void> {
    const end = forSecs === undefined ? Number.POSITIVE_INFINITY : this.clock.now + forSecs * 1000;
    for (let steps = 0; ; steps += 1) {
      if (steps > stepsMax) throw new Error(`nothing comes to an end: ${this.#atWork()} go on after ${stepsMax} steps`);
      if (this.#begin()) continue;
      await this.clock.settle(this.#silenceMs, () => this.#stuck());
      if (this.#broken !== undefined) throw this.#broken;
      if (this.#begin()) continue;
      const next = this.#nextAt();
      if (next > end || next === Number.POSITIVE_INFINITY || (forSecs === undefined && this.#isAtRest)) break;
      this.#moveTo(next);
    }
    if (Number.isFinite(end)) this.clock.moveTo(end);
  }

  /** Starts what may start, and sends what is due; says whether there was anything. */
  #begin(): boolean {
    let any = false;
    for (const batch of this.#batches.values()) {
      for (const life of batch.claimable()) {
        any = true;
        this.#goOn(startTask(batch, life, this.#outside));
      }
      for (const parcel of batch.parcels) {
        if (parcel.status !== "pending" || parcel.isOnItsWay || parcel.dueAt > this.clock.now) continue;
        // A start is answered before anything else is sent about its task.
        if (parcel.life?.isCalling) continue;
        any = true;
        parcel.isOnItsWay = true;
        this.#goOn(this.#deliver(parcel));
      }
    }
    return any;
  }

  /** A fault of the fake itself ends the run. */
  #goOn(work: Promise<void>): void {
    work.catch((error) => (this.#broken = error));
  }

  readonly #outside = {
    url: this.url,
    now: () => this.clock.now,
    call: (outgoing: Outgoing) => this.#call(outgoing),
    after: (ms: number, late: () => void) => {
      const stop = this.clock.every(ms, () => {
        stop();
        late();
      });
      return stop;
    },
  };

  async #call(outgoing: Outgoing) {
    const { trigger, key, task, attempt, action, body } = outgoing;
    const made = { at: new Date(this.clock.now), trigger, key, task, attempt, to: toOf(action), body, status: 0 };
    this.calls.push(made);
    const answer = await this.#services.call(outgoing);
    made.status = answer.status;
    return answer;
  }

  async #deliver(parcel: Parcel): Promise<void> {
    const { life, attempt, trigger, key, action, facts } = parcel;
    const body = { ...action.params.body, baton: facts };
    const handle = (facts.handle as string | undefined) ?? null;
    const about = { task: life?.localId ?? null, taskId: life?.id ?? null, attempt, handle };
    const outgoing = { ...about, trigger, key, action, body, waits: new AbortController() };
    const answer = await this.#call(outgoing).catch(() => ({ status: 0, retryAfterMs: null }));
    settleParcel(parcel, answer.status, answer.retryAfterMs, this.clock.now);
  }

  #nextAt(): number {
    const open = [...this.#batches.values()];
    const dues = open.flatMap((batch) => batch.dues().map(({ at }) => at));
    const parcels = open.flatMap(({ parcels }) =>
      parcels.flatMap((one) => (one.status === "pending" ? [one.dueAt] : [])),
    );
    return Math.max(this.clock.now, Math.min(this.clock.nextAt, ...dues, ...parcels));
  }

  #moveTo(at: number): void {
    this.clock.moveTo(at);
    for (const batch of this.#batches.values()) for (const due of batch.dues()) if (due.at <= at) due.fire();
  }

  get #isAtRest(): boolean {
    const all = [...this.#batches.values()];
    const isSending = all.some(({ parcels }) => parcels.some(({ status }) => status === "pending"));
    return this.clock.works === 0 && !isSending && all.every(({ isAtRest }) => isAtRest);
  }

  #stuck(): Error {
    const secs = this.#silenceMs / 1000;
    const advice = "A work that waits uses `task.sleep`; `silenceMs` gives it longer.";
    return new Error(`${this.#atWork()}: nothing was heard for ${secs} s of real time. ${advice}`);
  }

  #atWork(): string {
    const lives = [...this.#batches.values()].flatMap(({ decider }) => [...decider.lives.values()]);
    const active = lives.filter(({ status }) => status === "Claimed" || status === "Running");
    return (
      active.map(({ localId, attempt }) => `task "${localId}" (attempt ${attempt})`).join(", ") || "a notification"
    );
  }

  /** The same in each run. */
  #newId(): string {
    this.#ids += 1;
    return `00000000-0000-4000-8000-${this.#ids.toString(16).padStart(12, "0")}`;
  }
}
