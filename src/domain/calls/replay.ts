// What a replay makes of a delivery. Pure.
import { transition } from "xstate";
import { type DeliveryState, deliveryMachine } from "#machines/delivery";

interface Tries {
  readonly status: DeliveryState;
  readonly attempts: number;
}

/** Null where its machine refuses. */
export function replayed({ status, attempts }: Tries): Tries | null {
  // A replay is not limited by the number of attempts.
  const from = deliveryMachine.resolveState({ value: status, context: { attempts, maxAttempts: 1 } });
  const event = { type: "replay" } as const;
  if (!from.can(event)) return null;
  const [to] = transition(deliveryMachine, from, event);
  return { status: to.value, attempts: to.context.attempts };
}
