// Work in portions: what a command on a batch still has to do when it is more than one transaction should hold. A sweep asks
// every unfinished task of the batch itself; propagation goes along links. Types, and pure functions on what is still to be visited.
import type { Origin } from "#domain/actor";
import type { Answer } from "#domain/command";
import type { TaskRow } from "#domain/row";

export type SweepKind = "stop" | "pause" | "resume" | "rules";
export type WorkKind = SweepKind | "propagation";

/** A row of `batch_work`: one command that is not finished. What a sweep does is done in the name of who asked for it. */
export interface Work extends Origin {
  readonly batchId: string;
  /** Its number in the batch: works are done in this order. */
  readonly seq: number;
  readonly kind: WorkKind;
  /**
   * Of a rules change: the rules, for the tasks of this kind. Of a stop at the deadline: its reason. Of propagation: it met what older
   * commands have left, or repeats one of them, and waits for all of it.
   */
  readonly args:
    | { readonly kind: string; readonly rules: readonly unknown[] }
    | { readonly reason: string }
    | { readonly awaits: true }
    | null;
  /** A sweep has visited the ranks up to `reached`, and is for the ranks up to `upto`. */
  reached: number;
  readonly upto: number;
  /** What became of the tasks that it visited. */
  counts: Readonly<Record<string, number>>;
  /** Under which id the answer is kept; null: no client asked, or a repetition changes nothing. */
  readonly commandId: string | null;
  /** What the answer is when all is done, counts aside. */
  readonly answer: Answer | null;
  /** Where it is to be sent, as the bus wrote it. */
  readonly replies: readonly string[];
  /** It always failed, and is tried again later. */
  readonly isAside?: boolean;
  done: boolean;
}

export const isSweep = ({ kind }: Pick<Work, "kind">): boolean => kind !== "propagation";

/** The sweep is for this task and has not come to it. */
export const isAhead = (
  { reached, upto, seq, kind, done }: Pick<Work, "reached" | "upto" | "seq" | "kind" | "done">,
  { rank, swept }: Pick<TaskRow, "rank" | "swept">,
): boolean => !done && kind !== "propagation" && rank > reached && rank <= upto && swept < seq;

/** The task may not start before this sweep has come to it: a stop, a pause, or other rules for its kind. */
export const holdsBack = (work: Work, row: Pick<TaskRow, "batchId" | "kind" | "rank" | "swept">): boolean =>
  work.batchId === row.batchId &&
  isAhead(work, row) &&
  (work.kind === "rules"
    ? work.args !== null && "kind" in work.args && work.args.kind === row.kind
    : work.kind !== "resume");

/** A step of propagation that waits. `judge`: the task may be lost. `down`: its children have not heard of its end. `up`: its
 * last unfinished child has ended. */
export interface Step {
  readonly batchId: string;
  readonly taskId: string;
  readonly step: "judge" | "down" | "up";
  readonly rank: number;
  /** The number of the work that waits for it; of several the lowest and the highest. */
  cause: number;
  lastCause: number;
  /** Of `down`: children with ids up to this one have heard; those with a rank above `upto` came later and need not. */
  after: string | null;
  readonly upto: number;
  /** Of `down`: how the task has ended, and how many children it has. */
  readonly status: TaskRow["status"] | null;
  readonly children: number;
}

/** A step as it is written down. Children that are added later read how their parents have ended, so no step is for them. `total`: tasks of its batch. */
export const bounded = (step: Step, total: number): Step =>
  step.step === "down" ? { ...step, upto: Math.min(step.upto, total - 1) } : step;

/** What identifies a step in its batch. */
export const keyOf = ({ taskId, step }: Pick<Step, "taskId" | "step">): string => `${step}:${taskId}`;

/** The answer to a work, by the counts so far. `total`: tasks of its batch. */
export function answerOf({ kind, counts, answer }: Work, total: number): Answer | null {
  if (answer === null || kind === "propagation") return answer;
  return { ...answer, counts: kind === "stop" ? stopCounts(counts, total) : counts };
}

/** An answer while its work goes on: with what is known so far. */
export const goesOn = (answer: Answer): Answer => ({ ...answer, status: 202, propagating: true });

const noneCanceled = {
  canceled_waiting: 0,
  canceled_pending: 0,
  canceled_claimed: 0,
  canceled_running: 0,
  canceled_paused: 0,
  canceled_retrying: 0,
};

function stopCounts(counts: Readonly<Record<string, number>>, total: number): Record<string, number> {
  const stopped = Object.values(counts).reduce((sum, n) => sum + n, 0);
  return { ...noneCanceled, ...counts, already_terminal: total - stopped };
}
