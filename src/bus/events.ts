// Tells each transition to whoever listens on `baton.event.>` (core NATS: stored nowhere). Never throws and never waits: what
// could not be handed over, or got lost on the way, is said once (`onLost`), and whoever keeps the log tells it again.
import type { NatsConnection } from "@nats-io/transport-node";
import type { Bus } from "#bus/client";
import { subjects } from "#bus/subjects";
import { limits } from "#config";
import type { TaskEventRow } from "#domain/row";

export type ToldEvent = Omit<TaskEventRow, "from" | "to"> & {
  readonly id: number;
  readonly from: string;
  readonly to: string;
};

export interface EventWire {
  readonly up: boolean;
  /** False: it did not go out. */
  publish(event: ToldEvent): boolean;
  /** True: the server has all that was published before. */
  flush(): Promise<boolean>;
  /** Something that was published may not have arrived. */
  onLost(callback: () => void): void;
}

const flushEvery = 1_024;
const flushTimeoutMs = 2_000;

export function openEventWire(bus: Bus): EventWire {
  let watched: NatsConnection | null = null;
  let lost = 0;
  let [sent, confirmed] = [0, 0];
  const callbacks: (() => void)[] = [];
  const lose = (): void => {
    lost++;
    confirmed = sent;
    for (const callback of callbacks) callback();
  };
  const watch = async (nc: NatsConnection): Promise<void> => {
    for await (const { type } of nc.status()) if (type === "disconnect") lose();
  };
  bus.onReady(() => {
    if (watched === bus.nc) return;
    watched = bus.nc;
    void watch(watched);
  });

  const flush = async (): Promise<boolean> => {
    if (!bus.up) return false;
    const [upTo, before] = [sent, lost];
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), flushTimeoutMs);
    });
    const arrived = bus.nc.flush().then(
      () => true,
      () => false,
    );
    const ok = (await Promise.race([arrived, late])) && lost === before;
    clearTimeout(timer);
    if (ok) confirmed = Math.max(confirmed, upTo);
    return ok;
  };

  return {
    get up() {
      return bus.up;
    },
    flush,
    publish(event) {
      // Beyond this it would only pile up here.
      if (!bus.up || sent - confirmed >= limits.eventsOnWayMax) return false;
      try {
        bus.nc.publish(subjects.eventOf(event.batch_id, event.task_id, event.to), JSON.stringify(event));
      } catch {
        return false;
      }
      if (++sent % flushEvery === 0) void flush();
      return true;
    },
    onLost: (callback) => void callbacks.push(callback),
  };
}
