// Settings of streams and consumers that exist, on a real server: a process that starts brings those of its version, and what
// the server refuses stops nobody.
import { expect, it, onTestFinished } from "vitest";
import { openBus } from "#bus/client";
import { openPublisher } from "#bus/commands/publisher";
import { consumers, streams, subjects } from "#bus/subjects";
import { makeLogger } from "#telemetry/log";
import { until } from "#test/until";
import { done, openStand, takeAll } from "./stand.ts";

const { name } = streams.commands;

/** Another process that starts on the same server; `lines` is its log. */
async function start(natsUrl: string, natsReplicas: 1 | 3 | 5 = 1) {
  const lines: { level: string; of?: string; why?: string; changes?: string[] }[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line));
  const config = { natsUrl, natsReplicas, roles: new Set<"worker">(["worker"]) };
  const bus = openBus(config, "test", makeLogger({ logLevel: "info" }, "test", { write }));
  onTestFinished(() => bus.close());
  return { bus, lines };
}

it("a stream and a consumer of an earlier version have the new settings once a process has started, and keep their messages", async () => {
  const stand = await openStand();
  const manager = await stand.bus.manager();
  await stand.publish(subjects.taskOf(crypto.randomUUID(), "pause"));
  const { config } = await manager.streams.info(name);
  await manager.streams.update(name, { ...config, max_bytes: 1_000_000, duplicate_window: 120e9 });
  await manager.consumers.update(name, "actors", { max_ack_pending: 7, ack_wait: 60e9 });
  const { bus, lines } = await start(stand.nats.url);
  await until(() => bus.up);
  const [stream, consumer] = [await manager.streams.info(name), await manager.consumers.info(name, "actors")];
  expect(stream.config).toMatchObject({
    max_bytes: streams.commands.max_bytes,
    duplicate_window: streams.commands.duplicate_window,
  });
  expect(consumer.config).toMatchObject({
    max_ack_pending: consumers.commands.config.max_ack_pending,
    ack_wait: consumers.commands.config.ack_wait,
  });
  expect(stream.state.messages).toBe(1);
  expect(lines.find(({ of }) => of === name)?.changes).toHaveLength(2);
});

it("a single server writes the copy of the log lazily, and everything else at once", async () => {
  const stand = await openStand();
  const manager = await stand.bus.manager();
  const modes = new Map<string, string | undefined>();
  for await (const { config } of manager.streams.list()) modes.set(config.name, config.persist_mode);
  expect(modes.get(streams.events.name)).toBe("async");
  modes.delete(streams.events.name);
  expect([...new Set(modes.values())].filter((mode) => mode !== undefined && mode !== "default")).toEqual([]);
  expect(modes.size).toBe(Object.keys(streams).length - 1);
});

it("a change that the server refuses is logged with its reason, and commands flow all the same", async () => {
  const stand = await openStand();
  const { bus, lines } = await start(stand.nats.url, 3);
  await until(() => bus.up);
  await bus.ensure();
  const refused = lines.filter(({ level, of }) => level === "error" && of === name);
  expect(refused).toMatchObject([{ changes: ["num_replicas: 1 → 3"], why: expect.stringMatching(/replicas/) }]);
  takeAll(bus, done);
  const publisher = openPublisher(stand.bus, { channelCapacity: 1, decidable: () => true });
  const target = crypto.randomUUID();
  expect(await publisher.ask({ id: crypto.randomUUID(), verb: "pause", target, actor: "token" })).toMatchObject({
    status: 200,
  });
});

it("a stream that has yet to be made as it is asked for keeps the process from being ready", async () => {
  const stand = await openStand();
  await (await stand.bus.manager()).streams.delete("BATON_WORK");
  const { bus, lines } = await start(stand.nats.url, 5);
  await until(() => lines.some(({ level }) => level === "warn"));
  expect(bus.up || JSON.stringify(lines)).toMatch(/replicas/);
});
