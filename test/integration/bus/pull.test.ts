// What a worker asks for and what becomes of it: nothing is pulled while there is no whenFree, and what was pulled is kept alive,
// so that no other worker gets it while it waits.
import { randomUUID } from "node:crypto";
import { expect, it, onTestFinished } from "vitest";
import { takeCommands } from "#bus/commands/commands";
import { subjects } from "#bus/subjects";
import { stays, until } from "#test/until";
import { log, openStand, openTestBus, type Stand } from "./stand.ts";

/** A worker that settles nothing, and takes more while it may. */
async function hold(stand: Stand, ids: string[], hasCapacity: () => boolean) {
  const bus = await openTestBus(stand.nats.url);
  const source = takeCommands(
    bus,
    {
      command: ({ command }) => void ids.push(command.target),
      delivery: () => {},
      progress: () => {},
      whenFree: () => until(hasCapacity, 60_000).then(() => {}),
      toPostgresMs: (ms) => ms,
    },
    log,
  );
  onTestFinished(async () => {
    source.close();
    await source.stop();
  });
}

it("many more messages than a worker takes: each goes to one worker, and none waits unseen past its ack time", async () => {
  const stand = await openStand();
  const sent = Array.from({ length: 400 }, () => randomUUID());
  for (const id of sent) await stand.publish(subjects.taskOf(id, "pause"));
  const [first, second]: [string[], string[]] = [[], []];
  await hold(stand, first, () => first.length === 0);
  await until(() => first.length > 0);
  const info = async () => (await stand.bus.manager()).consumers.info("BATON_COMMANDS", "actors");
  await until(async () => (await info()).num_ack_pending === first.length);
  // The ack time is 8 s: what the first one has is not given to another, and it has been given no more than it took.
  await hold(stand, second, () => true);
  await until(() => first.length + second.length === sent.length);
  await stays(async () => first.length + second.length === sent.length, 10_000);
  expect(new Set([...first, ...second]).size).toBe(sent.length);
  expect((await info()).num_redelivered).toBe(0);
  expect(first.length).toBeLessThan(100);
});
