// Remembers which receivers this process called, and why the newest call to each that failed did, until that is noted for people.
// A call costs an entry of a map, and nothing else waits for it.
import type { CalledReceiver } from "#store/maintenance/receivers";
import type { Send } from "#webhook/send";

/** So many receivers are remembered between two notes; what is more is left out. */
const receiversMax = 10_000;
const errorCharsMax = 500;

export class Called {
  #ends = new Map<string, { endedAt: number; error: string | undefined }>();

  /** Calls, and remembers how it ended. */
  watching(send: Send): Send {
    return async (request, ...rest) => {
      const result = await send(request, ...rest);
      const { origin } = request;
      const known = this.#ends.get(origin);
      if (known === undefined && this.#ends.size >= receiversMax) return result;
      const error = result.ok ? known?.error : result.error?.slice(0, errorCharsMax);
      this.#ends.set(origin, { endedAt: performance.now(), error: error ?? undefined });
      return result;
    };
  }

  /** What there is since the last time. */
  take(): CalledReceiver[] {
    const now = performance.now();
    const taken = [...this.#ends].map(([receiver, { endedAt, error }]) => ({ receiver, agoMs: now - endedAt, error }));
    this.#ends = new Map();
    return taken;
  }
}
