// The whole life of a schedule: active or paused until it is deleted. Times come, or were missed; what waits is made when the
// batches before it allow that. Pure: no clock, no I/O. Times are milliseconds and come with the events; which ones come, and how
// many batches are unfinished, the caller finds out under the lock of the schedule's row.
import { assign, setup } from "xstate";

export const overlaps = ["skip", "allow", "replace"] as const;
export type Overlap = (typeof overlaps)[number];
export const catchUps = ["last", "none", "all"] as const;
export type CatchUp = (typeof catchUps)[number];
/** Why a time made no batch. */
export const skipReasons = ["overlap", "missed", "refused"] as const;
export type SkipReason = (typeof skipReasons)[number];

/** The most that `all` makes up of one outage. */
export const madeUpMax = 100;

/** A time that has come and has no batch yet. */
export interface WaitingTime {
  readonly at: number;
  /** Its batch could not be created; it is tried again until the next time comes. */
  readonly refused: boolean;
}

export interface ScheduleContext {
  readonly overlap: Overlap;
  readonly catchUp: CatchUp;
  /** Oldest first. */
  readonly waiting: readonly WaitingTime[];
  /** Its batches that are not complete. */
  readonly unfinished: number;
  /** What was given up since it was loaded, oldest first. The caller writes it down. */
  readonly skipped: readonly { readonly at: number; readonly reason: SkipReason }[];
}

export type ScheduleEvent =
  /** A time at which a worker was alive. */
  | { readonly type: "came"; readonly at: number }
  /** The newest times of one outage, at least `madeUpMax` where there were so many; oldest first. */
  | { readonly type: "missed"; readonly times: readonly number[] }
  /** The batch of a time that waited is created. */
  | { readonly type: "made"; readonly at: number }
  /** The batch of a time that waits cannot be created now. */
  | { readonly type: "refused"; readonly at: number }
  /** Its batches are to be stopped, for the one that waits. */
  | { readonly type: "stop_batches" }
  | { readonly type: "change"; readonly overlap: Overlap; readonly catchUp: CatchUp }
  | { readonly type: "pause" }
  | { readonly type: "resume" }
  | { readonly type: "delete" };

const initialContext: ScheduleContext = { overlap: "skip", catchUp: "last", waiting: [], unfinished: 0, skipped: [] };

type Args = { readonly context: ScheduleContext; readonly event: ScheduleEvent };
const waits = (at: number): WaitingTime => ({ at, refused: false });
const givenUp = (times: readonly { readonly at: number }[], reason: SkipReason) =>
  times.map(({ at }) => ({ at, reason }));

/** A next time has come: those that were refused until now are given up. */
function withoutRefused({ waiting, skipped }: ScheduleContext): Pick<ScheduleContext, "waiting" | "skipped"> {
  const refused = waiting.filter((time) => time.refused);
  return { waiting: waiting.filter((time) => !time.refused), skipped: [...skipped, ...givenUp(refused, "refused")] };
}

function came({ context, event }: Args): Partial<ScheduleContext> {
  if (event.type !== "came") return {};
  const { waiting, skipped } = withoutRefused(context);
  const { overlap, unfinished } = context;
  if (overlap === "replace")
    return { waiting: [waits(event.at)], skipped: [...skipped, ...givenUp(waiting, "overlap")] };
  if (overlap === "skip" && (unfinished > 0 || waiting.length > 0))
    return { waiting, skipped: [...skipped, { at: event.at, reason: "overlap" }] };
  return { waiting: [...waiting, waits(event.at)], skipped };
}

function missed({ context, event }: Args): Partial<ScheduleContext> {
  if (event.type !== "missed") return {};
  const { overlap, catchUp } = context;
  const { waiting, skipped } = withoutRefused(context);
  const most = { none: 0, last: 1, all: overlap === "replace" ? 1 : madeUpMax }[catchUp];
  const from = Math.max(0, event.times.length - most);
  const made = event.times.slice(from).map(waits);
  const left = givenUp(
    event.times.slice(0, from).map((at) => ({ at })),
    "missed",
  );
  if (overlap !== "replace" || made.length === 0)
    return { waiting: [...waiting, ...made], skipped: [...skipped, ...left] };
  return { waiting: made, skipped: [...skipped, ...givenUp(waiting, "overlap"), ...left] };
}

/** Under other rules, of several that wait only the newest may be left. */
function changed({ context, event }: Args): Partial<ScheduleContext> {
  if (event.type !== "change") return {};
  const { overlap, catchUp } = event;
  const { waiting, skipped } = context;
  if (overlap !== "replace") return { overlap, catchUp };
  return {
    overlap,
    catchUp,
    waiting: waiting.slice(-1),
    skipped: [...skipped, ...givenUp(waiting.slice(0, -1), "overlap")],
  };
}

/** One after the other, and alone where the batches may not overlap. */
const mayMake = ({ context: { overlap, waiting, unfinished }, event }: Args): boolean => {
  if (event.type !== "made" && event.type !== "refused") return false;
  const untried = event.type === "refused" && overlap === "allow" ? waiting.find((time) => !time.refused) : waiting[0];
  return event.at === untried?.at && (overlap === "allow" || unfinished === 0);
};

export const scheduleMachine = setup({
  types: { context: {} as ScheduleContext, events: {} as ScheduleEvent },
  guards: {
    mayMake,
    isReplaced: ({ context: { overlap, waiting, unfinished } }) =>
      overlap === "replace" && waiting.length > 0 && unfinished > 0,
  },
  actions: {
    letCome: assign(came),
    makeUp: assign(missed),
    change: assign(changed),
    countMade: assign({
      waiting: ({ context }) => context.waiting.slice(1),
      unfinished: ({ context }) => context.unfinished + 1,
    }),
    noteRefused: assign({
      waiting: ({ context, event }) =>
        context.waiting.map((time) => ("at" in event && event.at === time.at ? { ...time, refused: true } : time)),
    }),
    forget: assign({ waiting: [] }),
    // The caller carries it out.
    stopBatches: () => {},
  },
}).createMachine({
  id: "schedule",
  context: initialContext,
  initial: "active",
  states: {
    active: {
      on: {
        came: { actions: "letCome" },
        missed: { actions: "makeUp" },
        made: { guard: "mayMake", actions: "countMade" },
        refused: { guard: "mayMake", actions: "noteRefused" },
        stop_batches: { guard: "isReplaced", actions: "stopBatches" },
        change: { actions: "change" },
        pause: "paused",
        delete: { target: "deleted", actions: "forget" },
      },
    },
    // Times pass without coming. What came before waits, and is made after the resume.
    paused: {
      on: {
        change: { actions: "change" },
        resume: "active",
        delete: { target: "deleted", actions: "forget" },
      },
    },
    deleted: { type: "final" },
  },
});

export type ScheduleState = ReturnType<typeof scheduleMachine.getInitialSnapshot>["value"];
