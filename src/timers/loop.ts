// The one loop under all timers: runs `tick`, waits as long as it says, or until it is nudged. A fiber runs it: a tick that throws
// is logged and tried again after a pause, so nothing but `stop` ends the loop, and a tick under way is never interrupted.
// Its callers are plain async functions and see no Effect.
import * as Cause from "effect/Cause";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import * as Latch from "effect/Latch";
import * as Schedule from "effect/Schedule";
import { Unavailable } from "#domain/errors";
import type { Logger } from "#telemetry/log";
import { metrics, type SweepName } from "#telemetry/metrics";

export interface Loop {
  /** Ticks in a millisecond (and again, if it is ticking). */
  nudge(): void;
  /** Ticks in `ms` at the latest. */
  within(ms: number): void;
  stop(): Promise<void>;
}

/** So that what nudges many times leads to one tick, and none in the middle of its caller. */
const leastMs = 1;

export function loop(
  name: SweepName,
  log: Logger,
  tick: () => Promise<number>,
  failurePauseMs = 500,
  clock: Clock.Clock = Clock.Clock.defaultValue(),
): Loop {
  const nowMs = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6;
  /** Infinite while nothing has asked for the next tick. */
  let dueAt = Number.POSITIVE_INFINITY;
  const sooner = Latch.makeUnsafe();
  const untilDue = Effect.fnUntraced(function* (ms: number) {
    dueAt = Math.min(nowMs() + Math.max(ms, leastMs), dueAt);
    for (let leftMs = dueAt - nowMs(); leftMs > 0; leftMs = dueAt - nowMs()) {
      sooner.closeUnsafe();
      yield* Effect.raceFirst(Effect.sleep(leftMs), sooner.await);
    }
    dueAt = Number.POSITIVE_INFINITY;
  });
  // The delay itself could not become shorter while it lasts: so the wait comes before it, and nothing is left of it.
  const whenDue = Schedule.forever.pipe(
    Schedule.setInputType<number>(),
    Schedule.modifyDelay(({ input }) => Effect.as(untilDue(input), 0)),
  );
  const failed = (err: unknown) => {
    log[err instanceof Unavailable ? "debug" : "error"]({ err, loop: name }, "a sweep failed and comes again");
    return failurePauseMs;
  };
  const once = Effect.tryPromise({ try: tick, catch: (error) => error }).pipe(
    Effect.tap(() => Effect.sync(() => metrics.sweeps.add(1, name))),
    Effect.catchCause((cause) => Effect.sync(() => failed(Cause.squash(cause)))),
    Effect.uninterruptible,
  );
  const fiber = Effect.runFork(once.pipe(Effect.repeat(whenDue), Effect.provideService(Clock.Clock, clock)));
  const within = (ms: number) => {
    const at = nowMs() + Math.max(ms, leastMs);
    if (at >= dueAt) return;
    dueAt = at;
    sooner.openUnsafe();
  };
  return { nudge: () => within(0), within, stop: () => Effect.runPromise(Fiber.interrupt(fiber)) };
}
