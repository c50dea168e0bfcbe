// The whole past of a batch, from its first event on: in which state each task was from when to when. Read once when somebody wants
// it, up to the present; what happens from then on comes by the live stream that the page follows anyway.
import { useEffect, useState } from "react";
import { EventsDropped, type TaskEvent } from "../../sdk/client.ts";
import type { BatchStore } from "./batch-store.ts";
import { useLive } from "./live/live.ts";
import { baton } from "./session.ts";
import { stateIndex } from "./states.ts";

/** Moments at which a task came into a state, in order: `at[i]` in milliseconds, `state[i]` by number. */
export interface Moments {
  readonly at: number[];
  readonly state: number[];
  /** Whether it is Pending again because its start could not be sent, or was asked for later. */
  readonly isPutBack: boolean[];
  /** The state before the first of them. */
  readonly first: number;
}

const putBacks: ReadonlySet<string> = new Set(["start_unsent", "start_deferred"]);

export class History {
  readonly #moments: (Moments | undefined)[] = [];
  #last = 0;

  of = (place: number): Moments | undefined => this.#moments[place];

  /** Events in the order of the log; what it has heard is passed over. */
  add(events: readonly TaskEvent[], store: BatchStore): void {
    const fresh = events.filter(({ id }) => id > this.#last);
    for (const event of fresh) {
      const place = store.place(event.task_id);
      this.#last = Math.max(this.#last, event.id);
      if (place < 0 || event.from === event.to) continue;
      this.#moments[place] ??= { at: [], state: [], isPutBack: [], first: stateIndex(event.from) };
      this.#moments[place]?.at.push(Date.parse(event.at));
      this.#moments[place]?.state.push(stateIndex(event.to));
      this.#moments[place]?.isPutBack.push(event.to === "Pending" && putBacks.has(event.event));
    }
    store.noteTimes(fresh);
  }
}

const [bundleMs, quietMs] = [120, 600];

export interface ReadHistory {
  readonly history: History;
  /** `reading`: up to the present it is not complete. `dropped`: retention has deleted its beginning. */
  readonly state: "reading" | "complete" | "dropped";
}

export function useHistory(batchId: string, store: BatchStore, isWanted: boolean): ReadHistory {
  const [history] = useState(() => new History());
  const [state, setState] = useState<ReadHistory["state"]>("reading");
  const [early] = useState<TaskEvent[]>(() => []);
  useLive(isWanted ? batchId : undefined, (events) => {
    if (state === "complete") history.add(events, store);
    else early.push(...events);
  });
  useEffect(() => {
    if (!isWanted) return;
    return read(batchId, {
      onEvents: (events) => history.add(events, store),
      onEnd: (isWhole) => {
        history.add(early.splice(0), store);
        setState(isWhole ? "complete" : "dropped");
      },
    });
  }, [batchId, isWanted, history, store, early]);
  return { history, state };
}

interface Reader {
  readonly onEvents: (events: readonly TaskEvent[]) => void;
  readonly onEnd: (isWhole: boolean) => void;
}

/** The stream does not say where the past ends: it has come to the present when it is quiet for a while. */
function read(batchId: string, { onEvents, onEnd }: Reader): () => void {
  const stop = new AbortController();
  let bundle: TaskEvent[] = [];
  let bundleTimer: ReturnType<typeof setTimeout> | undefined;
  let quietTimer: ReturnType<typeof setTimeout> | undefined;
  const flush = () => {
    bundleTimer = undefined;
    onEvents(bundle);
    bundle = [];
  };
  const end = (isWhole: boolean) => {
    if (stop.signal.aborted) return;
    stop.abort();
    clearTimeout(bundleTimer);
    flush();
    onEnd(isWhole);
  };
  const hear = () => {
    clearTimeout(quietTimer);
    quietTimer = setTimeout(() => end(true), quietMs);
  };
  const run = async () => {
    const onState = (isOpen: boolean) => isOpen && hear();
    for await (const event of baton().follow({ batchId, lastEventId: 0, signal: stop.signal, onState })) {
      bundle.push(event);
      bundleTimer ??= setTimeout(flush, bundleMs);
      hear();
    }
  };
  run().catch((error: unknown) => end(!(error instanceof EventsDropped)));
  return () => {
    stop.abort();
    clearTimeout(bundleTimer);
    clearTimeout(quietTimer);
  };
}
