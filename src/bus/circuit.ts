// A circuit changed: told to all workers, so that they read at once what they may call. Lost with the message is only
// promptness; every worker reads the circuits about once a second anyway.
import type { Bus } from "#bus/client";
import { subjects } from "#bus/subjects";

export function tellCircuits(bus: Bus): void {
  if (bus.up) bus.nc.publish(subjects.circuit);
}

/** Returns how to stop it. */
export function onCircuits(bus: Bus, callback: () => void): () => void {
  let stopped = false;
  let of: unknown = null;
  bus.onReady(() => {
    // The subscription lives as long as the connection, which the client brings back by itself.
    if (stopped || of === bus.nc) return;
    of = bus.nc;
    bus.nc.subscribe(subjects.circuit, {
      callback: (error) => {
        if (!error && !stopped) callback();
      },
    });
  });
  return () => {
    stopped = true;
  };
}
