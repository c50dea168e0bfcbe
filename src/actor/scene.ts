// What one turn has in its hands: the locked rows, what it changed so far, and what must follow. Lives for one turn and
// is filled by pure decisions only; nothing outside sees it before it is committed, and a turn that fails drops it.
import type { LaterAction } from "#domain/action";
import type { Answer } from "#domain/command";
import type { DeliveryRow, Link, TaskEventRow, TaskRow } from "#domain/row";
import type { SpecChange } from "#store/commit";
import type { Judged } from "#store/lanes";
import type { BatchRow, Moment } from "#store/load";

/** What every decision of a worker needs to know besides the rows. */
export interface Ground {
  /** Stands in every event as `actor`. */
  readonly actor: string;
  readonly leaseMs: number;
  readonly deadEnds: boolean;
  /** In [0, 1). */
  readonly random: () => number;
  readonly newId: () => string;
}

/** A delivery that a transition owes; its actions are read from the cold row before the commit. */
export interface Owed {
  readonly row: TaskRow;
  readonly on: "success" | "failure" | "cancel";
  readonly attempt: number;
  readonly holdUntil: Date | null;
  /** A cancel action that came with the late answer of a start call: only this one is delivered. */
  readonly only?: LaterAction;
}

export class Scene {
  readonly ground: Ground;
  /** The clock of Postgres, read after the locks were taken. */
  readonly now: Date;
  /** Tasks may become active in this turn. */
  readonly mayHold: boolean;
  /** There are lanes of tasks with rules to look at. */
  readonly awake: boolean;
  /** Active tasks hold keys. */
  readonly shaped: boolean;
  readonly rows = new Map<string, TaskRow>();
  /** Of the tasks of a whole batch, where one was asked for. */
  readonly kinds = new Map<string, string>();
  readonly batches = new Map<string, BatchRow>();
  readonly changed = new Set<TaskRow>();
  /** The rows as they were read. */
  readonly before = new Map<string, TaskRow>();
  readonly changedBatches = new Set<BatchRow>();
  readonly events: TaskEventRow[] = [];
  /** The ids under which they are written, in the same order. */
  eventIds: readonly number[] = [];
  readonly owed: Owed[] = [];
  readonly deliveries: DeliveryRow[] = [];
  readonly specs = new Map<string, SpecChange>();
  /** Rules that replace others, by the tasks that get them. */
  readonly ruled = new Map<string, readonly unknown[]>();
  readonly unheld = new Set<string>();
  readonly answers: { id: string; hash: string | null; answer: Answer }[] = [];
  /** Answers that were given before, by the id they are remembered under. */
  memos = new Map<string, { hash: string | null; answer: unknown }>();
  /** Links read so far, by parent, and which unfinished children a parent has, as they stand in the table. */
  readonly links = new Map<string, Link[]>();
  readonly openKids = new Map<string, Set<string>>();
  /** Unfinished parents read so far, by child. */
  readonly parents = new Map<string, string[]>();
  /** Tasks that became final and have not told their relatives yet. */
  ended: TaskRow[] = [];
  /** All tasks that became final in this turn. */
  readonly finished: TaskRow[] = [];
  /** What tasks that became active hold, by task. */
  readonly keys = new Map<string, readonly string[]>();
  judged: readonly Judged[] = [];
  /** What was written may let tasks with rules start. */
  woken = false;
  /** The earliest timer that this turn armed. */
  earliestDue: Date | null = null;

  constructor(ground: Ground, { now, mayHold, awake, shaped }: Moment) {
    this.ground = ground;
    this.now = now;
    this.mayHold = mayHold;
    this.awake = awake;
    this.shaped = shaped;
  }

  /** Rows that are already in hand are kept: they may have been changed. */
  add(rows: readonly TaskRow[]): void {
    for (const row of rows) {
      if (this.rows.has(row.id)) continue;
      this.rows.set(row.id, row);
      this.before.set(row.id, { ...row });
    }
  }

  later(ms: number): Date {
    return new Date(this.now.getTime() + ms);
  }

  touch(row: TaskRow): void {
    row.lastUpdated = this.now;
    this.changed.add(row);
  }

  record(row: TaskRow, from: TaskRow["status"], event: string, reason: string | null): void {
    const { status: to, attempt } = row;
    const { now: at, ground } = this;
    this.events.push({
      task_id: row.id,
      batch_id: row.batchId,
      from,
      to,
      event,
      at,
      attempt,
      reason,
      actor: ground.actor,
    });
  }

  changeSpec(change: SpecChange): void {
    const before = this.specs.get(change.id);
    const addActions = [...(before?.addActions ?? []), ...(change.addActions ?? [])];
    this.specs.set(change.id, { ...before, ...change, ...(addActions.length > 0 ? { addActions } : {}) });
  }
}
