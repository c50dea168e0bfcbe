// The wire for events against a connection that is played: what is said to have gone out, to have arrived, to be lost.
import { expect, it } from "vitest";
import type { Bus } from "#bus/client";
import { openEventWire, type ToldEvent } from "#bus/events";
import { limits } from "#config";
import { until } from "#test/until";

const event = {
  ...{ id: 7, task_id: "t", batch_id: "b", from: "Pending", to: "Claimed", event: "claim", at: new Date(0) },
  ...{ attempt: 0, reason: null, actor: "worker:1" },
} satisfies ToldEvent;

/** A connection whose pongs come when they are let. */
function play() {
  const published: [string, string][] = [];
  const statuses: ((status: { type: string }) => void)[] = [];
  const pongs: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const ready: (() => void)[] = [];
  const nc = {
    publish: (subject: string, payload: string) => void published.push([subject, payload]),
    flush: () => new Promise<void>((resolve, reject) => pongs.push({ resolve, reject })),
    async *status() {
      for (;;) yield await new Promise<{ type: string }>((resolve) => statuses.push(resolve));
    },
  };
  const bus = { nc, up: true, onReady: (callback: () => void) => void ready.push(callback) };
  const wire = openEventWire(bus as unknown as Bus);
  let losses = 0;
  wire.onLost(() => {
    losses++;
  });
  for (const callback of ready) callback();
  return { bus, wire, published, pongs, statuses, losses: () => losses };
}

it("publishes an event under its batch, task and state, as it is listed", () => {
  const { wire, published } = play();
  expect(wire.publish(event)).toBe(true);
  expect(published).toEqual([
    ["baton.event.b.t.Claimed", JSON.stringify({ ...event, at: "1970-01-01T00:00:00.000Z" })],
  ]);
});

it("hands nothing over while NATS is away, when it refuses, and beyond what may be on the way", async () => {
  const { bus, wire, published, pongs } = play();
  bus.up = false;
  expect([wire.publish(event), await wire.flush()]).toEqual([false, false]);
  bus.up = true;
  for (let i = 0; i < limits.eventsOnWayMax; i++) expect(wire.publish(event)).toBe(true);
  expect([wire.publish(event), published.length]).toEqual([false, limits.eventsOnWayMax]);
  for (const pong of pongs) pong.resolve();
  await until(() => wire.publish(event));
  bus.nc.publish = () => {
    throw new Error("draining");
  };
  expect(wire.publish(event)).toBe(false);
});

it("says that all has arrived only where the connection held from then till now", async () => {
  const { wire, pongs, statuses, losses } = play();
  wire.publish(event);
  const fine = wire.flush();
  pongs.shift()?.resolve();
  expect(await fine).toBe(true);
  const broken = wire.flush();
  pongs.shift()?.reject(new Error("disconnected"));
  expect(await broken).toBe(false);
  const between = wire.flush();
  statuses.shift()?.({ type: "disconnect" });
  await until(() => losses() === 1);
  pongs.shift()?.resolve();
  expect(await between).toBe(false);
});
