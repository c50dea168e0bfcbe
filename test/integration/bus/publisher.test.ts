// The publisher of the HTTP API: what comes together goes together, each caller gets the answer to its own command, and one that can get
// none gets an error: in time, and without a command left behind that nobody waits for.
import { randomUUID } from "node:crypto";
import { describe, expect, it, onTestFinished } from "vitest";
import { type CommandsMessage, openPublisher } from "#bus/commands/publisher";
import { subjects } from "#bus/subjects";
import type { ClientCommand } from "#domain/command";
import { Unavailable } from "#domain/errors";
import { stays, until, within } from "#test/until";
import { done, openStand, type Stand, takeAll } from "./stand.ts";

const publisherOf = ({ bus }: Stand, { channelCapacity = 100, decidable = (): boolean => true } = {}) =>
  openPublisher(bus, { channelCapacity, decidable });
const command = (more: Partial<ClientCommand> = {}): ClientCommand => ({
  ...{ id: randomUUID(), verb: "succeed", target: randomUUID(), actor: "token:ops" },
  ...more,
});
const many = (n: number) => Array.from({ length: n }, () => command());
const refused = (asked: Promise<unknown>) =>
  asked.then(
    () => null,
    (error: unknown) => error,
  );

describe("asking", () => {
  it("puts what one pass of the event loop brings into one message, and the rest into few", async () => {
    const stand = await openStand();
    const publisher = publisherOf(stand);
    const first = many(100).map((one) => refused(publisher.ask(one)));
    await until(async () => (await stand.count("BATON_COMMANDS")) === 1);
    const more = many(300).map((one) => refused(publisher.ask(one)));
    await until(async () => (await stand.count("BATON_COMMANDS")) === 4);
    await stays(async () => (await stand.count("BATON_COMMANDS")) === 4, 100);
    takeAll(stand.bus, done);
    expect(new Set(await within(() => Promise.all([...first, ...more]), 8_000))).toEqual(new Set([null]));
    await until(async () => (await stand.count("BATON_COMMANDS")) === 0);
  });

  it("gives each command its own answer, in whatever order they are decided; acks when the last one is", async () => {
    const stand = await openStand();
    const publisher = publisherOf(stand);
    const { asked, source } = takeAll(stand.bus);
    const commands = many(20);
    const answers = commands.map((one) => publisher.ask(one));
    await until(() => asked.length === 20);
    for (const [i, one] of asked.toReversed().entries()) {
      one.settle({ status: 200, id: one.command.target });
      if (i % 7 === 0) source.flush();
      if (i === 18) expect(await stand.count("BATON_COMMANDS")).toBe(1);
    }
    source.flush();
    expect((await Promise.all(answers)).map(({ id }) => id)).toEqual(commands.map(({ target }) => target));
    await until(async () => (await stand.count("BATON_COMMANDS")) === 0);
  });

  it("says after ten seconds that no answer came", async () => {
    const stand = await openStand();
    const began = performance.now();
    const error = await within(() => refused(publisherOf(stand).ask(command())), 12_000);
    expect(error).toBeInstanceOf(Unavailable);
    expect(performance.now() - began).toBeGreaterThan(9_900);
  });

  it("is refused at once while Postgres is away, and nothing is stored", async () => {
    const stand = await openStand();
    let up = false;
    const publisher = publisherOf(stand, { decidable: () => up });
    expect(await within(() => refused(publisher.ask(command())), 500)).toBeInstanceOf(Unavailable);
    await stays(async () => (await stand.count("BATON_COMMANDS")) === 0, 100);
    up = true;
    takeAll(stand.bus, done);
    expect(await within(() => publisher.ask(command()), 3_000)).toMatchObject({ status: 200 });
  });

  it("is refused while NATS is away, and goes on by itself when it is back", async () => {
    const stand = await openStand();
    const publisher = publisherOf(stand);
    takeAll(stand.bus, done);
    await stand.nats.kill();
    expect(await within(() => refused(publisher.ask(command())), 9_000)).toBeInstanceOf(Unavailable);
    await until(() => !publisher.up);
    expect(await within(() => refused(publisher.ask(command())), 200)).toBeInstanceOf(Unavailable);
    await stand.nats.start();
    await until(async () => (await refused(publisher.ask(command()))) === null, 25_000);
  });

  it("is refused soon where the stream is gone", async () => {
    const stand = await openStand();
    await (await stand.bus.manager()).streams.delete("BATON_COMMANDS");
    expect(await within(() => refused(publisherOf(stand).ask(command())), 6_000)).toBeInstanceOf(Unavailable);
  });

  it("goes on after nonsense in its inbox", async () => {
    const stand = await openStand();
    const publisher = publisherOf(stand);
    const answer = publisher.ask(command());
    const manager = await stand.bus.manager();
    await until(async () => (await stand.count("BATON_COMMANDS")) === 1);
    const stored = await manager.streams.getMessage("BATON_COMMANDS", { last_by_subj: subjects.apiCommands });
    const { inbox } = JSON.parse(new TextDecoder().decode(stored?.data)) as CommandsMessage;
    const thrown: unknown[] = [];
    const note = (error: unknown) => void thrown.push(error);
    process.on("unhandledRejection", note);
    onTestFinished(() => void process.off("unhandledRejection", note));
    for (const nonsense of ["", "{", "null", "7", "[1]", '[["x"]]', "[null]", '{"a":1}'])
      stand.nc.publish(inbox, nonsense);
    await stand.nc.flush();
    takeAll(stand.bus, done);
    expect(await within(() => answer, 8_000)).toMatchObject({ status: 200 });
    expect(thrown).toEqual([]);
  });
});

describe("counting", () => {
  const update = () => ({ id: randomUUID(), task: randomUUID(), success: 1, failures: 0 });

  it("resolves when the updates are stored, many in one message", async () => {
    const stand = await openStand();
    const publisher = publisherOf(stand);
    await within(() => Promise.all(Array.from({ length: 90 }, () => publisher.progress(update()))), 5_000);
    expect(await stand.count("BATON_PROGRESS")).toBe(1);
  });

  it("waits beyond the capacity, and drops nothing", async () => {
    const stand = await openStand();
    const publisher = publisherOf(stand, { channelCapacity: 3 });
    await stand.nats.freeze();
    let stored = 0;
    const all = Array.from({ length: 10 }, () => publisher.progress(update()).then(() => stored++));
    await stays(() => stored === 0, 200);
    stand.nats.thaw();
    await within(() => Promise.all(all), 8_000);
    // Three in the first, and in each after it.
    expect(await stand.count("BATON_PROGRESS")).toBe(4);
  });

  it("is refused where it cannot be stored", async () => {
    const stand = await openStand();
    const publisher = publisherOf(stand);
    await (await stand.bus.manager()).streams.delete("BATON_PROGRESS");
    expect(await within(() => refused(publisher.progress(update())), 6_000)).toBeInstanceOf(Unavailable);
  });
});
