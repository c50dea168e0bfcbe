// What comes by itself: one stream of events for all tabs of this browser, held by a shared worker, since a browser opens only six
// connections to a host. Where there are no shared workers a tab has a stream of its own while it is visible.
import { useEffect, useRef } from "react";
import type { TaskEvent } from "../../../sdk/client.ts";
import { root, token, whoami } from "../session.ts";
import { makeStore } from "../store.ts";
import { type FromStream, Streams, type ToStream } from "./streams.ts";

export type LiveState = "connecting" | "live" | "lost" | "refused";
export const liveState = makeStore<LiveState>("connecting");

/** Counts up whenever events may have been missed: what is on the screen is asked for again. */
export const gaps = makeStore(0);

export type Topic = string | "all";
type Listener = (events: readonly TaskEvent[]) => void;

/** How much this tab follows: where nothing is followed, nothing is said of the stream. */
export const followed = makeStore(0);

const listeners = new Map<number, { readonly topic: Topic; readonly listener: Listener }>();
let nextId = 1;
let post: ((message: ToStream) => void) | undefined;

function receive(message: FromStream): void {
  if (message.type === "state") {
    liveState.set(message.state);
    return;
  }
  if (message.type === "refused") {
    liveState.set("refused");
    if (message.status === 401) whoami.set(null);
    return;
  }
  if (message.type === "gap") {
    gaps.set(gaps.get() + 1);
    return;
  }
  for (const { topic, listener } of listeners.values()) {
    const mine = topic === "all" ? message.events : message.events.filter((event) => event.batch_id === topic);
    if (mine.length > 0) listener(mine);
  }
}

function open(): (message: ToStream) => void {
  if (typeof SharedWorker !== "undefined") {
    const worker = new SharedWorker(new URL("./stream-worker.ts", import.meta.url), { type: "module", name: "baton" });
    worker.port.onmessage = ({ data }: MessageEvent<FromStream>) => receive(data);
    worker.port.start();
    addEventListener("pagehide", () => worker.port.postMessage({ type: "leave" } satisfies ToStream));
    return (message) => worker.port.postMessage(message);
  }
  const streams = new Streams();
  const follower = { send: receive };
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") streams.leave(follower);
    else tell();
  });
  return (message) => streams.ask(follower, message);
}

/** Says what this tab follows. */
function tell(): void {
  post ??= open();
  followed.set(listeners.size);
  const topics = [...new Set([...listeners.values()].map(({ topic }) => topic))];
  post({ type: "follow", url: root.href.replace(/\/$/, ""), token: token(), topics });
}

/** A page that comes back from the browser's memory has left its streams. */
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) tell();
});

/** After the token has changed. */
export const reconnect = (): void => {
  liveState.set("connecting");
  tell();
};

function follow(topic: Topic, listener: Listener): () => void {
  const id = nextId++;
  listeners.set(id, { topic, listener });
  tell();
  return () => {
    listeners.delete(id);
    tell();
  };
}

/** Calls with events of a batch, or of all, a few times a second, also in a hidden tab. `undefined`: follows nothing. */
export function useLive(topic: Topic | undefined, listener: Listener): void {
  const latest = useRef(listener);
  useEffect(() => {
    latest.current = listener;
  });
  useEffect(() => (topic === undefined ? undefined : follow(topic, (events) => latest.current(events))), [topic]);
}
