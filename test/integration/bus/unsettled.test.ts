// What the streams hold that is not settled, and whom it names. Whoever is asked for it knows no other message.
import { randomUUID } from "node:crypto";
import { expect, it } from "vitest";
import { unsettled } from "#bus/unsettled";
import { limits } from "#config";
import { until } from "#test/until";
import { openStand, takeAll } from "./stand.ts";

const update = (task: string) => ({ id: randomUUID(), updates: [[task, 0, 0]] });

it("names the tasks of messages of each kind, and when the newest was stored", async () => {
  const stand = await openStand();
  expect(await unsettled(stand.bus)).toEqual({ newest: new Map(), isPartial: false });
  const [byNats, byHttp, counting, batch] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
  await stand.publish(`baton.task.${byNats.toUpperCase()}.cancel`);
  const command = (verb: string, target: string) => ({ id: randomUUID(), verb, target });
  const commands = [command("update", byHttp), command("stop_batch", batch)];
  await stand.publish("baton.door", JSON.stringify({ inbox: "_INBOX.x", commands }));
  const before = Date.now();
  await stand.publish("baton.progress", JSON.stringify(update(counting)));
  await stand.publish("baton.progress", JSON.stringify(update(counting)));
  const found = await unsettled(stand.bus);
  expect(found?.isPartial).toBe(false);
  expect(new Set(found?.newest.keys())).toEqual(new Set([byNats, byHttp, batch, counting]));
  expect(found?.newest.get(byNats)).toBe(Number.POSITIVE_INFINITY);
  expect(found?.newest.get(counting)).toBeGreaterThanOrEqual(before - 1);
  expect(found?.newest.get(counting)).toBeLessThanOrEqual(Date.now() + 1);
});

it("names no task in what a stranger wrote there", async () => {
  const stand = await openStand();
  for (const payload of ["", "null", "{}", '{"commands":[null]}', '{"updates":1}']) {
    await stand.publish("baton.door", payload);
    await stand.publish("baton.progress", payload);
  }
  expect((await unsettled(stand.bus))?.isPartial).toBe(false);
});

it("says so where there is more than it reads, and forgets what is settled", async () => {
  const stand = await openStand();
  const more = limits.unsettledReadMax + 1;
  const task = randomUUID();
  await Promise.all(Array.from({ length: more }, () => stand.publish("baton.progress", JSON.stringify(update(task)))));
  expect((await unsettled(stand.bus))?.isPartial).toBe(true);
  await stand.publish(`baton.task.${task}.cancel`);
  takeAll(stand.bus, ({ command }) => ({ status: 200, id: command.target }));
  await until(async () => (await stand.count("BATON_COMMANDS")) === 0);
  expect((await unsettled(stand.bus))?.newest.get(task)).not.toBe(Number.POSITIVE_INFINITY);
});

it("is not known while NATS is away", async () => {
  const stand = await openStand();
  await stand.nats.stop();
  await until(() => !stand.bus.up);
  expect(await unsettled(stand.bus)).toBeNull();
});
