// One stream of events for all who follow: of one batch where only that is followed, else of all. It goes on after the last
// event that it gave, also when what is followed changes, and hands events on in small bundles.
import { BatonRefused, connect, EventsDropped, type TaskEvent } from "../../../sdk/client.ts";

export type ToStream =
  | {
      readonly type: "follow";
      readonly url: string;
      readonly token: string | undefined;
      readonly topics: readonly string[];
    }
  | { readonly type: "leave" };

export type FromStream =
  | { readonly type: "events"; readonly events: readonly TaskEvent[] }
  | { readonly type: "state"; readonly state: "connecting" | "live" | "lost" }
  | { readonly type: "gap" }
  | { readonly type: "refused"; readonly status: number };

export interface Follower {
  send(message: FromStream): void;
}

type StreamState = Extract<FromStream, { type: "state" }>["state"];
type Follow = Extract<ToStream, { type: "follow" }>;

/** Nobody sees more often, and a page that gets thousands of events a second gets them together. */
const bundleMs = 60;

export class Streams {
  readonly #followers = new Map<Follower, Follow>();
  #running: { readonly key: string; readonly stop: AbortController } | undefined;
  #state: StreamState = "connecting";
  #bundle: TaskEvent[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  ask(follower: Follower, message: ToStream): void {
    this.#followers.delete(follower);
    if (message.type === "follow") {
      this.#followers.set(follower, message);
      follower.send({ type: "state", state: this.#state });
    }
    this.#update();
  }

  leave(follower: Follower): void {
    this.#followers.delete(follower);
    this.#update();
  }

  /** Begins the stream that is wanted now, unless one runs that covers it. */
  #update(): void {
    const all = [...this.#followers.values()];
    const topics = new Set(all.flatMap((one) => one.topics));
    const last = all.at(-1);
    if (last === undefined || topics.size === 0) {
      this.#running?.stop.abort();
      this.#running = undefined;
      return;
    }
    const batchId = topics.size === 1 && !topics.has("all") ? [...topics][0] : undefined;
    const keyOf = (topic: string) => JSON.stringify([last.url, last.token ?? "", topic]);
    const key = keyOf(batchId ?? "all");
    if (this.#running?.key === key || this.#running?.key === keyOf("all")) return;
    this.#running?.stop.abort();
    this.#running = { key, stop: new AbortController() };
    this.#setState("connecting");
    void this.#run(last, batchId, this.#running.stop);
  }

  async #run({ url, token }: Follow, batchId: string | undefined, { signal }: AbortController): Promise<void> {
    let last = 0;
    const onState = (isOpen: boolean) => {
      if (signal.aborted) return;
      this.#setState(isOpen ? "live" : "lost");
      // It begins now: what happened between the pages' questions and this moment they could not see.
      if (isOpen && last === 0) this.#tell({ type: "gap" });
    };
    const asked = { ...(batchId === undefined ? {} : { batchId }), signal, onState };
    try {
      for await (const event of connect(url, { token }).follow(asked)) {
        if (signal.aborted) return;
        last = event.id;
        this.#bundle.push(event);
        this.#timer ??= setTimeout(() => this.#flush(), bundleMs);
      }
    } catch (error) {
      if (signal.aborted) return;
      this.#running = undefined;
      if (error instanceof BatonRefused) return this.#tell({ type: "refused", status: error.status });
      // Retention has dropped what came next: the stream begins anew, and says so when it is open.
      if (error instanceof EventsDropped) this.#update();
    }
  }

  #flush(): void {
    this.#timer = undefined;
    const events = this.#bundle;
    this.#bundle = [];
    for (const [follower, { topics }] of this.#followers) {
      const mine = topics.includes("all") ? events : events.filter(({ batch_id }) => topics.includes(batch_id));
      if (mine.length > 0) follower.send({ type: "events", events: mine });
    }
  }

  #setState(state: StreamState): void {
    this.#state = state;
    this.#tell({ type: "state", state });
  }

  #tell(message: FromStream): void {
    for (const follower of this.#followers.keys()) follower.send(message);
  }
}
