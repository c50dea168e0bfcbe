// Pulling from the queue group is the count of free slots: who has none pulls nothing, and whatever goes wrong with the notifications
// ends the listening for a moment only.
import { afterEach, expect, it } from "vitest";
import type { Bus } from "#bus/client";
import { ClaimNotifier, listenForClaims } from "#bus/notifications/claims";
import { subjects } from "#bus/subjects";
import { makeLogger } from "#telemetry/log";
import { stays, until } from "#test/until";

const log = makeLogger({ logLevel: "silent" }, "test");

/** Notifications that a test sends. Each pull waits for one. */
function rig() {
  const state = { up: true, free: true, pulls: 0, acked: 0, looks: 0, broken: false };
  const rings: ((rung: { ack(): void } | null) => void)[] = [];
  const consumer = {
    next: () => {
      state.pulls++;
      if (state.broken) return Promise.reject(new Error("the consumer is gone"));
      return new Promise((resolve) => rings.push(resolve));
    },
  };
  const get = () => (state.broken ? Promise.reject(new Error("the consumer is gone")) : Promise.resolve(consumer));
  const bus = {
    get up() {
      return state.up;
    },
    js: { consumers: { get } },
  } as unknown as Bus;
  const listening = listenForClaims({ bus, hasCapacity: () => state.free, look: () => state.looks++, log });
  const ring = async () => {
    (await until(() => rings.shift()))({ ack: () => void state.acked++ });
  };
  const hearNothing = async () => (await until(() => rings.shift()))(null);
  stops.push(() => {
    listening.stop();
    for (const answer of rings.splice(0)) answer(null);
  });
  return { state, ring, hearNothing, listening };
}
const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

it("looks once for each ring, and takes it off the queue", async () => {
  const { state, ring } = rig();
  for (let n = 1; n <= 3; n++) {
    await ring();
    await until(() => state.looks === n && state.acked === n);
  }
});

it("pulls nothing while no call slot is free, or NATS is away", async () => {
  for (const lacks of ["free", "up"] as const) {
    const { state, ring, listening } = rig();
    await until(() => state.pulls === 1);
    state[lacks] = false;
    await ring();
    await until(() => state.looks === 1);
    await stays(() => state.pulls === 1, 150);
    state[lacks] = true;
    await until(() => state.pulls === 2);
    listening.stop();
  }
});

it("does not look without a notification", async () => {
  const { state, hearNothing } = rig();
  await hearNothing();
  await until(() => state.pulls === 2);
  expect([state.looks, state.acked]).toEqual([0, 0]);
});

it("listens again after the consumer was gone", async () => {
  const { state, ring, hearNothing } = rig();
  await until(() => state.pulls === 1);
  state.broken = true;
  await hearNothing();
  await until(() => state.pulls === 2);
  state.broken = false;
  await ring();
  await until(() => state.looks === 1);
});

it("pulls no more when it is stopped", async () => {
  const { state, hearNothing, listening } = rig();
  await until(() => state.pulls === 1);
  listening.stop();
  await hearNothing();
  await stays(() => state.pulls === 1, 150);
});

it("a notification comes once more, however often it was asked for while one was on its way", async () => {
  const state = { up: true };
  const sent: { subject: string; stored: () => void; lost: (error: Error) => void }[] = [];
  const publish = (subject: string) =>
    new Promise<void>((stored, lost) => sent.push({ subject, stored: () => stored(), lost }));
  const bus = {
    get up() {
      return state.up;
    },
    js: { publish },
  } as unknown as Bus;
  const notifier = new ClaimNotifier(bus);
  for (let n = 0; n < 5; n++) notifier.notify();
  await until(() => sent.length === 1);
  for (let n = 0; n < 5; n++) notifier.notify();
  sent[0]?.stored();
  await until(() => sent.length === 2);
  sent[1]?.lost(new Error("nobody stored it"));
  state.up = false;
  notifier.notify();
  state.up = true;
  notifier.notify();
  await until(() => sent.length === 3);
  expect(sent.map(({ subject }) => subject)).toEqual(Array(3).fill(subjects.notifications));
});
