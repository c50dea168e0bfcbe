// Events on a real server: each in its place of the stream, under the headers of CloudEvents, once however often it is published.
import { randomUUID } from "node:crypto";
import type { JsMsg } from "@nats-io/jetstream";
import { describe, expect, it } from "vitest";
import { nextEvent, openEventStream, type PublishedEvent } from "#bus/events";
import { limits } from "#config";
import { until } from "#test/until";
import { openStand, type Stand } from "./stand.ts";

const source = "https://baton.example.com";
let last = 0;
const event = (more: Partial<PublishedEvent> = {}): PublishedEvent => ({
  ...{ id: ++last, task_id: randomUUID(), batch_id: randomUUID(), from: "Pending", to: "Claimed", event: "claim" },
  ...{ at: new Date("2030-01-02T03:04:05.678Z"), attempt: 0, reason: null, actor: "worker:1", ...more },
});
const many = (n: number, more: Partial<PublishedEvent> = {}) => Array.from({ length: n }, () => event(more));
async function open() {
  const stand = await openStand();
  const stream = openEventStream(stand.bus, source);
  expect(await stream.end()).toMatchObject({ event: null });
  return { stand, stream };
}

/** What the stream holds, oldest first. */
async function stored(stand: Stand): Promise<JsMsg[]> {
  const { state } = await (await stand.bus.manager()).streams.info("BATON_EVENTS");
  const consumer = await stand.bus.js.consumers.get("BATON_EVENTS", { filter_subjects: ["baton.event.>"] });
  const found: JsMsg[] = [];
  if (state.messages === 0) return found;
  for await (const message of await consumer.fetch({ max_messages: state.messages, expires: 5_000 }))
    found.push(message);
  return found;
}
const keptOf = (one: PublishedEvent | undefined) => ({ id: one?.id, task_id: one?.task_id, at: one?.at });
const idsOf = (messages: readonly JsMsg[]) => messages.map((message) => message.json<{ id: number }>().id);

describe("an event", () => {
  it("has the headers of CloudEvents and its id as Nats-Msg-Id, alone and first, between and last among others", async () => {
    const { stand, stream } = await open();
    const at = new Date("2031-02-03T04:05:06.789Z");
    const sent = [event(), ...many(2), event({ to: "Success", reason: "größer", at })];
    await stream.publish(sent.slice(0, 1));
    await stream.publish(sent.slice(1));
    const names = ["Nats-Msg-Id", "ce-specversion", "ce-id", "ce-source", "ce-type", "ce-time"];
    const found = (await stored(stand)).map(({ headers }) => names.map((name) => headers?.get(name)));
    const rowOf = (id: number, type: string, time: string) => [`${id}`, "1.0", `${id}`, source, type, time];
    expect(found).toEqual([
      ...sent.slice(0, 3).map(({ id }) => rowOf(id, "baton.task.claimed", "2030-01-02T03:04:05.678Z")),
      rowOf(sent[3]?.id as number, "baton.task.success", "2031-02-03T04:05:06.789Z"),
    ]);
  });

  it("has its batch, task and new state in the subject, and is as GET /task/{id}/events lists it", async () => {
    const { stand, stream } = await open();
    const moved = event({ to: "Retrying", reason: "not yet" });
    await stream.publish([moved]);
    const [message] = await stored(stand);
    expect(message?.subject).toBe(`baton.event.${moved.batch_id}.${moved.task_id}.Retrying`);
    expect(message?.string()).toBe(JSON.stringify(moved));
  });
});

describe("the next event", () => {
  it("is heard once, by whoever asked before it was published and has not stopped", async () => {
    const { stand, stream } = await open();
    let [heard, stopped] = [0, 0];
    await nextEvent(stand.bus)(() => void heard++);
    const stop = await nextEvent(stand.bus)(() => void stopped++);
    stop?.();
    await stream.publish([event()]);
    await stream.publish([event()]);
    await stand.bus.nc.flush();
    expect([heard, stopped]).toEqual([1, 0]);
  });

  it("is not waited for while NATS is away", async () => {
    const stand = await openStand();
    await stand.bus.close();
    expect(await nextEvent(stand.bus)(() => {})).toBe(null);
  });
});

describe("many events", () => {
  it("are stored in their order, and reach a client that only listens", async () => {
    const { stand, stream } = await open();
    const heard: number[] = [];
    stand.nc.subscribe("baton.event.>", {
      callback: (_, message) => void heard.push(message.json<{ id: number }>().id),
    });
    await stand.nc.flush();
    const page = many(limits.eventPageRows);
    await stream.publish(page);
    const ids = page.map(({ id }) => id);
    expect(idsOf(await stored(stand))).toEqual(ids);
    await until(() => heard.length === ids.length);
    expect(heard).toEqual(ids);
  });

  it("are refused where another publisher was faster, and then go on after what it published", async () => {
    const { stand, stream } = await open();
    const other = openEventStream(stand.bus, source);
    const page = many(20);
    await stream.publish(page.slice(0, 7));
    expect((await other.end()).event).toEqual(keptOf(page[6]));
    await other.publish(page.slice(7, 12));
    await expect(stream.publish(page.slice(7, 10))).rejects.toThrow("wrong last sequence");
    await expect(stream.publish(page.slice(10))).rejects.toThrow("not known");
    expect([stream.knowsEnd, (await stream.end()).event, stream.knowsEnd]).toEqual([false, keptOf(page[11]), true]);
    await stream.publish(page.slice(12));
    expect(idsOf(await stored(stand))).toEqual(page.map(({ id }) => id));
  });

  it("are stored once where another publisher stored some of them, and one that the stream knows is refused", async () => {
    const { stand, stream } = await open();
    const other = openEventStream(stand.bus, source);
    await other.end();
    const page = many(20);
    await other.publish(page.slice(0, 12));
    await stream.publish(page);
    expect(idsOf(await stored(stand))).toEqual(page.map(({ id }) => id));
    await expect(stream.publish(page.slice(5, 6))).rejects.toThrow("already");
    expect((await stream.end()).event).toEqual(keptOf(page[19]));
  });

  it("none is stored after one that was lost on the way", async () => {
    const { stand, stream } = await open();
    const page = many(9);
    await stream.publish(page.slice(0, 3));
    const { nc } = stand.bus;
    const publish = nc.publish.bind(nc);
    let sent = 0;
    nc.publish = (...message) => (++sent === 3 ? undefined : publish(...message));
    await expect(stream.publish(page.slice(3))).rejects.toThrow("wrong last sequence");
    expect(idsOf(await stored(stand))).toEqual(page.slice(0, 5).map(({ id }) => id));
    expect((await stream.end()).event).toEqual(keptOf(page[4]));
    await stream.publish(page.slice(5));
    expect(idsOf(await stored(stand))).toEqual(page.map(({ id }) => id));
  });

  it("are stored, however long their reasons are", async () => {
    const { stand, stream } = await open();
    const page = many(40, { reason: "x".repeat(65_536) });
    await stream.publish(page);
    expect(idsOf(await stored(stand))).toEqual(page.map(({ id }) => id));
  });

  it("none is nothing", async () => {
    const { stand, stream } = await open();
    const { sequence } = await stream.end();
    expect(await stream.publish([])).toBe(sequence);
    expect(await stand.count("BATON_EVENTS")).toBe(0);
    expect(await stream.publish(many(3))).toBe(sequence + 3);
    expect((await stream.end()).sequence).toBe(sequence + 3);
  });
});

describe("what others publish there", () => {
  it("is no newest event, and the next event comes after it", async () => {
    const { stand, stream } = await open();
    await stand.publish("baton.event.something.else", "no JSON");
    expect(await stream.end()).toMatchObject({ event: null });
    await stream.publish(many(2));
    expect(await stand.count("BATON_EVENTS")).toBe(3);
  });

  // After six, the sequence is the one that the last of the page expects.
  it.each([
    [1, "sequence"],
    [3, "sequence"],
    [6, "msg ID"],
  ])("(%i messages) ends a page, and the rest of it comes after what was stored", async (foreign, wrong) => {
    const { stand, stream } = await open();
    const page = many(9);
    const { nc } = stand.bus;
    const publish = nc.publish.bind(nc);
    let sent = 0;
    nc.publish = (...message) => {
      if (++sent === 3) for (let n = 0; n < foreign; n++) publish("baton.event.something.else", "no JSON");
      publish(...message);
    };
    await expect(stream.publish(page)).rejects.toThrow(`wrong last ${wrong}`);
    expect((await stream.end()).event).toEqual(keptOf(page[1]));
    await stream.publish(page.slice(2));
    const events = (await stored(stand)).filter(({ subject }) => !subject.endsWith("something.else"));
    expect(idsOf(events)).toEqual(page.map(({ id }) => id));
  });
});

it("the end is not known after a lost connection, until it was asked for", async () => {
  const { stand, stream } = await open();
  const page = many(3);
  await stream.publish(page);
  await stand.nats.kill();
  await until(() => !stream.knowsEnd);
  await stand.nats.start();
  await until(() => stream.up);
  const { event: kept } = await stream.end();
  const rest = page.slice(kept === null ? 0 : page.findIndex(({ id }) => id === kept.id) + 1);
  await stream.publish(rest);
  await stream.publish(many(1));
  expect(idsOf(await stored(stand)).slice(0, 3)).toEqual(page.map(({ id }) => id));
}, 60_000);

it("what is not stored is said: NATS is away, or refuses", async () => {
  const { stand: other, stream } = await open();
  await (await other.bus.manager()).streams.update("BATON_EVENTS", { subjects: ["elsewhere"] });
  await expect(stream.publish(many(3))).rejects.toThrow();
  await expect(stream.publish(many(1))).rejects.toThrow();
  await other.nats.stop();
  await until(() => !stream.up);
  await expect(stream.publish(many(3))).rejects.toThrow();
}, 60_000);
