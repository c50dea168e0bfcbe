// The task's table of transitions as data, written from the contract's words and not from the machine, so that the two
// check each other. What no row names is refused. Rows of one (state, event) exclude each other: `expected` throws
// where two apply. Names of states, events and consequences are spelled out here on purpose.
import type { RetryCause, TaskContext, TaskEvent, TaskState } from "#machines/task";

export const finalStates = ["Success", "Failure", "Canceled", "Skipped"] as const satisfies readonly TaskState[];
export const openStates = [
  "Waiting",
  "Pending",
  "Claimed",
  "Running",
  "Retrying",
  "Paused",
] as const satisfies readonly TaskState[];
export const states: readonly TaskState[] = [...openStates, ...finalStates];

/** Every event a task can be told, with every parameter that makes a difference. */
export const events: readonly TaskEvent[] = [
  { type: "parent_met", required: true },
  { type: "parent_met", required: false },
  { type: "parent_lost", as: "Failure" },
  { type: "parent_lost", as: "Skipped" },
  { type: "claim" },
  { type: "started" },
  { type: "start_deferred" },
  { type: "start_failed" },
  { type: "lease_expired" },
  { type: "released" },
  { type: "succeed" },
  { type: "fail" },
  { type: "timeout" },
  { type: "run_at_reached" },
  { type: "backoff_elapsed" },
  { type: "pause" },
  { type: "request_pause" },
  { type: "withdraw_pause" },
  { type: "resume" },
  { type: "cancel" },
  { type: "update" },
];

export interface Expected {
  readonly to: TaskState;
  readonly context: TaskContext;
  /** What has to be carried out, in no particular order. */
  readonly does: readonly string[];
}

/** What the contract says about this event in this state; null where it is refused. */
export function expected(from: TaskState, context: TaskContext, event: TaskEvent): Expected | null {
  const rows = table.filter(
    (row) => row.from === from && row.event === eventKey(event) && (row.when?.(context) ?? true),
  );
  if (rows.length > 1) throw new Error(`The table has ${rows.length} answers for ${eventKey(event)} in ${from}`);
  const [row] = rows;
  if (!row) return null;
  return {
    to: row.to,
    context: { ...context, ...row.change?.(context) },
    does: [...(row.does ?? []), ...(row.to === from ? [] : onEntering[row.to])],
  };
}

/** `parent_met required`, `parent_lost Failure`; the others are their type. */
export function eventKey(event: TaskEvent): string {
  if (event.type === "parent_met") return event.required ? "parent_met required" : "parent_met other";
  return event.type === "parent_lost" ? `parent_lost ${event.as}` : event.type;
}

// The one timer of each state, and what is delivered when a task ends there.
const onEntering: Record<TaskState, readonly string[]> = {
  Waiting: ["disarm"],
  Pending: ["armRunAt", "forgetStart"],
  Claimed: ["disarm"],
  Running: ["armTimeout"],
  Retrying: ["armBackoff"],
  Paused: ["disarm"],
  Success: ["disarm", "deliverSuccess"],
  Failure: ["disarm", "deliverFailure"],
  Canceled: ["disarm"],
  Skipped: ["disarm"],
};

interface Row {
  readonly from: TaskState;
  readonly event: string;
  readonly to: TaskState;
  readonly when?: When;
  readonly change?: (c: TaskContext) => Partial<TaskContext>;
  readonly does?: readonly string[];
}
type When = (c: TaskContext) => boolean;

const met = (c: TaskContext): Partial<TaskContext> => ({ waitFinished: c.waitFinished - 1 });
const metRequired = (c: TaskContext) => ({ waitFinished: c.waitFinished - 1, waitSuccess: c.waitSuccess - 1 });
const certain = () => ({ inDoubt: false });
const doubt: When = (c) => c.inDoubt;
const pausing: When = (c) => c.pauseRequested;
const again =
  (cause: RetryCause): When =>
  (c) =>
    c.attempt < c.maxRetries && c.retryOn.includes(cause);
const not =
  (when: When): When =>
  (c) =>
    !when(c);
const both =
  (...all: When[]): When =>
  (c) =>
    all.every((when) => when(c));

/** Waiting and Paused hear of their parents; only Waiting moves on when nothing is missing any more. */
function parents(from: TaskState, lastTo: TaskState): Row[] {
  const required: When = (c) => c.waitFinished >= 1 && c.waitSuccess >= 1;
  const other: When = (c) => c.waitFinished >= 1 && c.waitFinished >= c.waitSuccess + 1;
  const last: When = (c) => c.waitFinished === 1;
  return [
    { from, event: "parent_met required", when: both(required, last), to: lastTo, change: metRequired },
    { from, event: "parent_met required", when: both(required, not(last)), to: from, change: metRequired },
    { from, event: "parent_met other", when: both(other, last), to: lastTo, change: met },
    { from, event: "parent_met other", when: both(other, not(last)), to: from, change: met },
    { from, event: "parent_lost Failure", when: required, to: "Failure" },
    { from, event: "parent_lost Skipped", when: (c) => c.waitFinished >= 1, to: "Skipped" },
  ];
}

/** A failed attempt: another one where the policy allows it, held back where the batch is paused, else the end. */
function failing(from: TaskState, event: string, cause: RetryCause, does: string[] = []): Row[] {
  const owed = () => ({ backoff: true, inDoubt: false });
  const held = () => ({ ...owed(), pauseRequested: false });
  return [
    { from, event, when: both(again(cause), pausing), to: "Paused", change: held, does },
    { from, event, when: both(again(cause), not(pausing)), to: "Retrying", change: owed, does },
    { from, event, when: not(again(cause)), to: "Failure", does },
  ];
}

/** Back to Pending, or to Paused where the batch was paused meanwhile; either way it is not started any more. */
function comingBack(event: string, inDoubt: boolean): Row[] {
  const held = () => ({ inDoubt, pauseRequested: false });
  return [
    { from: "Claimed", event, when: pausing, to: "Paused", change: held, does: ["forgetStart"] },
    { from: "Claimed", event, when: not(pausing), to: "Pending", change: () => ({ inDoubt }) },
  ];
}

/** What Claimed and Running share: they go on under a batch pause, remember it, and tell the service of a cancel. */
function active(from: TaskState): Row[] {
  return [
    { from, event: "succeed", to: "Success" },
    ...failing(from, "fail", "explicit"),
    { from, event: "cancel", to: "Canceled", does: ["deliverCancel"] },
    { from, event: "request_pause", when: not(pausing), to: from, change: () => ({ pauseRequested: true }) },
    { from, event: "withdraw_pause", when: pausing, to: from, change: () => ({ pauseRequested: false }) },
  ];
}

/** Nothing missing, so back to where the pause found it. */
const idle: When = (c) => c.waitFinished === 0 && c.waitSuccess === 0;

const table: readonly Row[] = [
  ...parents("Waiting", "Pending"),
  ...parents("Paused", "Paused"),

  { from: "Pending", event: "claim", to: "Claimed", change: certain },
  { from: "Pending", event: "run_at_reached", to: "Pending", does: ["disarm"] },
  { from: "Claimed", event: "started", to: "Running", change: certain },
  ...comingBack("start_deferred", false),
  ...comingBack("released", false),
  ...comingBack("lease_expired", true),
  ...failing("Claimed", "start_failed", "start_failure"),
  ...active("Claimed"),
  ...active("Running"),
  ...failing("Running", "timeout", "timeout", ["deliverCancel"]),
  {
    from: "Retrying",
    event: "backoff_elapsed",
    to: "Pending",
    change: (c) => ({ attempt: c.attempt + 1, backoff: false }),
  },

  // In doubt: the dead worker's call may have been made, so its word still counts, in Pending and in Paused.
  { from: "Pending", event: "started", when: doubt, to: "Running", change: certain },
  { from: "Pending", event: "succeed", when: doubt, to: "Success" },
  {
    from: "Pending",
    event: "fail",
    when: both(doubt, again("explicit")),
    to: "Retrying",
    change: () => ({ inDoubt: false, backoff: true }),
  },
  { from: "Pending", event: "fail", when: both(doubt, not(again("explicit"))), to: "Failure" },
  {
    from: "Paused",
    event: "started",
    when: doubt,
    to: "Running",
    change: () => ({ inDoubt: false, pauseRequested: true }),
  },
  { from: "Paused", event: "succeed", when: doubt, to: "Success" },
  {
    from: "Paused",
    event: "fail",
    when: both(doubt, again("explicit")),
    to: "Paused",
    change: () => ({ inDoubt: false, backoff: true }),
  },
  { from: "Paused", event: "fail", when: both(doubt, not(again("explicit"))), to: "Failure" },

  { from: "Waiting", event: "pause", to: "Paused" },
  { from: "Pending", event: "pause", to: "Paused" },
  { from: "Retrying", event: "pause", to: "Paused" },
  { from: "Paused", event: "resume", when: not(idle), to: "Waiting" },
  { from: "Paused", event: "resume", when: both(idle, (c) => c.backoff), to: "Retrying" },
  { from: "Paused", event: "resume", when: both(idle, (c) => !c.backoff), to: "Pending" },
  { from: "Waiting", event: "cancel", to: "Canceled" },
  { from: "Pending", event: "cancel", to: "Canceled" },
  { from: "Retrying", event: "cancel", to: "Canceled" },
  { from: "Paused", event: "cancel", to: "Canceled" },
  ...openStates.map((from): Row => ({ from, event: "update", to: from, does: ["changeFields"] })),
];
