// Until when everything that JetStream stored has been applied: messages leave the streams when they are settled, so the
// first that is left tells.
import { setTimeout as pause } from "node:timers/promises";
import type { Bus } from "#bus/client";
import { streams } from "#bus/subjects";
import { limits } from "#config";
import { Unavailable } from "#domain/errors";

/** As late as Postgres and JSON both spell with four digits. */
const endOfTime = Date.parse("9999-12-31T23:59:59Z");

/** Null while NATS is away: then news that would prevent a time-out may be on its way, and nothing is known. */
export async function appliedUntil(bus: Bus): Promise<Date | null> {
  if (!bus.up) return null;
  const manager = await bus.manager();
  const infos = await Promise.all([streams.commands, streams.progress].map(({ name }) => manager.streams.info(name)));
  const first = infos.filter(({ state }) => state.messages > 0).map(({ state }) => Date.parse(state.first_ts));
  return new Date(Math.min(...first, endOfTime));
}

const askEveryMs = 25;

/**
 * Gives a question: whether all counter updates that JetStream has stored by now are counted. True once they are, false when
 * that takes over `limits.counterLookMs`; fails with `Unavailable`. Those who ask while one is being answered share the next.
 */
export function progressApplied(bus: Bus): () => Promise<boolean> {
  let now: Promise<boolean> | null = null;
  let next: Promise<boolean> | null = null;
  const ask = (): Promise<boolean> => {
    now = waitForProgress(bus)
      .catch((error) => {
        throw new Unavailable("NATS cannot be reached", [], { cause: error });
      })
      .finally(() => {
        now = null;
      });
    return now;
  };
  const askNext = () => {
    next = null;
    return ask();
  };
  return () => {
    if (now === null) return ask();
    next ??= now.then(askNext, askNext);
    return next;
  };
}

async function waitForProgress(bus: Bus): Promise<boolean> {
  const manager = await bus.manager();
  const state = async () => (await manager.streams.info(streams.progress.name)).state;
  const end = performance.now() + limits.counterLookMs;
  const { last_seq: last } = await state();
  while (performance.now() < end) {
    const { messages, first_seq: first } = await state();
    if (messages === 0 || first > last) return true;
    await pause(askEveryMs);
  }
  return false;
}
