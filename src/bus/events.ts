// Publishes transitions to the stream BATON_EVENTS, as CloudEvents. Each message says after which one it is to be stored: the first of a
// page by the sequence, the others by the id of the one before, the last one by both. Only the last one is answered: where one was lost
// on the way, or something else came between, the server stores none of those after it, and the last one's answer is a refusal. So the
// stream has no gap and no event twice, and whoever publishes beside another is refused as well.
import { type MsgHdrs, MsgHdrsImpl } from "@nats-io/transport-node";
import type { Bus } from "#bus/client";
import { headers, streams, subjects } from "#bus/subjects";
import { limits } from "#config";
import type { TaskEventRow } from "#domain/row";

export type PublishedEvent = Omit<TaskEventRow, "from" | "to"> & {
  readonly id: number;
  readonly from: string;
  readonly to: string;
};

/** An event that the stream holds. */
export interface KeptEvent {
  readonly id: number;
  readonly task_id: string;
  readonly at: Date;
}

/** The end of the stream, after which the next event is published. */
export interface StreamEnd {
  /** The newest event; null: there is none, or none among the last messages. */
  readonly event: KeptEvent | null;
  /** Of the last message, or of the last that there was. */
  readonly sequence: number;
}

export interface EventStream {
  readonly up: boolean;
  /** Whether the end of the stream is known; not after a lost connection, or a refusal: then ask for it. */
  readonly knowsEnd: boolean;
  /** A single server that died has lost the newest events (docs/decisions/0011). */
  end(): Promise<StreamEnd>;
  /** Resolves when JetStream has stored all of these, in this order, after what it held before, with the sequence of the last message. */
  publish(events: readonly PublishedEvent[]): Promise<number>;
}

/** `source`: the CloudEvents attribute, which names this Baton. */
export function openEventStream(bus: Bus, source: string): EventStream {
  return new Events(bus, source);
}

class Events implements EventStream {
  readonly #bus: Bus;
  readonly #source: string;
  /** The sequence of the last message in the stream; null: not known. */
  #end: number | null = null;
  #losses = 0;

  constructor(bus: Bus, source: string) {
    this.#bus = bus;
    this.#source = source;
    bus.onLost(() => {
      this.#end = null;
      this.#losses += 1;
    });
  }

  get up(): boolean {
    return this.#bus.up;
  }

  get knowsEnd(): boolean {
    return this.#end !== null;
  }

  async end(): Promise<StreamEnd> {
    const losses = this.#losses;
    const { name } = streams.events;
    const manager = await this.#bus.manager();
    const { state } = await manager.streams.info(name);
    const oldest = Math.max(state.first_seq, state.last_seq - limits.eventsForeignMax);
    let event: KeptEvent | null = null;
    // Others may have published something else, also in the middle of a page.
    for (let seq = state.last_seq; state.messages > 0 && event === null && seq >= oldest; seq--) {
      const message = await manager.streams.getMessage(name, { seq });
      event = message === null ? null : eventIn(message.data);
    }
    if (losses !== this.#losses) throw new Error("the connection was lost meanwhile");
    this.#end = state.last_seq;
    return { event, sequence: state.last_seq };
  }

  async publish(events: readonly PublishedEvent[]): Promise<number> {
    let end = this.#end;
    if (end === null) throw new Error("the end of the stream is not known");
    const messages = events.map(messageOf);
    while (messages.length > 0) end = await this.#store(messages.splice(0, fitting(messages)));
    return end;
  }

  async #store(messages: readonly Message[]): Promise<number> {
    const { nc, js } = this.#bus;
    const end = this.#end;
    if (end === null) throw new Error("the end of the stream is not known");
    // Until all are stored; a refusal or a time-out leaves it so.
    this.#end = null;
    const losses = this.#losses;
    const last = messages.length - 1;
    let stored = end;
    for (const [n, message] of messages.entries()) {
      const before = messages[n - 1];
      const after = {
        ...(before === undefined || n === last ? { [headers.expectedLast]: [`${end + n}`] } : {}),
        ...(before === undefined ? {} : { [headers.expectedLastId]: [`${before.id}`] }),
      };
      const options = { headers: headersOf(message, this.#source, after) };
      if (n < last) nc.publish(message.subject, message.data, options);
      else
        stored = (await js.publish(message.subject, message.data, { ...options, timeout: limits.publishTimeoutMs }))
          .seq;
    }
    if (stored !== end + messages.length) throw new Error("the stream knows these events already");
    if (losses === this.#losses) this.#end = stored;
    return stored;
  }
}

interface Message {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly id: number;
  readonly to: string;
  readonly at: string;
}

function messageOf(event: PublishedEvent): Message {
  const { id, batch_id, task_id, to } = event;
  const at = event.at.toISOString();
  // With the time as a text JSON is written twice as fast, and a client's own encoder takes longer than all of that.
  const data = Buffer.from(JSON.stringify({ ...event, at }));
  return { subject: subjects.eventOf(batch_id, task_id, to), data, id, to, at };
}

/** How many of these go as one page: as many as it may hold, and one at least. */
function fitting(messages: readonly Message[]): number {
  let bytes = 0;
  const end = messages.findIndex(({ data }, n) => {
    bytes += data.length;
    return n > 0 && bytes > limits.eventBatchBytesMax;
  });
  return end < 0 ? messages.length : end;
}

/** The headers as CloudEvents' binding to NATS names them, the id by which JetStream knows a repetition, and what it comes after. */
const headersOf = ({ id, to, at }: Message, source: string, after: Record<string, string[]>): MsgHdrs =>
  // Made at once, since `set` looks through all of them for each.
  MsgHdrsImpl.fromRecord({
    [headers.msgId]: [`${id}`],
    ...after,
    "ce-specversion": ["1.0"],
    "ce-id": [`${id}`],
    "ce-source": [source],
    "ce-type": [`baton.task.${to.toLowerCase()}`],
    "ce-time": [at],
  });

function eventIn(data: Uint8Array): KeptEvent | null {
  try {
    const { id, task_id, at } = JSON.parse(new TextDecoder().decode(data)) as Record<string, unknown>;
    const time = new Date(String(at));
    if (typeof id !== "number" || typeof task_id !== "string" || Number.isNaN(time.getTime())) return null;
    return { id, task_id, at: time };
  } catch {
    return null;
  }
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
