// A stream of events that does what a test wants.
import type { EventStream, PublishedEvent } from "#bus/events";

/** A stream that stores, refuses, or stores without a word, and may lose what it stored. `removed`: messages that it held before. */
export function open(removed = 0) {
  const stream = {
    mode: "fine" as "fine" | "away" | "refusing" | "silent",
    stored: [] as PublishedEvent[],
    removed,
    knowsEnd: false,
    get up() {
      return stream.mode !== "away";
    },
    get sequence() {
      return 1_000 + stream.removed + stream.stored.length;
    },
    async end() {
      stream.knowsEnd = true;
      return { event: stream.stored.at(-1) ?? null, sequence: stream.sequence };
    },
    purge() {
      stream.removed += stream.stored.splice(0).length;
    },
    /** Dies, and has lost all but the first so many when it is back. */
    lose(all: number) {
      stream.stored.splice(all);
      stream.knowsEnd = false;
    },
    async publish(events: readonly PublishedEvent[]) {
      if (!stream.knowsEnd) throw new Error("the end is not known");
      if (events.length === 0) return stream.sequence;
      if (stream.mode === "refusing" || stream.mode === "away") throw new Error("not stored");
      stream.stored.push(...events);
      if (stream.mode !== "silent") return stream.sequence;
      stream.knowsEnd = false;
      throw new Error("no answer");
    },
    ids: () => stream.stored.map(({ id }) => id),
  };
  return stream satisfies EventStream;
}
