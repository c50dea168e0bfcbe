// Lives through one path of the model in the real system: brings each event about from outside, as a client, a service,
// a dying worker or time itself would, and compares the task's row after each step with the machine. At the end every
// command that the machine refuses there is tried as well, and must leave the row as it is.
import { expect } from "vitest";
import type { TaskContext, TaskEvent, TaskState } from "#machines/task";
import type { Cluster } from "#test/cluster";
import { type Hold, type Receiver, startReceiver } from "#test/receiver";
import { expected, finalStates } from "#test/table";
import { until } from "#test/until";
import { acceptedVerbs, type Client, type ClientVerb, clientVerbs, eventOf, verbOf } from "./clients.ts";
import { Gate } from "./gate.ts";
import { has, type Path, type Step } from "./model.ts";
import { Parents, parentsOf } from "./parents.ts";

export interface World {
  readonly cluster: Cluster;
  /** Where the parents are started. */
  readonly service: Receiver;
  /** Resolves when the worker that holds the claims counts as dead, and another one is there. */
  loseWorker(): Promise<void>;
  /** Lets the lost worker live again. */
  reviveWorker(): void;
}

const shortSecs = 2;
const longSecs = 3600;

export async function play(world: World, path: Path, client: Client): Promise<void> {
  const player = new Player(world, path, client, await startReceiver());
  try {
    await player.begin();
    for (const step of path.steps) await player.live(step);
    await player.compareHistory();
    await player.tryRefused();
  } finally {
    await player.end();
  }
}

class Player {
  readonly #world: World;
  readonly #path: Path;
  readonly #client: Client;
  readonly #receiver: Receiver;
  readonly #gate: Gate;
  #parents: Parents | null = null;
  #id = "";
  #batch = "";
  #call: Hold | null = null;
  #state: TaskState;
  #context: TaskContext;

  constructor(world: World, path: Path, client: Client, receiver: Receiver) {
    this.#world = world;
    this.#path = path;
    this.#client = client;
    this.#receiver = receiver;
    this.#gate = new Gate(world.cluster, receiver);
    this.#context = path.context;
    this.#state = path.context.waitFinished > 0 ? "Waiting" : "Pending";
  }

  async begin(): Promise<void> {
    const { cluster, service } = this.#world;
    await this.#gate.shut();
    await this.#gate.isShut();
    const parents = parentsOf(this.#path);
    const delay = has(this.#path, "backoff_elapsed") ? shortSecs : longSecs;
    const task = {
      id: "task",
      name: "task",
      kind: "task",
      timeout: has(this.#path, "timeout") ? shortSecs : longSecs,
      retry: {
        max_retries: this.#context.maxRetries,
        initial_delay_secs: delay,
        max_delay_secs: delay,
        backoff_multiplier: 1,
      },
      max_duration_secs: longSecs,
      expires_secs: longSecs,
      dependencies: parents.map(({ id, edge }) => ({ id, ...edge })),
      on_start: this.#receiver.action("/task"),
    };
    const ids = await cluster.create([...Parents.tasks(parents, service), task]);
    this.#id = ids.task ?? "";
    this.#batch = String((await cluster.row(this.#id)).batch_id);
    this.#parents = new Parents(cluster, parents, ids);
    await this.#parents.areRunning();
    await this.#compare();
  }

  async live({ event, to, context }: Step): Promise<void> {
    const before = await this.#row();
    // A worker that claims it again has a call of its own: what starts it then is not late.
    const doubt = this.#context.inDoubt && this.#state !== "Claimed";
    this.#state = to;
    this.#context = context;
    await this.#bringAbout(event, doubt);
    // A client that was answered sees the change at once; what nobody waits for takes a moment.
    const asked = verbOf(event) !== undefined || event.type.startsWith("parent_") || event.type.endsWith("_pause");
    // A report may come before the start call's answer: that one is late then, and must change nothing any more.
    if (asked && to !== "Claimed" && !doubt) this.#call?.release();
    const compare = () => this.#compare().then(() => true);
    await (asked ? compare() : until(compare, 10_000, `${event.type} leads to ${to}`));
    const after = await this.#row();
    // Kept through a pause, too: the service asked to be left alone until then.
    if (event.type === "start_deferred") expect(after.run_at, "run_at of a deferred start").not.toBeNull();
    if (event.type !== "request_pause" && event.type !== "withdraw_pause")
      expect(time(after.last_updated), `${event.type} sets last_updated`).toBeGreaterThan(time(before.last_updated));
  }

  /** The record shows the path, and nothing else. */
  async compareHistory(): Promise<void> {
    const { body } = await this.#world.cluster.call("GET", `/task/${this.#id}/events`);
    const reached = (body as { from: string; to: string }[]).filter(({ from, to }) => from !== to).map(({ to }) => to);
    const states = [
      this.#path.context.waitFinished > 0 ? "Waiting" : "Pending",
      ...this.#path.steps.map(({ to }) => to),
    ];
    expect(reached).toEqual(states.filter((state, n) => n > 0 && state !== states[n - 1]));
  }

  /** What the machine refuses here is refused with the state's name, and changes nothing. */
  async tryRefused(): Promise<void> {
    const ticking = {
      Running: has(this.#path, "timeout"),
      Retrying: has(this.#path, "backoff_elapsed"),
      Pending: has(this.#path, "start_deferred"),
    };
    // A short timer could go off in between; the same state is tried at the end of other paths.
    if (ticking[this.#state as keyof typeof ticking]) return;
    const accepted = clientVerbs.filter((verb) => expected(this.#state, this.#context, eventOf(verb)) !== null);
    for (const verb of clientVerbs) if (!accepted.includes(verb)) await this.#refuse(verb, accepted);
  }

  async end(): Promise<void> {
    this.#call?.release();
    await this.#world.cluster.call("DELETE", `/batch/${this.#batch}`);
    await this.#gate.remove();
    await this.#receiver.stop();
  }

  async #refuse(verb: ClientVerb, accepted: readonly ClientVerb[]): Promise<void> {
    const before = await this.#row();
    const answer = await this.#client.ask(verb, this.#id);
    const { rejected: _, ...after } = await this.#row();
    const where = `${verb} in ${this.#state} over ${this.#client.name}`;
    expect(after, `${where} changes nothing`).toEqual(
      Object.fromEntries(Object.entries(before).filter(([key]) => key !== "rejected")),
    );
    // A report of what is so anyway is no refusal.
    if (reportedAs[verb] === this.#state) {
      expect(answer.status, where).toBe(200);
      return;
    }
    const isConflict = verb !== "cancel" && verb !== "pause" && verb !== "resume";
    expect(answer.status, where).toBe(isConflict ? 409 : 400);
    expect(answer.error, where).toContain(this.#state);
    const named = acceptedVerbs.filter((one) => accepted.includes(one));
    if (isConflict) expect(answer.allowed, where).toEqual(named);
  }

  async #bringAbout(event: TaskEvent, doubt: boolean): Promise<void> {
    const { cluster } = this.#world;
    const verb = verbOf(event);
    if (verb !== undefined) {
      const answer = await this.#client.ask(verb, this.#id);
      if (answer.status !== 200) throw new Error(`${verb} over ${this.#client.name}: ${JSON.stringify(answer)}`);
      return;
    }
    switch (event.type) {
      case "parent_met":
      case "parent_lost":
        return this.#parents?.next();
      case "claim":
        return this.#claim();
      case "started":
        if (doubt) this.#world.reviveWorker();
        return this.#call?.release({ status: 200 });
      case "start_failed":
        return this.#call?.release({ status: 500 });
      case "start_deferred":
        return this.#call?.release({ status: 503, headers: { "retry-after": "1" } });
      case "expire":
      case "overrun":
        return this.#letTimePass();
      case "lease_expired":
        return this.#world.loseWorker();
      case "request_pause":
        return void expect(await cluster.call("POST", `/batch/${this.#batch}/pause`)).toMatchObject({ status: 200 });
      case "withdraw_pause":
        return void expect(await cluster.call("POST", `/batch/${this.#batch}/resume`)).toMatchObject({ status: 200 });
      default:
        // timeout and backoff_elapsed come by themselves.
        return;
    }
  }

  /** As much as the whole task may take. */
  async #letTimePass(): Promise<void> {
    await this.#world.cluster.sql`
      update task set created_at = created_at - ${longSecs} * interval '1 s',
        first_claimed_at = first_claimed_at - ${longSecs} * interval '1 s', due_at = now()
      where id = ${this.#id}`;
  }

  async #claim(): Promise<void> {
    const calls = this.#receiver.to("/task").length;
    this.#call = this.#receiver.hold("/task");
    await this.#gate.open();
    await until(() => this.#receiver.to("/task").length > calls, 15_000, "the start call arrives");
    // Whoever comes back from here on finds somebody else first in line.
    await this.#gate.shut();
  }

  async #compare(): Promise<void> {
    const { status, attempt, wait_finished, wait_success, ended_at, started_at } = await this.#row();
    const final = (finalStates as readonly string[]).includes(this.#state);
    const waits = final ? [] : [wait_finished, wait_success];
    const seen = [status, attempt, ...waits, ended_at === null ? "open" : "ended"];
    const { waitFinished, waitSuccess, attempt: n } = this.#context;
    const wanted = [this.#state, n, ...(final ? [] : [waitFinished, waitSuccess]), final ? "ended" : "open"];
    if (String(seen) !== String(wanted)) throw new Error(`the machine says ${wanted}, the row ${seen}`);
    if (this.#state === "Waiting" || this.#state === "Pending") expect(started_at, "started_at").toBeNull();
  }

  #row(): Promise<Record<string, unknown>> {
    return this.#world.cluster.row(this.#id);
  }
}

/** What a report says is so anyway, where it is. */
const reportedAs: Partial<Record<ClientVerb, TaskState>> = { succeed: "Success", fail: "Failure", skip: "Skipped" };
const time = (value: unknown) => (value as Date).getTime();
