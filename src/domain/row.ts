// A task as a turn sees it: the hot row, in memory. Times are Dates by the clock of Postgres.

import type { RetryPolicy } from "#domain/calls/retry";
import { type Edge, ends } from "#domain/propagation/edges";
import type { TaskState } from "#machines/task";

/** What stands for the admission queue of a task without rules, which waits in none. */
export const unruledQueue = 0;

export interface TaskRow {
  readonly id: string;
  readonly batchId: string;
  readonly createdAt: Date;
  /** Position in the call that created it. */
  readonly pos: number;
  /** A topological number in its batch: parents stand before children. */
  readonly rank: number;
  /** Its admission queue. */
  readonly queue: number;
  readonly receiver: string | null;
  /** How many tasks depend on it; how many of these are unfinished, kept while it is unfinished itself. */
  readonly children: number;
  openChildren: number;
  readonly timeout: number;
  readonly retry: RetryPolicy | null;
  readonly kind: string;
  readonly deadEndBarrier: boolean;
  /** Not canceled as a dead end, which stops there. */
  readonly deadEndKeep: boolean;
  readonly joinsAny: boolean;
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
  pausedByBatch: boolean;
  /** `seq` of the newest sweep of its batch that visited it out of turn, or that was there when it was created. */
  swept: number;
  inDoubt: boolean;
  owner: number | null;
  claimId: number | null;
  firstClaimedAt: Date | null;
  startedAt: Date | null;
  endedAt: Date | null;
  lastUpdated: Date;
  /** A Pending task is not claimed before this time; null: nothing keeps it from being claimed now. */
  readyAt: Date | null;
  /** The earliest of everything that fires. */
  dueAt: Date | null;
  runAt: Date | null;
  nextRetryAt: Date | null;
  failureReason: string | null;
  rejected: number;
  /** Seconds: after the first claim, and from creation until then; null: no such limit. */
  readonly maxDurationSecs: number | null;
  readonly expiresSecs: number | null;
  /** Seconds that its message may lie in a queue; null: its start is no message. */
  readonly queueTimeoutSecs: number | null;
  /** Of a message: a worker of this attempt has reported. */
  heard: boolean;
}

export interface Link {
  readonly parent: string;
  readonly child: string;
  readonly edge: Edge;
}

export interface BatchRow {
  readonly id: string;
  readonly total: number;
  readonly links: number;
  unfinished: number;
  /** How its final tasks ended; dead ends are among the canceled, those that followed a parent among the failed. */
  succeeded: number;
  failed: number;
  canceled: number;
  skipped: number;
  deadEnds: number;
  followed: number;
  /** The first task that failed by itself. */
  firstFailed: string | null;
  open: boolean;
  paused: boolean;
  stopping: boolean;
  /** Rows of `batch_work` that are not done; the last number given out; whether the last portion was one of a sweep. */
  works: number;
  seq: number;
  lastWasSweep: boolean;
  completedAt: Date | null;
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
  /** What an attempt was, on the event of its claim and on the one by which its start call ended. */
  readonly detail?: EventDetail;
}

export interface EventDetail {
  /** Of a claim: a rule had held it back. */
  readonly waited_for?: "rule";
  /** Of a claim: tasks, by local id, that its inputs are read from and that had not ended. */
  readonly unended?: readonly string[];
  readonly call?: StartCall;
}

/** How a start call went. */
export interface StartCall {
  /** HTTP status; null where there was no answer, or no HTTP. */
  readonly status: number | null;
  readonly error: string | null;
  /** Milliseconds from the claim until it began, and how long it took. */
  readonly after: number;
  readonly ms: number;
  /** How much of that until the connection was open (0 on a kept one); null: none was. */
  readonly connect: number | null;
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

export const finalStates: ReadonlySet<TaskState> = new Set(ends);
export const isFinal = (status: TaskState): boolean => finalStates.has(status);

/** It counts for the rules: it is active, or it may be, since a call of it may have arrived. */
export const holdsSlots = ({ status, inDoubt }: Pick<TaskRow, "status" | "inDoubt">): boolean =>
  status === "Claimed" || status === "Running" || (inDoubt && !isFinal(status));
/** It may be claimed, if its rules admit it. */
export const isReady = ({ status, readyAt }: Pick<TaskRow, "status" | "readyAt">): boolean =>
  status === "Pending" && readyAt === null;

type Urgency = Pick<TaskRow, "priority" | "createdAt" | "pos">;

/** The order in which tasks are claimed: priority, then creation, then position. */
export const byUrgency = (a: Urgency, b: Urgency): number =>
  b.priority - a.priority || a.createdAt.getTime() - b.createdAt.getTime() || a.pos - b.pos;
