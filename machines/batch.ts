// The whole life of a batch: open while a task of it is unfinished, then complete, once.
// Pure: no clock, no I/O. The count is loaded under the lock of the batch's row and written back by value.
import { assign, setup } from "xstate";

export interface BatchContext {
  /** Tasks of the batch that are not final yet. Never negative. */
  readonly unfinished: number;
}

/** So many of its tasks became final in one step. 0 is for a batch without tasks, which is complete at once. */
export type BatchEvent = { readonly type: "member_ended"; readonly count: number };

const initialContext: BatchContext = { unfinished: 0 };

export const batchMachine = setup({
  types: { context: {} as BatchContext, events: {} as BatchEvent },
  guards: {
    last: ({ context, event }) => event.count === context.unfinished,
    someLeft: ({ context, event }) => event.count > 0 && event.count < context.unfinished,
  },
  actions: {
    countEnded: assign({ unfinished: ({ context, event }) => context.unfinished - event.count }),
    // Carried out by whoever asked for the transition.
    deliverComplete: () => {},
  },
}).createMachine({
  id: "batch",
  context: initialContext,
  initial: "open",
  states: {
    open: {
      on: {
        member_ended: [
          { guard: "last", target: "complete", actions: "countEnded" },
          { guard: "someLeft", actions: "countEnded" },
        ],
      },
    },
    complete: { type: "final", entry: "deliverComplete" },
  },
});

export type BatchState = ReturnType<typeof batchMachine.getInitialSnapshot>["value"];
