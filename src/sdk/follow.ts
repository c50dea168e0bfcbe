/**
 * Follows Baton's stream of events (`GET /events`) as an async iterator. Comes back by itself after the last event that it
 * gave, so that none is missed and none comes twice, whatever happens to the connection or to an API process.
 * Ends with its signal; throws `BatonRefused` where asking again cannot help, and `EventsDropped` where events are gone.
 */
import { BatonRefused, type ClientOptions, refusal } from "./exchange.ts";
import type { TaskEvent } from "./types.ts";

export interface FollowOptions {
  /** Events of this batch only. */
  readonly batchId?: string;
  /** Go on after this event; 0: from the beginning. Left out: from now on. */
  readonly lastEventId?: number;
  readonly signal?: AbortSignal | undefined;
  /** Called with true when the stream is open, and with false when it has broken and is opened again in a moment. */
  readonly onState?: (isOpen: boolean) => void;
}

/** Retention has dropped events after the one that was to go on from, up to `droppedTo`. */
export class EventsDropped extends Error {
  override readonly name = "EventsDropped";
  readonly droppedTo: number;
  constructor(droppedTo: number) {
    super(`events up to ${droppedTo} were dropped by retention`);
    this.droppedTo = droppedTo;
  }
}

/** Three pings of the server: after such a silence the connection is taken for dead. */
const silenceMs = 45_000;
const againMs = 1_000;

export async function* follow(
  url: string,
  { token, fetch: send = fetch }: ClientOptions,
  { batchId, lastEventId, signal, onState }: FollowOptions,
): AsyncGenerator<TaskEvent, void, void> {
  let last = lastEventId;
  const isOver = () => signal?.aborted === true;
  while (!isOver()) {
    const connection = new AbortController();
    const ended = AbortSignal.any([connection.signal, ...(signal ? [signal] : [])]);
    try {
      const response = await send(new URL(`${url}/events${batchId === undefined ? "" : `?batch_id=${batchId}`}`), {
        signal: ended,
        headers: {
          ...(last === undefined ? {} : { "last-event-id": String(last) }),
          ...(token ? { authorization: `Bearer ${token}` } : {}),
        },
      });
      if (!response.ok || response.body === null) await refuse(response);
      else {
        onState?.(true);
        for await (const { id, event, data } of blocks(response.body, () => connection.abort())) {
          if (event === "gap") throw new EventsDropped((JSON.parse(data) as { dropped_to: number }).dropped_to);
          if (id !== undefined) last = id;
          if (data !== "") yield JSON.parse(data) as TaskEvent;
        }
      }
    } catch (error) {
      if (error instanceof BatonRefused || error instanceof EventsDropped) throw error;
    } finally {
      connection.abort();
    }
    if (!isOver()) onState?.(false);
    if (!isOver()) await new Promise((resolve) => setTimeout(resolve, againMs * (0.5 + Math.random())));
  }
}

/** Throws unless the same call may succeed later. */
async function refuse(response: Response): Promise<void> {
  const text = await response.text();
  if (response.status < 500 && response.status !== 429) throw refusal(response.status, text);
}

interface Block {
  readonly id: number | undefined;
  readonly event: string;
  readonly data: string;
}

async function* blocks(body: ReadableStream<Uint8Array>, onSilence: () => void): AsyncGenerator<Block> {
  const decoder = new TextDecoder();
  let rest = "";
  // Some browsers cannot go through a stream with `for await`.
  const reader = body.getReader();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const watch = () => {
    clearTimeout(timer);
    timer = setTimeout(onSilence, silenceMs);
  };
  try {
    watch();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      watch();
      const parts = (rest + decoder.decode(value, { stream: true })).split("\n\n");
      rest = parts.pop() ?? "";
      for (const part of parts) yield blockOf(part);
    }
  } finally {
    clearTimeout(timer);
  }
}

function blockOf(text: string): Block {
  const fields = new Map(
    text
      .split("\n")
      .filter((line) => !line.startsWith(":"))
      .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]),
  );
  const id = fields.get("id");
  return {
    id: id === undefined ? undefined : Number(id),
    event: fields.get("event") ?? "",
    data: fields.get("data") ?? "",
  };
}
