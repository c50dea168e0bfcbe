// What a turn reads beside the rows of tasks and batches, and what it writes of their cold rows.
import type { LaterAction } from "#domain/action";

/** Read in a statement after that which took the locks, and sent along with it. */
export interface Moment {
  readonly now: Date;
  /** By the steady clock of this process, in milliseconds: no later than `now`. */
  readonly askedMs: number;
  /** No key template is being made: tasks may become active in this transaction. */
  readonly mayBecomeActive: boolean;
  /** A claim round has rules to look at. */
  readonly hasQueuesToSee: boolean;
  /** Some rule names fields, or may soon: active tasks take slots. */
  readonly hasKeyTemplates: boolean;
  /** Some batch has work that is done in portions. */
  readonly hasBatchWork: boolean;
  /** Some starts could not be sent, and are tried again. */
  readonly hasUnsent: boolean;
  /** When the first window of a Rate opens that queues wait for; null: none waits. */
  readonly opensAt: Date | null;
}

/** An answer that was given before, or the work that it waits for. */
export interface Answered {
  readonly hash: string | null;
  readonly answer: unknown;
  /** The work in portions that it is the answer of, by its number in the batch. */
  readonly batchId: string | null;
  readonly seq: number | null;
}

/** The cold row's part of a change. */
export interface SpecChange {
  readonly id: string;
  readonly metadata?: unknown;
  readonly result?: unknown;
  readonly addActions?: readonly LaterAction[];
}
