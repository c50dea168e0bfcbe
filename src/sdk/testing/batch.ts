/** A batch in the fake Baton: what a test sees of it and does to it, its notifications, and what of it is due when. */
import type { Action, Batch, BatchInput, FirstFailure, Task, TaskInput, TaskPatch, TaskStatus } from "../types.ts";
import { Decider, type Note } from "./decider.ts";
import { hasEnded } from "./edges.ts";
import { isGate, type Life, type LifeEvent, startOf, timeoutOf } from "./life.ts";
import { completionOf, type Parcel, parcelsOf, timeOf } from "./outbox.ts";
import { countsOf, statusOf, taskOf } from "./view.ts";

/** A transition, in virtual time. */
export interface FakeEvent {
  readonly task: string;
  readonly from: TaskStatus;
  readonly to: TaskStatus;
  readonly event: string;
  readonly attempt: number;
  readonly reason: string | null;
  readonly at: Date;
}

export interface Around {
  readonly url: string;
  readonly now: () => number;
  readonly newId: () => string;
}

/** A batch that was created in the fake Baton. Tasks go by their local ids. */
export interface FakeBatch {
  readonly id: string;
  /** As `GET /batch/{id}` says it. */
  readonly status: Batch["status"];
  readonly statuses: Readonly<Record<string, TaskStatus>>;
  /** Every transition, oldest first. */
  readonly events: readonly FakeEvent[];
  /** As `GET /task/{id}` answers it. */
  task(localId: string): Task;
  /** Reports on a task, as a person does on a gate. Throws where its state does not allow it. */
  report(localId: string, change: TaskPatch): void;
  cancel(localId: string, reason?: string): void;
  /** An operator's word on how an unfinished task ends. */
  override(localId: string, status: "Success" | "Failure" | "Skipped", reason: string, result?: unknown): void;
  /** Cancels all that is unfinished. */
  stop(): void;
  /** Nothing more comes: an open batch is complete once its tasks have ended. */
  close(): void;
}

export class LiveBatch implements FakeBatch {
  readonly id: string;
  readonly input: BatchInput;
  readonly decider: Decider;
  readonly createdAt: number;
  readonly deadlineAt: number | null;
  readonly events: FakeEvent[] = [];
  readonly parcels: Parcel[] = [];
  completedAt: number | null = null;
  firstFailure: FirstFailure | null = null;
  readonly #around: Around;
  readonly #deadEnds = new Set<Life>();
  #fresh: (() => Parcel[])[] = [];

  constructor(input: BatchInput, around: Around) {
    this.#around = around;
    this.id = around.newId();
    this.input = input;
    this.createdAt = around.now();
    this.deadlineAt = input.deadline_secs === undefined ? null : this.createdAt + input.deadline_secs * 1000;
    const fields = { deadEnd: input.dead_end ?? "cancel", isOpen: input.open ?? false } as const;
    this.decider = new Decider(
      { ...fields },
      {
        moved: (life, from, event) => this.#moved(life, from, event),
        deliver: (life, on, attempt) => this.#fresh.push(() => parcelsOf(around.url, life, on, attempt, around.now())),
        complete: () => this.#complete(),
      },
    );
    this.add(input.tasks);
  }

  get status(): Batch["status"] {
    return statusOf([...this.decider.lives.values()], this.decider.isComplete, this.#deadEnds);
  }

  get statuses(): Readonly<Record<string, TaskStatus>> {
    return Object.fromEntries([...this.decider.lives.values()].map(({ localId, status }) => [localId, status]));
  }

  task(localId: string): Task {
    return taskOf(this.#life(localId), this);
  }

  report(localId: string, { status, failure_reason, result }: TaskPatch): void {
    const verb = { Success: "succeed", Failure: "fail", Skipped: "skip" } as const;
    if (status === undefined) throw new Error("status: say Success, Failure or Skipped");
    this.#must(localId, verb[status], { reason: failure_reason ?? null, result });
  }

  cancel(localId: string, reason = "Canceled by request"): void {
    this.#must(localId, "cancel", { reason });
  }

  override(localId: string, status: "Success" | "Failure" | "Skipped", reason: string, result?: unknown): void {
    this.#must(localId, "override", { as: status, reason, result });
  }

  stop(reason = "Batch stopped"): void {
    this.decider.stop(this.#around.now(), reason);
    this.flush();
  }

  close(): void {
    this.decider.close();
    this.flush();
  }

  /** Adds tasks; they may depend on tasks that are there. */
  add(tasks: readonly TaskInput[]): Life[] {
    const made = this.decider.add(tasks, this.#around.now(), this.#around.newId);
    this.flush();
    return made;
  }

  /** One event, and what follows from it. */
  tell(life: Life, event: LifeEvent, note: Note = {}): boolean {
    const isTaken = this.decider.tell(life, event, this.#around.now(), note);
    this.flush();
    return isTaken;
  }

  /** What may be claimed now, the most urgent first. */
  claimable(): Life[] {
    const now = this.#around.now();
    const ready = [...this.decider.lives.values()].filter(
      ({ status, readyAt }) => status === "Pending" && (readyAt ?? now) <= now,
    );
    return ready.toSorted((a, b) => (b.input.priority ?? 0) - (a.input.priority ?? 0) || a.place - b.place);
  }

  /** What happens to a task at its time. */
  dues(): { readonly at: number; readonly fire: () => void }[] {
    const all = [...this.decider.lives.values()].flatMap((life) =>
      dueOf(life).map(({ at, event, reason = null }) => ({
        ...{ at },
        fire: (): void => {
          if (event) this.tell(life, event, { reason });
        },
      })),
    );
    const { deadlineAt } = this;
    if (deadlineAt !== null && !this.decider.isComplete)
      all.push({ at: deadlineAt, fire: () => this.stop("Batch deadline passed") });
    return all;
  }

  /** Whether anything but people and limits on time can still move it. */
  get isAtRest(): boolean {
    return [...this.decider.lives.values()].every(
      (life) => hasEnded(life) || life.status === "Waiting" || (isGate(life) && life.status === "Running"),
    );
  }

  flush(): void {
    this.parcels.push(...this.#fresh.splice(0).flatMap((make) => make()));
  }

  #life(localId: string): Life {
    const life = this.decider.lives.get(localId);
    if (life) return life;
    throw new Error(`the batch has no task "${localId}"; it has ${[...this.decider.lives.keys()].join(", ")}`);
  }

  #must(localId: string, event: LifeEvent, note: Note): void {
    const life = this.#life(localId);
    const { status } = life;
    if (!this.tell(life, event, note)) throw new Error(`"${localId}" is ${status}, which does not take ${event}`);
  }

  #moved(life: Life, from: TaskStatus, event: string): void {
    const { localId: task, status: to, attempt, reason } = life;
    const at = this.#around.now();
    if (event === "dead_end") this.#deadEnds.add(life);
    if (to === "Failure" && event !== "parent_lost" && this.firstFailure === null)
      this.firstFailure = {
        ...{ task_id: life.id, local_id: task, name: life.input.name, reason: reason ?? "", followed: 0 },
        at: timeOf(at) as string,
      };
    if (to === "Failure" && event === "parent_lost" && this.firstFailure !== null)
      this.firstFailure = { ...this.firstFailure, followed: this.firstFailure.followed + 1 };
    this.events.push({ task, from, to, event, attempt, reason, at: new Date(at) });
  }

  #complete(): void {
    this.completedAt = this.#around.now();
    const actions = [this.input.on_batch_complete ?? []].flat() as Action[];
    const counts = { ...countsOf(this.decider.lives.values()) } as unknown as Record<string, number>;
    this.#fresh.push(() => completionOf(this.id, actions, counts, this.#around.now()));
  }
}

interface Due {
  readonly at: number;
  /** Left out: it may be claimed then. */
  readonly event?: LifeEvent;
  readonly reason?: string;
}

function dueOf(life: Life): Due[] {
  if (hasEnded(life)) return [];
  const { status, readyAt, lastUpdated, createdAt, input } = life;
  const { max_duration_secs: most, expires_secs: expires } = input;
  const claimedAt = life.firstClaimedAt ?? (status === "Claimed" ? life.startedAt : null);
  const start = startOf(life);
  const inQueue = start?.kind === "Nats" && life.isAwaited ? (start.params.queue_timeout_secs ?? 86_400) : null;
  const secs = inQueue ?? timeoutOf(life);
  return [
    ...(status === "Pending" && readyAt !== null ? [{ at: readyAt }] : []),
    ...(status === "Retrying" && readyAt !== null ? [{ at: readyAt, event: "backoff_elapsed" as const }] : []),
    ...(status === "Running"
      ? [{ at: lastUpdated + secs * 1000, event: "timeout" as const, reason: `Timeout after ${secs} s` }]
      : []),
    ...(most !== undefined && claimedAt !== null && status !== "Waiting"
      ? [{ at: claimedAt + most * 1000, event: "overrun" as const, reason: `Ran longer than ${most} s` }]
      : []),
    ...(expires !== undefined && claimedAt === null
      ? [{ at: createdAt + expires * 1000, event: "expire" as const, reason: `Not started within ${expires} s` }]
      : []),
  ];
}
