// The whole life of one delivery: an end, cancel or batch-complete notification, kept until it arrives or is exhausted.
// Pure: no clock, no I/O. How long a failed one waits is computed by the caller, from `attempts`.
import { assign, setup } from "xstate";

export interface DeliveryContext {
  /** Attempts that failed or arrived. */
  readonly attempts: number;
  readonly maxAttempts: number;
}

export type DeliveryEvent =
  | { readonly type: "arrived" }
  | { readonly type: "failed" }
  /** Somebody asks for one that is settled to be sent again, with all its attempts. */
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
    // The caller carries out the rest.
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
    // Neither is final: a person may replay it. What arrived may have been lost by its receiver.
    exhausted: { on: { replay: { target: "pending", actions: ["forgetAttempts", "armNow"] } } },
    success: { on: { replay: { target: "pending", actions: ["forgetAttempts", "armNow"] } } },
  },
});

export type DeliveryState = ReturnType<typeof deliveryMachine.getInitialSnapshot>["value"];
