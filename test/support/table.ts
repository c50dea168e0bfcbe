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

/** Every event that a task can get, with every parameter that makes a difference. */
// biome-ignore format: many short ones
export const events: readonly TaskEvent[] = [
  { type: "parent_met", required: true }, { type: "parent_met", required: false }, { type: "parent_lost", as: "Failure" },
  { type: "parent_lost", as: "Skipped" }, { type: "parents_left", count: 0 }, { type: "parents_left", count: 1 },
  { type: "parents_left", count: 2 }, { type: "claim" }, { type: "started" }, { type: "start_deferred" },
  { type: "start_unsent" }, { type: "start_failed" }, { type: "start_unanswered" }, { type: "lease_expired" },
  { type: "released" }, { type: "succeed" }, { type: "fail" }, { type: "skip" }, { type: "timeout" }, { type: "expire" },
  { type: "overrun" }, { type: "run_at_reached" }, { type: "backoff_elapsed" }, { type: "pause" },
  { type: "pause", byBatch: true }, { type: "request_pause" }, { type: "withdraw_pause" }, { type: "resume" },
  { type: "resume", byBatch: true }, { type: "cancel" }, { type: "override", as: "Success" },
  { type: "override", as: "Failure" }, { type: "override", as: "Skipped" }, { type: "update" }, { type: "reschedule" },
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
    context: { ...context, ...left(row), ...row.change?.(context) },
    does: [...(row.does ?? []), ...(row.to === from ? [] : onEntering[row.to])],
  };
}

/** `parent_met required`, `parent_lost Failure`, `parents_left 2`, `pause by batch`, `override Success`; the others are their type. */
export function eventKey(event: TaskEvent): string {
  if (event.type === "parent_met") return event.required ? "parent_met required" : "parent_met other";
  if (event.type === "parents_left") return `parents_left ${event.count}`;
  if (event.type === "pause" || event.type === "resume") return event.byBatch ? `${event.type} by batch` : event.type;
  if (event.type === "override") return `override ${event.as}`;
  return event.type === "parent_lost" ? `parent_lost ${event.as}` : event.type;
}

/** A claim counts unless it was put back. */
const left = ({ from, to, event }: Row): Partial<TaskContext> =>
  from === "Claimed" && to !== "Claimed" && !putBacks.includes(event) ? { wasClaimed: true } : {};
const putBacks = ["start_deferred", "start_unsent", "released"];

// The one timer of each state, and what is delivered when a task ends there.
const onEntering: Record<TaskState, readonly string[]> = {
  Waiting: ["disarm"],
  Pending: ["armRunAt", "forgetStart"],
  Claimed: ["disarm"],
  Running: ["armTimeout", "forgetUnsent"],
  Retrying: ["armBackoff", "forgetUnsent"],
  Paused: ["disarm", "forgetUnsent"],
  Success: ["disarm", "forgetUnsent", "deliverSuccess"],
  Failure: ["disarm", "forgetUnsent", "deliverFailure"],
  Canceled: ["disarm", "forgetUnsent"],
  Skipped: ["disarm", "forgetUnsent"],
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

/**
 * Waiting and Paused hear of their parents; only Waiting moves on when nothing is missing any more. Of a task that joins any,
 * the first met parent is enough, and what the others say changes nothing; it hears how many can still be met.
 */
function parents(from: TaskState, lastTo: TaskState): Row[] {
  const all: When = (c) => !c.joinsAny;
  const required: When = both(all, (c) => c.waitFinished >= 1 && c.waitSuccess >= 1);
  const other: When = both(all, (c) => c.waitFinished >= 1 && c.waitFinished >= c.waitSuccess + 1);
  const any: When = (c) => c.joinsAny && c.waitFinished >= 1;
  const last: When = (c) => c.waitFinished === 1;
  const opened = () => ({ waitFinished: 0 });
  const left = (count: number): Row => ({
    ...{ from, event: `parents_left ${count}`, to: from },
    when: (c) => c.joinsAny && count > 0 && count < c.waitFinished,
    change: () => ({ waitFinished: count }),
  });
  return [
    { from, event: "parent_met required", when: both(required, last), to: lastTo, change: metRequired },
    { from, event: "parent_met required", when: both(required, not(last)), to: from, change: metRequired },
    { from, event: "parent_met required", when: any, to: lastTo, change: opened },
    { from, event: "parent_met other", when: both(other, last), to: lastTo, change: met },
    { from, event: "parent_met other", when: both(other, not(last)), to: from, change: met },
    { from, event: "parent_met other", when: any, to: lastTo, change: opened },
    { from, event: "parent_lost Failure", when: (c) => required(c) || any(c), to: "Failure" },
    { from, event: "parent_lost Skipped", when: (c) => c.waitFinished >= 1, to: "Skipped" },
    ...[1, 2].map(left),
  ];
}

/** A failed attempt: another one where the policy allows it, held back where the batch is paused, else the end. */
function failing(from: TaskState, event: string, cause: RetryCause, does: string[] = []): Row[] {
  const retrying = () => ({ backoff: true, inDoubt: false });
  const held = () => ({ ...retrying(), pauseRequested: false });
  return [
    { from, event, when: both(again(cause), pausing), to: "Paused", change: held, does },
    { from, event, when: both(again(cause), not(pausing)), to: "Retrying", change: retrying, does },
    { from, event, when: not(again(cause)), to: "Failure", does },
  ];
}

/** Back to Pending, or to Paused where a pause waits for it; either way it is not started any more. */
function comingBack(event: string, doubts: (c: TaskContext) => boolean): Row[] {
  const held = (c: TaskContext) => ({ inDoubt: doubts(c), pauseRequested: false });
  return [
    { from: "Claimed", event, when: pausing, to: "Paused", change: held, does: ["forgetStart"] },
    { from: "Claimed", event, when: not(pausing), to: "Pending", change: (c) => ({ inDoubt: doubts(c) }) },
  ];
}

/** What Claimed and Running share: they go on under a batch pause, and remember it. */
function active(from: TaskState): Row[] {
  const asked = () => ({ pauseRequested: true, pausedByBatch: true });
  const withdrawn = () => ({ pauseRequested: false, pausedByBatch: false });
  return [
    { from, event: "succeed", to: "Success" },
    ...failing(from, "fail", "explicit"),
    { from, event: "skip", to: "Skipped" },
    { from, event: "overrun", to: "Failure", does: ["deliverCancel"] },
    { from, event: "request_pause", when: not(pausing), to: from, change: asked },
    // A batch takes back what it asked for; what a person paused stays paused.
    { from, event: "withdraw_pause", when: both(pausing, (c) => c.pausedByBatch), to: from, change: withdrawn },
  ];
}

/** An operator's word ends whatever has not ended, and so does a cancel: a service that may be at work is asked to stop. */
function ending(from: TaskState): Row[] {
  const maybe: readonly TaskState[] = ["Pending", "Paused"];
  const atWork: When = (c) => from === "Claimed" || from === "Running" || (c.inDoubt && maybe.includes(from));
  const ends = [
    ["cancel", "Canceled"],
    ["override Success", "Success"],
    ["override Failure", "Failure"],
    ["override Skipped", "Skipped"],
  ] as const;
  return ends.flatMap(([event, to]): Row[] => [
    { from, event, when: atWork, to, does: ["deliverCancel"] },
    { from, event, when: not(atWork), to },
  ]);
}

/** Nothing missing, so back to where the pause found it. */
const idle: When = (c) => c.waitFinished === 0 && c.waitSuccess === 0;

/** Who paused a task means nothing any more once it is let go. */
const resuming = (event: string, may: When): Row[] =>
  (
    [
      [not(idle), "Waiting"],
      [both(idle, (c) => c.backoff), "Retrying"],
      [both(idle, (c) => !c.backoff), "Pending"],
    ] as const
  ).map(([when, to]) => ({
    from: "Paused",
    event,
    when: both(may, when),
    to,
    change: () => ({ pauseRequested: false, pausedByBatch: false }),
  }));

const table: readonly Row[] = [
  ...parents("Waiting", "Pending"),
  ...parents("Paused", "Paused"),

  { from: "Pending", event: "claim", to: "Claimed" },
  { from: "Pending", event: "run_at_reached", to: "Pending", does: ["disarm"] },
  { from: "Claimed", event: "started", to: "Running", change: certain },
  // What is known of an earlier call stays as it was.
  ...comingBack("start_deferred", doubt),
  ...comingBack("start_unsent", doubt),
  ...comingBack("released", doubt),
  ...comingBack("lease_expired", () => true),
  ...failing("Claimed", "start_failed", "start_failure"),
  // The service may be at work on it.
  ...failing("Claimed", "start_unanswered", "start_failure", ["deliverCancel"]),
  ...active("Claimed"),
  ...active("Running"),
  ...failing("Running", "timeout", "timeout", ["deliverCancel"]),
  {
    from: "Retrying",
    event: "backoff_elapsed",
    to: "Pending",
    change: (c) => ({ attempt: c.attempt + 1, backoff: false }),
    does: ["resetCounters"],
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
  { from: "Pending", event: "skip", when: doubt, to: "Skipped" },
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
  { from: "Paused", event: "skip", when: doubt, to: "Skipped" },

  // Limits on the time of the whole task: `expires_secs` until the first claim, `max_duration_secs` from there on; no retry.
  ...(["Waiting", "Pending", "Paused"] as const).map(
    (from): Row => ({ from, event: "expire", when: (c) => !c.wasClaimed, to: "Failure" }),
  ),
  ...(["Pending", "Paused"] as const).flatMap((from): Row[] => [
    { from, event: "overrun", when: doubt, to: "Failure", does: ["deliverCancel"] },
    { from, event: "overrun", when: both(not(doubt), (c) => c.wasClaimed), to: "Failure" },
  ]),
  { from: "Retrying", event: "overrun", to: "Failure" },

  ...(["Waiting", "Pending", "Retrying"] as const).flatMap((from): Row[] => [
    { from, event: "pause", to: "Paused", change: () => ({ pausedByBatch: false }) },
    { from, event: "pause by batch", to: "Paused", change: () => ({ pausedByBatch: true }) },
  ]),
  // A resume of the batch opens what the batch paused; a task that was paused by itself stays.
  ...resuming("resume", () => true),
  ...resuming("resume by batch", (c) => c.pausedByBatch),
  ...openStates.flatMap(ending),
  ...openStates.map((from): Row => ({ from, event: "update", to: from, does: ["changeFields"] })),
  // Only what is not started yet has a time to start.
  { from: "Waiting", event: "reschedule", to: "Waiting", does: ["changeFields", "setRunAt"] },
  { from: "Pending", event: "reschedule", to: "Pending", does: ["changeFields", "setRunAt", "armRunAt"] },
  { from: "Retrying", event: "reschedule", to: "Retrying", does: ["changeFields", "setRunAt", "armBackoff"] },
  { from: "Paused", event: "reschedule", to: "Paused", does: ["changeFields", "setRunAt"] },
];
