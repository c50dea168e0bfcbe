// The whole life of one delivery: an end, cancel or batch-complete notification, kept until it arrives or is exhausted.
// Pure: no clock, no I/O. How long a failed one waits is computed by whoever asked, from `attempts`.
import { assign, setup } from "xstate";

export interface DeliveryContext {
  /** Attempts that failed or arrived. */
  readonly attempts: number;
  readonly maxAttempts: number;
}

export type DeliveryEvent =
  | { readonly type: "arrived" }
  | { readonly type: "failed" }
  /** Somebody asks for an exhausted one to be tried again, with all its attempts. */
  | { readonly type: "replay" };

const initialContext: DeliveryContext = { attempts: 0, maxAttempts: 1 };

export const deliveryMachine = setup({
  types: { context: {} as DeliveryContext, events: {} as DeliveryEvent },
  guards: {
    lastAttempt: ({ context }) => context.attempts + 1 >= context.maxAttempts,
  },
  actions: {
    countAttempt: assign({ attempts: ({ context }) => context.attempts + 1 }),
    forgetAttempts: assign({ attempts: 0 }),
    // The rest is carried out by whoever asked for the transition.
    armBackoff: () => {},
    armNow: () => {},
  },
}).createMachine({
  id: "delivery",
  context: initialContext,
  initial: "pending",
  states: {
    pending: {
      on: {
        arrived: { target: "success", actions: "countAttempt" },
        failed: [
          { guard: "lastAttempt", target: "exhausted", actions: "countAttempt" },
          { actions: ["countAttempt", "armBackoff"] },
        ],
      },
    },
    // Not final: a person may replay it.
    exhausted: { on: { replay: { target: "pending", actions: ["forgetAttempts", "armNow"] } } },
    success: { type: "final" },
  },
});

export type DeliveryState = ReturnType<typeof deliveryMachine.getInitialSnapshot>["value"];
