// The time by which works run: real, or that of a test.

export interface Clock {
  /** Calls `tick` every so many milliseconds until the function that it gives is called. */
  every(ms: number, tick: () => void): () => void;
  /** Resolves after so many milliseconds; rejects with the reason of the signal once that is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** A work has begun that has this signal; the function that it gives is called when the work has ended. */
  begin(signal: AbortSignal): () => void;
}

export const realClock: Clock = {
  every(ms, tick) {
    const timer = setInterval(tick, ms);
    return () => clearInterval(timer);
  },
  sleep,
  begin: () => () => {},
};

/** In real time. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
