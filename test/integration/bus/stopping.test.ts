// Requests by NATS while one of two API processes stops: the other one answers them.
import { expect, it } from "vitest";
import type { Bus } from "#bus/client";
import { answerBatches } from "#bus/commands/create";
import { subjects } from "#bus/subjects";
import { until } from "#test/until";
import { log, openStand, openTestBus } from "./stand.ts";

it("leaves requests to others when it stops, and answers those that it has", async () => {
  const { nats, bus, nc } = await openStand();
  const gate = Promise.withResolvers<void>();
  const taken = { first: 0, second: 0 };
  const answer = (of: Bus, name: keyof typeof taken, ready?: Promise<void>) => {
    const act = async () => {
      taken[name]++;
      await ready;
      return { status: 201, headers: { "x-batch-id": name }, body: [] };
    };
    return answerBatches(of, { create: act, add: act, close: act }, log);
  };
  const ask = async () => {
    const answered = await nc.request(subjects.createBatch, "[]", { timeout: 5_000 });
    return answered.json<{ batch_id: string }>().batch_id;
  };
  const other = await openTestBus(nats.url);
  const stop = answer(bus, "first", gate.promise);
  answer(other, "second");
  await Promise.all([bus.nc.flush(), other.nc.flush()]);
  const before: Promise<string>[] = [];
  await until(() => {
    before.push(ask());
    return taken.first > 1;
  });
  let isStopped = false;
  const stopped = Promise.resolve(stop()).then(() => {
    isStopped = true;
  });
  // What NATS hands out from now on is for the other one.
  await bus.nc.flush();
  const upTo = taken.first;
  expect(new Set(await Promise.all(Array.from({ length: 20 }, ask)))).toEqual(new Set(["second"]));
  expect([taken.first, isStopped]).toEqual([upTo, false]);
  gate.resolve();
  await stopped;
  expect((await Promise.all(before)).filter((name) => name === "first")).toHaveLength(upTo);
});

it("stops at once while NATS is away", async () => {
  const { nats, bus } = await openStand();
  const act = () => Promise.reject(new Error("nobody asks"));
  const stop = answerBatches(bus, { create: act, add: act, close: act }, log);
  await nats.stop();
  await until(() => !bus.up);
  await stop();
});
