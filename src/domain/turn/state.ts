// The rows that one turn has locked, what it changed so far, and what must follow. It lives for one turn. Only pure decisions fill it;
// nothing outside sees it before the commit, and a turn that fails drops it.
import type { LaterAction, StartAction } from "#domain/action";
import type { Origin } from "#domain/actor";
import type { Unsent } from "#domain/calls/unsent";
import type { RememberedAnswer } from "#domain/commands/idempotency";
import type { Never } from "#domain/propagation/edges";
import { StepQueue } from "#domain/propagation/queue";
import type { Step, Work } from "#domain/propagation/work";
import {
  type BatchRow,
  type DeliveryRow,
  type EventDetail,
  isFinal,
  type TaskEventRow,
  type TaskRow,
} from "#domain/row";
import type { Judged } from "#domain/rules/admit";
import type { RateKey } from "#domain/rules/rate";
import type { Answered, Moment, SpecChange } from "#domain/turn/rows";

/** What every decision of a worker needs to know besides the rows. */
export interface TurnEnv {
  /** This worker: the `actor` of events that no client asked for. */
  readonly actor: string;
  readonly leaseMs: number;
  /** A call that probes a receiver keeps others from probing it for this time, if its end is never reported. */
  readonly probeMs: number;
  readonly deadEnds: boolean;
  /** A start that cannot be sent is tried again for this time. */
  readonly startRetryMs: number;
  /** In [0, 1). */
  readonly random: () => number;
  readonly newId: () => string;
}

/** A delivery that follows a transition; its actions are read from the cold row before the commit. */
export interface PendingDelivery {
  readonly row: TaskRow;
  readonly on: "success" | "failure" | "cancel";
  readonly attempt: number;
  readonly holdUntil: Date | null;
  /** A cancel action that came with the late answer of a start call: only this one is delivered. */
  readonly only?: LaterAction;
}

/** A reason that names a parent, whose local id is read before the commit. */
export interface NamedLoss {
  readonly row: TaskRow;
  readonly event: { reason: string | null };
  readonly as: "Failure" | "Skipped";
  readonly by: Never;
}

/** Of a batch without work in portions, as nearly all are: one list for all of them. */
const noWorks: readonly Work[] = [];

export class TurnState {
  readonly env: TurnEnv;
  /** The clock of Postgres, read in a statement after that which took the locks. */
  readonly now: Date;
  /** No later than `now`, by the steady clock of this process. */
  readonly askedMs: number;
  /** Tasks may become active in this turn. */
  readonly mayBecomeActive: boolean;
  /** There are admission queues to look at. */
  readonly hasQueuesToSee: boolean;
  /** Active tasks take slots. */
  readonly hasKeyTemplates: boolean;
  /** Some batch has a command that is done in portions. */
  readonly hasBatchWork: boolean;
  /** Some starts could not be sent, and are tried again. */
  readonly hasUnsent: boolean;
  readonly rows = new Map<string, TaskRow>();
  readonly batches = new Map<string, BatchRow>();
  readonly changed = new Set<TaskRow>();
  readonly changedBatches = new Set<BatchRow>();
  /** The rows as they were read. */
  readonly before = new Map<string, TaskRow>();
  readonly batchesBefore = new Map<string, BatchRow>();
  readonly events: TaskEventRow[] = [];
  readonly pendingDeliveries: PendingDelivery[] = [];
  readonly namedLosses: NamedLoss[] = [];
  readonly deliveries: DeliveryRow[] = [];
  readonly specs = new Map<string, SpecChange>();
  /** Of tasks that may be claimed in this turn, as far as they were read along with their rows. */
  readonly startActions = new Map<string, StartAction | null>();
  /** Rules that replace others, by the tasks that get them. */
  readonly ruled = new Map<string, readonly unknown[]>();
  /** Tasks whose deliveries no longer wait for the end of a call. */
  readonly releasedDeliveries = new Set<string>();
  readonly answers: RememberedAnswer[] = [];
  /** Answers that were given before, by the id they are remembered under. */
  remembered = new Map<string, Answered>();
  /** The unsent tries before this turn, of tasks whose start could not be sent once more. */
  unsent: ReadonlyMap<string, Unsent> = new Map();
  /** The unsent tries after this turn, by task; null: the tries are over. */
  readonly changedUnsent = new Map<string, Unsent | null>();

  /** Open batches that this turn closed, and the number of the command that did. */
  readonly closed = new Map<string, number>();
  /** Batches that became complete in this turn. */
  readonly completed = new Set<BatchRow>();

  /** The number in its batch of the command that is being decided. Steps and works that follow from it are written under this number. */
  cause = 0;
  /** Who asked for the command that is being decided, and why. What follows without a client is the worker's. */
  #origin: Origin;
  /** Steps of propagation that this turn has to take, or leaves. */
  readonly steps = new StepQueue();
  /** Outstanding works of the batches in hand, in order, and those that this turn adds. */
  readonly works = new Map<string, Work[]>();
  readonly addedWorks: Work[] = [];
  readonly changedWorks = new Set<Work>();
  /** Inboxes that wait for a work that an earlier transaction wrote down. */
  readonly waiting: { batchId: string; seq: number; reply: string }[] = [];
  /** Commands, by batch and number, whose answer waits until everything that comes before them is done. */
  readonly awaiting = new Map<string, Set<number>>();

  /** Tasks that became final and have not been counted in their batch yet, each with the number of the command that ended it. */
  ended: { readonly row: TaskRow; readonly cause: number }[] = [];
  /** How many tasks became final in this turn, by batch. */
  readonly endedIn = new Map<string, number>();
  /** All tasks that became final in this turn. */
  readonly finished: TaskRow[] = [];
  /** Of these: failed because a parent did; canceled as dead ends; ended by a stop, of which no relative hears. */
  readonly followed = new Set<string>();
  readonly deadEnds = new Set<string>();
  readonly quiet = new Set<string>();

  /** By task that became active: the limit keys of which it takes slots. */
  readonly keys = new Map<string, readonly string[]>();
  judged: readonly Judged[] = [];
  /** Claims that count for Rates; claims of which no call was made; windows that were looked at because they may have opened. */
  readonly starts: { readonly claimId: number; readonly rates: readonly RateKey[] }[] = [];
  readonly givenBack: number[] = [];
  openedWindows: readonly string[] = [];
  /** When the next start of a Rate fits in; and whether this turn found that out. */
  opensAt: Date | null;
  foundOpens = false;
  /** What was written may let tasks with rules start. */
  signaled = false;
  /** The earliest timer that this turn armed. */
  earliestDue: Date | null = null;

  constructor(env: TurnEnv, moment: Moment) {
    const { now, askedMs, mayBecomeActive, hasQueuesToSee, hasKeyTemplates, hasBatchWork, hasUnsent, opensAt } = moment;
    this.env = env;
    this.askedMs = askedMs;
    this.opensAt = opensAt;
    this.#origin = { actor: env.actor, reason: null };
    this.now = now;
    this.mayBecomeActive = mayBecomeActive;
    this.hasQueuesToSee = hasQueuesToSee;
    this.hasKeyTemplates = hasKeyTemplates;
    this.hasBatchWork = hasBatchWork;
    this.hasUnsent = hasUnsent;
  }

  /** Rows that are already in hand are kept: they may have been changed. Returns those that are new. */
  add(rows: readonly TaskRow[]): TaskRow[] {
    const fresh: TaskRow[] = [];
    for (const row of rows) {
      // One read may give a row twice, for two of its relatives.
      if (this.rows.has(row.id)) continue;
      this.rows.set(row.id, row);
      this.before.set(row.id, { ...row });
      fresh.push(row);
    }
    return fresh;
  }

  addBatch(batch: BatchRow): void {
    this.batches.set(batch.id, batch);
    this.batchesBefore.set(batch.id, { ...batch });
  }

  worksOf(batch: string): readonly Work[] {
    return this.works.get(batch) ?? noWorks;
  }

  /** Whether relatives in this batch have still to hear of something that an earlier transaction wrote down. */
  isPropagating(batch: string): boolean {
    return this.worksOf(batch).some(({ kind, done }) => kind === "propagation" && !done);
  }

  /** Whether the batch was open when the present command was decided: tasks may be added below whatever has no children left. */
  isBatchOpen(id: string): boolean {
    return this.batches.get(id)?.open === true || (this.closed.get(id) ?? 0) > this.cause;
  }

  isOpen(id: string): boolean {
    const row = this.rows.get(id);
    return row === undefined || !isFinal(row.status);
  }

  /** No call of this claim was made, so it counts for no Rate. */
  giveBack(claimId: number): void {
    if (this.hasKeyTemplates) this.givenBack.push(claimId);
  }

  later(ms: number): Date {
    return new Date(this.now.getTime() + ms);
  }

  touch(row: TaskRow): void {
    row.lastUpdated = this.now;
    this.changed.add(row);
  }

  /** Adds a step of the present command. A step that is there already keeps the lower of both causes. */
  push(step: Omit<Step, "cause" | "lastCause">): void {
    const known = this.steps.find(step);
    if (known !== undefined && known.cause !== this.cause) this.await(step.batchId, Math.max(known.cause, this.cause));
    this.steps.add({ ...step, cause: this.cause, lastCause: this.cause });
  }

  /** The command with this number is answered only when everything older in its batch is done. */
  await(batch: string, cause: number): void {
    const waiting = this.awaiting.get(batch);
    if (waiting) waiting.add(cause);
    else this.awaiting.set(batch, new Set([cause]));
  }

  /** The tries of its start that could not be sent so far, in earlier turns and in this one. */
  unsentOf({ id }: TaskRow): Unsent | undefined {
    const changed = this.changedUnsent.get(id);
    return changed === undefined ? this.unsent.get(id) : (changed ?? undefined);
  }

  forgetUnsent({ id }: TaskRow): void {
    if (this.hasUnsent || this.changedUnsent.has(id)) this.changedUnsent.set(id, null);
  }

  /** Who asked for what is being decided. */
  get origin(): Origin {
    return this.#origin;
  }

  /** Decides something with the origin of the command: its events name who asked. */
  by<T>(origin: Origin, decide: () => T): T {
    const before = this.#origin;
    this.#origin = origin;
    try {
      return decide();
    } finally {
      this.#origin = before;
    }
  }

  /** `reason`: used where the command gave none. */
  record(
    row: TaskRow,
    from: TaskRow["status"],
    event: string,
    reason: string | null,
    detail?: EventDetail,
  ): TaskEventRow {
    const { status: to, attempt } = row;
    const { now: at } = this;
    const { actor, reason: given } = this.#origin;
    const recorded = {
      ...{ task_id: row.id, batch_id: row.batchId },
      ...{ from, to, event, at, attempt, reason: given ?? reason, actor },
      ...(detail === undefined ? {} : { detail }),
    };
    this.events.push(recorded);
    return recorded;
  }

  changeSpec(change: SpecChange): void {
    const before = this.specs.get(change.id);
    const addActions = [...(before?.addActions ?? []), ...(change.addActions ?? [])];
    this.specs.set(change.id, { ...before, ...change, ...(addActions.length > 0 ? { addActions } : {}) });
  }
}
