// Publishes transitions to the stream BATON_EVENTS, as CloudEvents. Many go as one atomic batch, which costs the server one write to
// its disk; one by one the same events take about ten times as long. The event's id makes a repetition harmless.
import { type MsgHdrs, headers as newHeaders } from "@nats-io/transport-node";
import type { Bus } from "#bus/client";
import { headers, subjects } from "#bus/subjects";
import { limits } from "#config";
import type { TaskEventRow } from "#domain/row";

export type PublishedEvent = Omit<TaskEventRow, "from" | "to"> & {
  readonly id: number;
  readonly from: string;
  readonly to: string;
};

export interface EventStream {
  readonly up: boolean;
  /** Resolves when JetStream has stored all of these, in this order; they are 1,000 at most. */
  publish(events: readonly PublishedEvent[]): Promise<void>;
}

/** An event as it is sent. The headers are made for each sending, because the client adds its own to them. */
interface Message {
  readonly subject: string;
  readonly text: string;
  readonly headers: () => MsgHdrs;
}

/** `source`: the CloudEvents attribute, which names this Baton. */
export function openEventStream(bus: Bus, source: string): EventStream {
  const timeout = limits.publishTimeoutMs;
  const one = ({ subject, text, headers }: Message) => bus.js.publish(subject, text, { headers: headers(), timeout });

  const together = async (first: Message, between: readonly Message[], last: Message): Promise<void> => {
    const batch = await bus.js.startBatch(first.subject, first.text, { headers: first.headers(), timeout });
    for (const { subject, text, headers } of between) batch.add(subject, text, { headers: headers() });
    // Its type does not know that this takes headers, too.
    const options = { headers: last.headers(), timeout } as { timeout: number };
    await batch.commit(last.subject, last.text, options);
  };

  const store = async (messages: readonly Message[]): Promise<void> => {
    const [first, ...between] = messages;
    const last = between.pop();
    if (first === undefined) return;
    if (last === undefined) return void (await one(first));
    try {
      await together(first, between, last);
    } catch (error) {
      if (!bus.up || (error as { name?: string }).name === "TimeoutError") throw error;
      // Refused as a whole: mostly because some are stored already, by a publisher that was not heard of again. The client does
      // not say why. One after the other they are known or taken, or the reason shows, and none is stored before an older one.
      for (const message of messages) await one(message);
    }
  };

  return {
    get up() {
      return bus.up;
    },
    async publish(events) {
      const messages = events.map((event) => messageOf(event, source));
      while (messages.length > 0) await store(messages.splice(0, fitting(messages)));
    },
  };
}

/**
 * Calls `hear` once, when some process publishes an event. Resolves when every event from then on is heard, with what ends the
 * waiting; null: NATS is away, so nothing would be heard.
 */
export type NextEvent = (hear: () => void) => Promise<(() => void) | null>;

export const nextEvent =
  (bus: Bus): NextEvent =>
  async (hear) => {
    if (!bus.up) return null;
    try {
      const one = bus.nc.subscribe(subjects.event, {
        max: 1,
        callback: (error) => (error === null ? hear() : undefined),
      });
      await bus.nc.flush();
      return () => one.unsubscribe();
    } catch {
      // The connection went meanwhile, and what was asked for with it.
      return null;
    }
  };

/** How many of these go into one batch: as many as it may hold, and one at least. */
function fitting(messages: readonly Message[]): number {
  let bytes = 0;
  const end = messages.findIndex(({ text }, n) => {
    bytes += Buffer.byteLength(text);
    return n > 0 && bytes > limits.eventBatchBytesMax;
  });
  return end < 0 ? messages.length : end;
}

/** The headers as CloudEvents' binding to NATS names them, and the id by which JetStream knows a repetition. */
function messageOf(event: PublishedEvent, source: string): Message {
  const { id, batch_id, task_id, to, at } = event;
  const all = {
    [headers.msgId]: `${id}`,
    "ce-specversion": "1.0",
    "ce-id": `${id}`,
    "ce-source": source,
    "ce-type": `baton.task.${to.toLowerCase()}`,
    "ce-time": at.toISOString(),
  };
  return {
    subject: subjects.eventOf(batch_id, task_id, to),
    text: JSON.stringify(event),
    headers: () => {
      const made = newHeaders();
      for (const [name, value] of Object.entries(all)) made.set(name, value);
      return made;
    },
  };
}
