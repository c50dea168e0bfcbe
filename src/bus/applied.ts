// Until when everything that JetStream stored has been applied: messages leave the streams when they are settled, so the
// first that is left tells.
import type { Bus } from "#bus/client";
import { streams } from "#bus/subjects";

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
