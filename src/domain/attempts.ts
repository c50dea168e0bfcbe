// The attempts of a task, read from its events: a row a claim, with how its start call went, and what had held it before. Pure.
import type { EventDetail, TaskEventRow } from "#domain/row";

/** An event, as far as it says something of an attempt. */
export type AttemptEvent = Omit<TaskEventRow, "task_id" | "batch_id" | "detail"> & {
  readonly detail: EventDetail | null;
};

export interface Attempt {
  readonly attempt: number;
  readonly claimed_at: Date;
  /** When the start call began, and ended; null: nobody knows, or none was made. */
  readonly started_at: Date | null;
  readonly ended_at: Date | null;
  readonly worker: string;
  readonly waited_for: WaitedFor | null;
  readonly status: number | null;
  readonly error: string | null;
  readonly ms: { readonly connect: number | null; readonly answer: number | null };
}

export const waits = ["rule", "unreachable", "run_at"] as const;
export type WaitedFor = (typeof waits)[number];

/** `events`: oldest first. `run_at` as it is now. */
export function attemptsOf(
  events: readonly AttemptEvent[],
  { created_at, run_at }: { readonly created_at: Date; readonly run_at: Date | null },
): Attempt[] {
  const attempts: Attempt[] = [];
  let isOpen = false;
  let before: AttemptEvent | undefined;
  for (const event of events) {
    if (event.event === "claim") {
      attempts.push(claimed(event, waitedFor(event, before, before?.at ?? created_at, run_at)));
      isOpen = true;
    } else if (isOpen) {
      const ended = endOf(attempts.at(-1) as Attempt, event);
      if (ended !== null) attempts[attempts.length - 1] = ended;
      isOpen = ended === null;
    }
    if (event.from !== event.to) before = event;
  }
  return attempts;
}

const claimed = ({ attempt, at, actor }: AttemptEvent, waited_for: Attempt["waited_for"]): Attempt => ({
  ...{ attempt, claimed_at: at, started_at: null, ended_at: null, worker: actor, waited_for },
  ...{ status: null, error: null, ms: { connect: null, answer: null } },
});

/** What put it back the last time says why it waited; else a time that came since, else what the claim knew. */
function waitedFor(
  { at, detail }: AttemptEvent,
  before: AttemptEvent | undefined,
  since: Date,
  runAt: Date | null,
): WaitedFor | null {
  if (detail?.waited_for) return detail.waited_for;
  if (before?.event === "start_unsent") return "unreachable";
  if (before?.event === "start_deferred") return "run_at";
  return runAt !== null && runAt > since && runAt <= at ? "run_at" : null;
}

/** What this event says of the claim before it; null: nothing. */
function endOf(attempt: Attempt, { event, at, detail }: AttemptEvent): Attempt | null {
  const { call } = detail ?? {};
  if (call !== undefined) {
    const started = attempt.claimed_at.getTime() + call.after;
    const answer = call.status === null || call.connect === null ? null : Math.max(0, call.ms - call.connect);
    return {
      ...{ ...attempt, status: call.status, error: call.error },
      ...{ started_at: new Date(started), ended_at: new Date(started + call.ms) },
      ms: { connect: call.connect, answer },
    };
  }
  // A gate is open at once; nothing is called.
  if (event === "started") return { ...attempt, started_at: at };
  if (event === "lease_expired") return { ...attempt, error: "the lease of its worker has run out" };
  return null;
}
