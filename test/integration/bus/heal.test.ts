// What somebody, or a crash of the server, may do to streams and consumers while commands flow: everything flows again
// within half a minute by itself, and what had been taken is settled once.
import { randomUUID } from "node:crypto";
import { AckPolicy, DeliverPolicy } from "@nats-io/jetstream";
import { expect, it } from "vitest";
import { openPublisher } from "#bus/commands/publisher";
import { takeProgress } from "#bus/counters/progress";
import { subjects } from "#bus/subjects";
import { until } from "#test/until";
import { done, log, openStand, openTestBus, type Stand, takeAll } from "./stand.ts";

const healMs = 30_000;
const command = () => ({ id: randomUUID(), verb: "pause", target: randomUUID(), actor: "token" }) as const;

/** Two workers and a publisher; `flows` resolves when so many commands in a row were answered. */
async function flowing(stand: Stand) {
  const takers = [takeAll(stand.bus, done), takeAll(await openTestBus(stand.nats.url), done)];
  const publisher = openPublisher(await openTestBus(stand.nats.url), { channelCapacity: 100, decidable: () => true });
  const flows = async (within: number) => {
    let inARow = 0;
    await until(
      async () => {
        inARow = (await publisher.ask(command()).then(
          () => true,
          () => false,
        ))
          ? inARow + 1
          : 0;
        return inARow >= 5;
      },
      within,
      "five commands in a row are answered",
    );
  };
  await flows(5_000);
  return { takers, publisher, flows };
}

it("a consumer that is deleted: is made anew, and nothing that was stored is lost", async () => {
  const stand = await openStand();
  const { flows, publisher } = await flowing(stand);
  const manager = await stand.bus.manager();
  const before = Array.from({ length: 20 }, () => publisher.ask(command()));
  await manager.consumers.delete("BATON_COMMANDS", "actors");
  expect((await Promise.all(before)).every(({ status }) => status === 200)).toBe(true);
  await flows(healMs);
  await until(async () => (await stand.count("BATON_COMMANDS")) === 0);
}, 60_000);

it("a stream that is deleted: is made anew, with its consumer, and commands flow again", async () => {
  const stand = await openStand();
  const { flows } = await flowing(stand);
  await (await stand.bus.manager()).streams.delete("BATON_COMMANDS");
  await flows(healMs);
  await until(async () => (await stand.count("BATON_COMMANDS")) === 0);
}, 60_000);

it("all streams at once: the same, for counters and notifications as well", async () => {
  const stand = await openStand();
  const { flows, publisher } = await flowing(stand);
  const counted: string[] = [];
  const source = takeProgress(
    stand.bus,
    ({ bundle, settle }) => {
      counted.push(bundle.id);
      settle();
    },
    async () => {},
    log,
  );
  const manager = await stand.bus.manager();
  for (const name of ["BATON_COMMANDS", "BATON_PROGRESS", "BATON_BELL", "BATON_DEAD", "BATON_WORK"])
    await manager.streams.delete(name);
  await flows(healMs);
  const id = randomUUID();
  await until(() => publisher.progress({ id, task: randomUUID(), success: 1, failures: 0 }).then(() => true), healMs);
  await until(() => counted.includes(id), healMs);
  for (const name of ["BATON_BELL", "BATON_DEAD", "BATON_WORK"])
    await until(async () => (await manager.streams.info(name)).config.name === name, healMs);
  source.close();
  await source.stop();
}, 90_000);

it("a server that is killed and started again: everything that was stored is still taken", async () => {
  const stand = await openStand();
  const taker = takeAll(stand.bus);
  const inboxes = await Promise.all(
    Array.from({ length: 10 }, async () => {
      const inbox = stand.inbox();
      await stand.publish(subjects.taskOf(randomUUID(), "pause"), "", { "Baton-Reply": inbox.subject });
      return inbox;
    }),
  );
  await until(() => taker.asked.length === 10);
  await stand.nats.kill();
  // Settled while the server is away: neither answer nor ack arrives.
  await until(() => !stand.bus.up);
  for (const one of taker.asked.splice(0)) one.settle(done(one));
  await stand.nats.start();
  // Whoever asked is back first: answers to nobody are lost, and what was answered does not come again.
  await until(() => stand.nc.flush().then(() => true));
  // They come again, to be answered from memory.
  await until(() => {
    for (const one of taker.asked.splice(0)) one.settle(done(one));
    return inboxes.every(({ got }) => got.length > 0);
  }, healMs);
  await until(async () => (await stand.count("BATON_COMMANDS")) === 0, healMs);
}, 90_000);

it("a consumer that is blind, with messages left that it will never deliver: is made anew", async () => {
  const stand = await openStand();
  const manager = await stand.bus.manager();
  await manager.consumers.delete("BATON_COMMANDS", "actors");
  await manager.consumers.add("BATON_COMMANDS", {
    ...{ durable_name: "actors", ack_policy: AckPolicy.Explicit, deliver_policy: DeliverPolicy.All },
    filter_subject: "baton.task.nobody.>",
  });
  const inbox = stand.inbox();
  await stand.publish(subjects.taskOf(randomUUID(), "pause"), "", { "Baton-Reply": inbox.subject });
  expect(await manager.consumers.info("BATON_COMMANDS", "actors")).toMatchObject({
    num_pending: 0,
    num_ack_pending: 0,
  });
  takeAll(stand.bus, done);
  await until(async () => {
    await stand.bus.ensure();
    return inbox.got.length > 0;
  }, healMs);
  expect(inbox.got).toMatchObject([{ status: 200 }]);
  expect((await manager.consumers.info("BATON_COMMANDS", "actors")).config.filter_subject ?? "").toBe("");
}, 60_000);

it("a consumer that sees everything is left alone, however often it is looked at while commands flow", async () => {
  const stand = await openStand();
  const { flows } = await flowing(stand);
  const manager = await stand.bus.manager();
  const made = async () => (await manager.consumers.info("BATON_COMMANDS", "actors")).created;
  const before = await made();
  let looks = 0;
  const looking = (async () => {
    for (; looks < 60; looks++) await stand.bus.ensure();
  })();
  while (looks < 60) await flows(10_000);
  await looking;
  expect(await made()).toBe(before);
}, 60_000);
