// One task at work: what the user's function gets, the heartbeats while it runs, and the one report at its end. Knows nothing of how the
// task came here: `Reporter` is HTTP or NATS.
import type { AddedInput, Task, TaskInput, TaskPatch } from "../types.ts";
import { type Clock, realClock } from "./clock.ts";

/** How a task is reported on. A report that Baton refuses as too late rejects with `Over`; `signal` ends one that waits for Baton. */
export interface Reporter {
  heartbeat(signal: AbortSignal): Promise<void>;
  progress(succeeded: number, failed: number, key: string, signal: AbortSignal): Promise<void>;
  end(change: TaskPatch, key: string, signal: AbortSignal): Promise<void>;
  add(tasks: AddedInput | readonly TaskInput[], key: string, signal: AbortSignal): Promise<readonly Task[]>;
}

/** The task has ended without this process: by a cancel, a time-out, an operator, or another attempt. */
export class Over extends Error {
  override readonly name: string = "Over";
}

/** What a start call brings. */
export interface Start<Body = unknown> {
  readonly taskId: string;
  readonly attempt: number;
  /** The key of the start: the same for a repetition, another one for each attempt. */
  readonly key: string;
  /** The body of the start action, without what Baton adds. */
  readonly body: Body;
  /** What `inputs` of the start action found, by name. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** The path of the call, as in the URL of the start action; the subject of a message. */
  readonly path: string;
}

export interface RunningTask<Body = unknown> extends Start<Body> {
  /** Aborted when the task is over for this service: canceled, timed out, or the service closes. Its reason says which. */
  readonly signal: AbortSignal;
  /** Adds to the counters of the task. It is a sign of life, too. */
  progress(succeeded: number, failed?: number): Promise<void>;
  /** Says that the work goes on. It is said by itself while the work runs. */
  heartbeat(): Promise<void>;
  /** Waits so many milliseconds; rejects at once when `signal` is aborted. In a test it is the fake Baton's time that passes. */
  sleep(ms: number): Promise<void>;
  /** Adds tasks to the batch; they may depend on this task, on what it added, and on each other. Over HTTP, also in a NATS worker. */
  add(tasks: AddedInput | readonly TaskInput[]): Promise<readonly Task[]>;
  /** Ends the task. What the function returns does the same. */
  succeed(result?: unknown): Promise<void>;
  /** Ends the attempt; Baton tries again where the task says so. An error that the function throws does the same. */
  fail(reason: string): Promise<void>;
  /** Ends the task: there was nothing to do. */
  skip(reason?: string): Promise<void>;
}

export type Work<Body = unknown> = (task: RunningTask<Body>) => unknown;

/** `settled`: nothing is left to say of it. `stopped`: it was stopped from here, unreported. `unsaid`: its report could not be made. */
export type RunEnd = "settled" | "stopped" | "unsaid";

export interface RunOptions {
  /** Real time by default. */
  readonly clock?: Clock;
  readonly heartbeatMs: number;
  readonly onError: (error: unknown, start: Start) => void;
  /** Says at once that the work has begun: a message counts as taken from its queue then. */
  readonly saysBegun?: boolean;
}

const reasonCharsMax = 1_000;
/** A work that ends well when its service stops it is still reported, where Baton answers so soon. */
const lastReportMs = 1_000;

/** Runs the work to its report. `stop` ends it from outside; `done` never rejects. */
export function run<Body>(
  start: Start<Body>,
  work: Work<Body>,
  reporter: Reporter,
  { clock = realClock, heartbeatMs, onError, saysBegun = false }: RunOptions,
) {
  const over = new AbortController();
  const { limit, stop } = reportLimitOf(over);
  const ended = clock.begin(over.signal);
  let reports: Promise<void> | undefined;
  let counted = 0;
  let added = 0;

  /** What Baton says to a late report ends the work, and is no error of it. */
  const heard = async <T>(said: Promise<T>): Promise<T> => {
    try {
      return await said;
    } catch (error) {
      if (error instanceof Over) over.abort(error);
      throw error;
    }
  };
  const end = (change: TaskPatch): Promise<void> => {
    if (reports === undefined) {
      rest();
      reports = heard(reported(change));
    }
    return reports;
  };
  /** A result that Baton cannot keep is a failure that says so: else the task would wait for its time-out. */
  const reported = async (change: TaskPatch): Promise<void> => {
    try {
      await reporter.end(change, `${start.key}:report`, limit());
    } catch (error) {
      const { status, message, details } = error as { status?: number; message: string; details?: readonly string[] };
      if (change.status !== "Success" || (status !== 400 && status !== 413)) throw error;
      const reason = cut(`the result was refused: ${[message, ...(details ?? [])].join("; ")}`);
      await reporter.end({ status: "Failure", failure_reason: reason }, `${start.key}:refused`, limit());
    }
  };
  const heartbeat = () => heard(reporter.heartbeat(limit()));
  const beat = oneAtATime(heartbeat);
  const rest = clock.every(heartbeatMs, () => (over.signal.aborted ? rest() : beat()));

  const task: RunningTask<Body> = {
    ...start,
    signal: over.signal,
    heartbeat,
    progress: (succeeded, failed = 0) =>
      heard(reporter.progress(succeeded, failed, `${start.key}:progress:${++counted}`, limit())),
    sleep: (ms) => clock.sleep(ms, over.signal),
    add: (tasks) => heard(reporter.add(tasks, `${start.key}:add:${++added}`, limit())),
    succeed: (result) => end({ status: "Success", ...(result === undefined ? {} : { result }) }),
    fail: (reason) => end({ status: "Failure", failure_reason: cut(reason) || "failed" }),
    skip: (reason) => end({ status: "Skipped", ...(reason === undefined ? {} : { failure_reason: cut(reason) }) }),
  };

  const perform = async (): Promise<RunEnd> => {
    try {
      const result = await work(task);
      // A work that ends well though its service closes is reported; one whose task is over is not.
      if (!(over.signal.reason instanceof Over)) await task.succeed(result);
      return "settled";
    } catch (error) {
      if (over.signal.aborted || reports !== undefined) throw error;
      onError(error, start);
      await task.fail(error instanceof Error ? error.message : String(error));
      return "settled";
    }
  };
  if (saysBegun) heartbeat().catch(() => {});
  const done = perform()
    .catch(async (error) => {
      const end = await endOf(over.signal, reports);
      if (!over.signal.aborted) onError(error, start);
      else if (end === "unsaid")
        onError(new Error("the service closed before Baton took the report", { cause: error }), start);
      return end;
    })
    .finally(() => {
      rest();
      ended();
    });
  return { done, stop };
}

/** How long reports wait for Baton: until the service closes, and a moment after that. `stop` ends the work, and them. */
function reportLimitOf(over: AbortController) {
  const givenUp = new AbortController();
  return {
    limit: () => (givenUp.signal.aborted ? AbortSignal.timeout(lastReportMs) : givenUp.signal),
    stop(reason: Error) {
      over.abort(reason);
      // Of a task that is over elsewhere, what is under way is left to be answered: the answer says why.
      if (!(reason instanceof Over)) givenUp.abort(reason);
    },
  };
}

/** Where Baton is slow to answer, heartbeats do not pile up. */
function oneAtATime(send: () => Promise<void>): () => void {
  let isOpen = false;
  return () => {
    if (isOpen) return;
    isOpen = true;
    send()
      .catch(() => {})
      .finally(() => {
        isOpen = false;
      });
  };
}

/** Of a work that threw, or was aborted. */
async function endOf({ reason }: AbortSignal, reports: Promise<void> | undefined): Promise<RunEnd> {
  if (reason instanceof Over) return "settled";
  return reports === undefined
    ? "stopped"
    : reports.then<RunEnd, RunEnd>(
        () => "settled",
        () => "unsaid",
      );
}

const cut = (reason: string): string => [...reason].slice(0, reasonCharsMax).join("");
