// The one loop under all timers: it ticks when it is due, nudged or given a sooner time, survives what a tick
// throws, and stops without a tick left behind. Time is the test's own: it passes only where a test lets it.
import * as Effect from "effect/Effect";
import * as TestClock from "effect/testing/TestClock";
import { expect, it } from "vitest";
import { Unavailable } from "#domain/errors";
import type { Logger } from "#telemetry/log";
import { stays, within } from "#test/until";
import { type Loop, loop } from "#timers/loop";

const hour = 3_600_000;
const failurePauseMs = 400;

it("ticks at once, and again when it is nudged", () =>
  staged(async ({ open, ticks, pass }) => {
    const running = open(async () => hour);
    expect(ticks()).toBe(1);
    running.nudge();
    await pass(1);
    expect(ticks()).toBe(2);
  }));

it("ticks when the time has passed that the last tick said, and not sooner", () =>
  staged(async ({ open, ticks, pass }) => {
    open(async () => hour);
    await pass(hour - 1);
    expect(ticks()).toBe(1);
    await pass(1);
    expect(ticks()).toBe(2);
    await pass(3 * hour);
    expect(ticks()).toBe(5);
  }));

it("ticks for what is due sooner, never later because of what is due later", () =>
  staged(async ({ open, ticks, pass }) => {
    const running = open(async () => hour);
    await pass(1);
    running.within(60_000);
    running.within(20);
    running.within(50_000);
    await pass(19);
    expect(ticks()).toBe(1);
    await pass(1);
    expect(ticks()).toBe(2);
    await pass(hour - 1);
    expect(ticks()).toBe(2);
  }));

it("does not forget a nudge that comes while it ticks", () =>
  staged(async ({ open, ticks, pass }) => {
    let release = () => {};
    const running = open(async () => {
      if (ticks() === 1) await new Promise<void>((resolve) => (release = resolve));
      return hour;
    });
    running.nudge();
    await pass(hour);
    expect(ticks()).toBe(1);
    release();
    await pass(1);
    expect(ticks()).toBe(2);
  }));

it("goes on after a tick that throws, when the pause for failures has passed", () =>
  staged(async ({ open, ticks, pass, logged }) => {
    open(() => {
      if (ticks() === 1) throw new TypeError("not even a promise");
      return ticks() === 2 ? Promise.reject(new Unavailable("Postgres is away")) : Promise.resolve(hour);
    });
    await pass(failurePauseMs - 1);
    expect(ticks()).toBe(1);
    await pass(1);
    expect(ticks()).toBe(2);
    await pass(failurePauseMs);
    expect(ticks()).toBe(3);
    expect(logged).toEqual([
      ["error", "not even a promise"],
      ["debug", "Postgres is away"],
    ]);
  }));

it("is nudged out of the pause for failures", () =>
  staged(async ({ open, ticks, pass }) => {
    const running = open(() => (ticks() === 1 ? Promise.reject(new Error("not yet")) : Promise.resolve(hour)));
    await pass(1);
    running.nudge();
    await pass(1);
    expect(ticks()).toBe(2);
  }));

it("ticks once for many nudges, and not in the middle of the call that nudges it", () =>
  staged(async ({ open, ticks, pass }) => {
    const running = open(async () => hour);
    await pass(1);
    for (let nudges = 0; nudges < 5; nudges++) running.nudge();
    expect(ticks()).toBe(1);
    await pass(60_000);
    expect(ticks()).toBe(2);
  }));

it("rests after a nudge, until the next tick is due", () =>
  staged(async ({ open, ticks, pass, looks }) => {
    const running = open(async () => hour);
    running.nudge();
    await pass(1);
    expect(ticks()).toBe(2);
    const before = looks();
    await pass(1);
    expect(looks()).toBe(before);
  }));

it("leaves the process a millisecond between two ticks, whatever they say", () =>
  staged(async ({ open, ticks, pass }) => {
    open(async () => (ticks() < 50 ? 0 : hour));
    await pass(3);
    expect(ticks()).toBe(4);
  }));

it("waits for a tick under way when it is stopped, and ticks no more", () =>
  staged(async ({ open, ticks, pass }) => {
    let release = () => {};
    const running = open(async () => {
      await new Promise<void>((resolve) => (release = resolve));
      return 0;
    });
    await pass(1);
    let stopped = false;
    const stopping = running.stop().then(() => {
      stopped = true;
    });
    await stays(() => !stopped, 30);
    release();
    await within(() => stopping, 1_000);
    running.nudge();
    await pass(hour);
    expect(ticks()).toBe(1);
  }));

interface Stage {
  /** Counts the ticks of the one loop that it opens. */
  readonly open: (tick: () => Promise<number>) => Loop;
  readonly ticks: () => number;
  /** How often it looked at the clock. */
  readonly looks: () => number;
  readonly pass: (ms: number) => Promise<void>;
  /** The level and the error of each line. */
  readonly logged: readonly (readonly [string, string])[];
}

/** Plays with a clock that stands still, and stops the loop. */
const staged = (play: (stage: Stage) => Promise<void>): Promise<void> =>
  Effect.gen(function* () {
    const clock = yield* TestClock.make();
    const logged: (readonly [string, string])[] = [];
    const note =
      (level: string) =>
      ({ err }: { readonly err: Error }) =>
        logged.push([level, err.message]);
    const log = { error: note("error"), debug: note("debug") } as unknown as Logger;
    let looks = 0;
    const watched = {
      ...clock,
      monotonicTimeNanosUnsafe() {
        looks++;
        return clock.monotonicTimeNanosUnsafe();
      },
    };
    let ticks = 0;
    let running: Loop | undefined;
    const open = (tick: () => Promise<number>) => {
      const counted = () => {
        ticks++;
        return tick();
      };
      running = loop("due", log, counted, failurePauseMs, watched);
      return running;
    };
    // A tick ends in a microtask, and its loop waits from then on.
    const pass = async (ms: number) => {
      await settled();
      await Effect.runPromise(clock.adjust(ms));
      await settled();
    };
    yield* Effect.promise(() => play({ open, ticks: () => ticks, looks: () => looks, pass, logged }));
    yield* Effect.promise(() => within(() => running?.stop(), 1_000));
  }).pipe(Effect.scoped, Effect.runPromise);

const settled = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));
