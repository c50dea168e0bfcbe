// Messages on core NATS that only make something prompt: a process that listens hears them, and a sweep finds the rest.
import type { Msg } from "@nats-io/transport-node";
import type { Bus } from "#bus/client";

/** Hears every one from when NATS is there, also after it was away. Returns how to stop it. */
export function onNotification(bus: Bus, subject: string, hear: (message: Msg) => void): () => void {
  let stopped = false;
  let of: unknown = null;
  bus.onReady(() => {
    // The subscription lives as long as the connection, which the client brings back by itself.
    if (stopped || of === bus.nc) return;
    of = bus.nc;
    bus.nc.subscribe(subject, { callback: (error, message) => void (error || stopped || hear(message)) });
  });
  return () => {
    stopped = true;
  };
}
