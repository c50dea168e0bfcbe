// The shared worker: it holds the streams, and tells every tab what it follows. It knows no page and no DOM.
import { type Follower, Streams, type ToStream } from "./streams.ts";

const streams = new Streams();

// TypeScript's list of names for pages knows no shared worker.
const scope = globalThis as unknown as { onconnect: (event: MessageEvent) => void };
scope.onconnect = ({ ports: [port] }) => {
  if (port === undefined) return;
  const follower: Follower = { send: (message) => port.postMessage(message) };
  port.onmessage = ({ data }: MessageEvent<ToStream>) => streams.ask(follower, data);
  port.start();
};
