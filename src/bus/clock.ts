// What time it is by the clock of NATS, which puts its time on every stored message.
import type { Bus } from "#bus/client";
import { streams } from "#bus/subjects";

/** In ms since 1970; null while NATS is away. A cluster answers with the clock of the server that leads the stream of commands. */
export async function timeOfNats(bus: Bus): Promise<number | null> {
  if (!bus.up) return null;
  const manager = await bus.manager();
  const { ts } = await manager.streams.info(streams.commands.name);
  return ts === undefined ? null : Date.parse(ts);
}
