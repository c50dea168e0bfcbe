// A task as a turn sees it: the hot row, in memory. Times are Dates by the clock of Postgres.

import type { RetryPolicy } from "#domain/retry";
import type { TaskState } from "#machines/task";

export interface TaskRow {
  readonly id: string;
  readonly batchId: string;
  readonly createdAt: Date;
  /** Position in the call that created it; dependencies stand before. */
  readonly pos: number;
  /** 0: no rules. */
  readonly lane: number;
  readonly receiver: string | null;
  readonly kids: number;
  readonly timeout: number;
  readonly retry: RetryPolicy | null;
  readonly deadEndBarrier: boolean;
  status: TaskState;
  priority: number;
  waitFinished: number;
  waitSuccess: number;
  success: number;
  failures: number;
  expectedCount: number | null;
  attempt: number;
  acts: number;
  pauseRequested: boolean;
  inDoubt: boolean;
  owner: number | null;
  claimId: number | null;
  startedAt: Date | null;
  endedAt: Date | null;
  lastUpdated: Date;
  dueAt: Date | null;
  runAt: Date | null;
  nextRetryAt: Date | null;
  failureReason: string | null;
  rejected: number;
}

/** An edge, with the child's side of the bargain: what the parent's end must be for the child to go on. */
export interface Link {
  readonly parent: string;
  readonly child: string;
  readonly needs: "finish" | "required" | "success" | "failure";
}

/** One transition, or one refused report (`from` equals `to`). */
export interface TaskEventRow {
  readonly task_id: string;
  readonly batch_id: string;
  readonly from: TaskState;
  readonly to: TaskState;
  readonly event: string;
  readonly at: Date;
  readonly attempt: number;
  readonly reason: string | null;
  readonly actor: string;
}

export interface DeliveryRow {
  readonly id: string;
  readonly key: string;
  readonly task_id: string | null;
  readonly batch_id: string;
  readonly trigger: "end" | "cancel";
  readonly action: unknown;
  /** Null: a message, not a call. */
  readonly receiver: string | null;
  readonly facts: unknown;
  readonly hold_until: Date | null;
}

export const finalStates: ReadonlySet<TaskState> = new Set(["Success", "Failure", "Canceled", "Skipped"]);
export const isFinal = (status: TaskState): boolean => finalStates.has(status);

/** It counts for the rules. */
export const isActive = ({ status }: Pick<TaskRow, "status">): boolean => status === "Claimed" || status === "Running";
/** It may be claimed, if its rules admit it. */
export const isReady = ({ status, dueAt }: Pick<TaskRow, "status" | "dueAt">): boolean =>
  status === "Pending" && dueAt === null;

/** The order in which tasks are claimed: priority, then creation, then position. */
export const byRank = (a: TaskRow, b: TaskRow): number =>
  b.priority - a.priority || a.createdAt.getTime() - b.createdAt.getTime() || a.pos - b.pos;
