// The publisher against a bus in memory: what is on its way decides what goes together, and a capacity is a capacity.
import { expect, it } from "vitest";
import type { Bus } from "#bus/client";
import { openPublisher } from "#bus/commands/publisher";
import { readPayload } from "#bus/counters/progress-message";
import { Unavailable } from "#domain/errors";
import { until } from "#test/until";

/** A stream that stores a message when the test says so. */
function rig(channelCapacity = 100) {
  const sent: { subject: string; body: string; stored: () => void; lost: (error: Error) => void }[] = [];
  const state = { up: true, lose: () => {} };
  const bus = {
    get up() {
      return state.up;
    },
    newInbox: () => "_INBOX_api.x",
    nc: { subscribe: () => {}, publish: () => {} },
    onLost: (callback: () => void) => {
      state.lose = callback;
      return () => {};
    },
    js: {
      publish: (subject: string, body: string) =>
        new Promise<void>((stored, lost) => sent.push({ subject, body, stored: () => stored(), lost })),
    },
  } as unknown as Bus;
  return { state, sent, bus, publisher: openPublisher(bus, { channelCapacity, decidable: () => true }) };
}
const command = (n: number) => ({ id: `c${n}`, verb: "succeed", target: "t", actor: "token" }) as const;
const update = (n: number) => ({ id: `u${n}`, task: "t", success: 1, failures: 0 });
const sizes = (sent: readonly { body: string }[]) =>
  sent.map(({ body }) => {
    const { commands, updates } = JSON.parse(body) as { commands?: unknown[]; updates?: unknown[] };
    return (commands ?? updates)?.length;
  });

it("sends what waits in one message when the last is stored, 128 at most", async () => {
  const { sent, publisher } = rig();
  void publisher.ask(command(0)).catch(() => {});
  await until(() => sent.length === 1);
  for (let n = 1; n <= 200; n++) void publisher.ask(command(n)).catch(() => {});
  sent[0]?.stored();
  await until(() => sent.length === 2);
  sent[1]?.stored();
  await until(() => sent.length === 3);
  expect(sizes(sent)).toEqual([1, 128, 72]);
});

it("puts no more into one message than a server takes, and a large command into one of its own", async () => {
  const { sent, publisher } = rig();
  const large = (n: number, chars: number) =>
    publisher.ask({ ...command(n), verb: "update", fields: { result: "é".repeat(chars) } }).catch(() => {});
  void publisher.ask(command(0)).catch(() => {});
  await until(() => sent.length === 1);
  for (let n = 1; n <= 5; n++) void large(n, 100_000);
  void large(6, 300_000);
  void large(7, 10);
  for (let n = 0; n < 5; n++) {
    await until(() => sent.length === n + 1);
    sent[n]?.stored();
  }
  expect(sizes(sent)).toEqual([1, 2, 2, 1, 1]);
});

it("fails those whose message is not stored, and goes on with the others", async () => {
  const { sent, publisher } = rig();
  const first = publisher.ask(command(0)).catch((error: unknown) => error);
  await until(() => sent.length === 1);
  void publisher.ask(command(1)).catch(() => {});
  sent[0]?.lost(new Error("no answer"));
  expect(await first).toBeInstanceOf(Unavailable);
  await until(() => sent.length === 2);
});

it("has never more updates on their way than its capacity", async () => {
  const { sent, publisher } = rig(3);
  let stored = 0;
  for (let n = 0; n < 8; n++) void publisher.progress(update(n)).then(() => stored++);
  for (const [messages, after] of [
    [1, 3],
    [2, 6],
    [3, 8],
  ] as const) {
    await until(() => sent.length === messages);
    sent[messages - 1]?.stored();
    await until(() => stored === after);
  }
  expect(sizes(sent)).toEqual([3, 3, 2]);
});

it("sends updates so that they are read as they were, under an id for each message", async () => {
  const { sent, publisher } = rig(2);
  const task = crypto.randomUUID();
  const updates = [
    { id: undefined, task, success: 1, failures: 0 },
    { id: `${task}:"\\,]\u{1f600}`, task, success: 0, failures: 2 ** 31 - 1 },
    { id: undefined, task, success: 7, failures: 8, attempt: 3, unseen: true },
    { id: "k", task, success: 0, failures: 0, attempt: 0 },
  ];
  for (const one of updates) void publisher.progress(one);
  await until(() => sent.length === 1);
  sent[0]?.stored();
  await until(() => sent.length === 2);
  const read = sent.map(({ body }) => readPayload(body));
  expect(read.flatMap((message) => message?.updates)).toEqual(updates.map((one) => ({ unseen: false, ...one })));
  const before = JSON.stringify({ id: task, updates: [[task, 1, 0]] });
  expect(readPayload(before)?.updates).toMatchObject([{ task, success: 1, failures: 0, unseen: false }]);
  expect(new Set(read.map((message) => message?.id)).size).toBe(2);
});

it("frees its capacity where an update could not be stored", async () => {
  const { sent, publisher } = rig(1);
  const lost = publisher.progress(update(0)).catch((error: unknown) => error);
  const next = publisher.progress(update(1));
  await until(() => sent.length === 1);
  sent[0]?.lost(new Error("full"));
  expect(await lost).toBeInstanceOf(Unavailable);
  await until(() => sent.length === 2);
  sent[1]?.stored();
  await next;
});

it("says at once that an update may not be stored where the connection is lost meanwhile, and where there is none", async () => {
  const { sent, publisher, state } = rig(1);
  const sending = (n: number) => publisher.progress(update(n)).catch((error: unknown) => error);
  const [first, second] = [sending(0), sending(1)];
  await until(() => sent.length === 1);
  state.up = false;
  state.lose();
  expect(await first).toBeInstanceOf(Unavailable);
  expect(await second).toBeInstanceOf(Unavailable);
  expect(sent.length).toBe(1);
  state.up = true;
  void sending(2);
  await until(() => sent.length === 2);
});
