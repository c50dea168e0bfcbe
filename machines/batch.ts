// The whole life of a batch: running or paused while a task of it is unfinished or it is open, stopping once it was stopped,
// then complete, once. Tasks may be added while it is running or paused. Pure: no clock, no I/O. What it decides by is loaded
// under the lock of the batch's row and written back by value.
import { assign, setup } from "xstate";

export interface BatchContext {
  /** Tasks of the batch that are not final yet. Never negative. */
  readonly unfinished: number;
  /** Does not complete, whatever has ended: tasks may be added. */
  readonly open: boolean;
}

export type BatchEvent =
  /** So many of its tasks became final in one step. */
  | { readonly type: "tasks_ended"; readonly count: number }
  /** So many unfinished tasks were added. */
  | { readonly type: "tasks_added"; readonly count: number }
  | { readonly type: "pause" }
  | { readonly type: "resume" }
  | { readonly type: "stop" }
  /** The time that it had has passed. */
  | { readonly type: "deadline" }
  | { readonly type: "close" };

const initialContext: BatchContext = { unfinished: 0, open: false };

const left = ({ context, event }: { context: BatchContext; event: BatchEvent }): number =>
  context.unfinished - (event.type === "tasks_ended" ? event.count : 0);

/** The end of some tasks, and of being open: the last of both completes the batch. */
const lasts = {
  tasks_ended: [
    { guard: "lastAndClosed", target: "complete", actions: "countEnded" },
    { guard: "someLeft", actions: "countEnded" },
  ],
  close: [{ guard: "nothingLeft", target: "complete", actions: "close" }, { actions: "close" }],
} as const;

const adds = { tasks_added: { guard: "isCount", actions: "countAdded" } } as const;

const stops = [
  { guard: "nothingLeft", target: "complete", actions: "close" },
  { target: "stopping", actions: "close" },
] as const;

export const batchMachine = setup({
  types: { context: {} as BatchContext, events: {} as BatchEvent },
  guards: {
    lastAndClosed: (args) => left(args) === 0 && !args.context.open,
    someLeft: (args) => left(args) >= 0 && left(args) < args.context.unfinished,
    isCount: ({ event }) => event.type === "tasks_added" && event.count >= 0,
    nothingLeft: ({ context }) => context.unfinished === 0,
  },
  actions: {
    countEnded: assign({ unfinished: (args) => left(args) }),
    countAdded: assign({
      unfinished: ({ context, event }) => context.unfinished + (event.type === "tasks_added" ? event.count : 0),
    }),
    close: assign({ open: false }),
    // The caller carries it out.
    deliverComplete: () => {},
  },
}).createMachine({
  id: "batch",
  context: initialContext,
  initial: "running",
  states: {
    running: { on: { ...lasts, ...adds, pause: "paused", resume: {}, stop: stops, deadline: stops } },
    paused: { on: { ...lasts, ...adds, pause: {}, resume: "running", stop: stops, deadline: stops } },
    // Nothing of it starts any more; what sweeps have not reached yet is canceled.
    stopping: { on: { ...lasts, stop: {}, pause: {}, resume: {} } },
    complete: { type: "final", entry: "deliverComplete" },
  },
});

export type BatchState = ReturnType<typeof batchMachine.getInitialSnapshot>["value"];
