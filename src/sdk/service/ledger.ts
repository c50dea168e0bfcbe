// Remembers which calls have come, by their keys, so that a repetition does nothing. Over a restart it remembers only what a ledger of the
// user's own has written down.

/** Where keys are written down. A table with the key as its primary key does: `insert … on conflict do nothing`. */
export interface Ledger {
  /** Writes the key down. True: it was not there, and the call is to be worked on. */
  take(key: string): boolean | Promise<boolean>;
  /** Takes the key away again: the call was refused after all, and its repetition is to be worked on. */
  release(key: string): void | Promise<void>;
}

const keysMax = 100_000;
/** Baton repeats nothing after a day. */
const keptMs = 24 * 3_600_000;

/** Keys of a day in memory, 100,000 at most. */
export function memoryLedger(): Ledger {
  const keys = new Map<string, number>();
  return {
    take(key) {
      const now = Date.now();
      for (const [old, at] of keys) {
        if (keys.size < keysMax && now - at < keptMs) break;
        keys.delete(old);
      }
      if (keys.has(key)) return false;
      keys.set(key, now);
      return true;
    },
    release: (key) => void keys.delete(key),
  };
}
