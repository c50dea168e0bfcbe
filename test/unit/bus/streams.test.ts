// When a consumer is made anew, by a server in memory and a clock of ours: at once where it is certain, at the second look
// where two answers may only not be of one moment, and after a while where nothing else is wrong but that nothing moves.
import { expect, it } from "vitest";
import { Streams } from "#bus/streams";
import { consumers, streams } from "#bus/subjects";
import { makeLogger } from "#telemetry/log";

const stream = streams.progress.name;
const second = 1_000;

interface Made {
  readonly config: { subjects: string[]; duplicate_window?: number };
  readonly created: string;
  state: { first_seq: number; last_seq: number; messages: number };
}

function rig() {
  let clock = Date.parse("2030-01-01T00:00:00Z");
  const there = new Map<string, Made>();
  const made: string[] = [];
  const purged: [string, number][] = [];
  const durable = { created: 0, num_pending: 0, num_ack_pending: 0, num_waiting: 1, delivered: { stream_seq: 0 } };
  const known = new Set<string>();
  const missing = (name: string) => Object.assign(new Error(name), { name });
  const manager = {
    streams: {
      info: async (name: string) => there.get(name) ?? Promise.reject(missing("StreamNotFoundError")),
      add: async (config: Made["config"] & { name: string }) => {
        const stream = {
          config: { ...config },
          created: new Date(clock++).toISOString(),
          state: { first_seq: 0, last_seq: 0, messages: 0 },
        };
        there.set(config.name, stream);
        return stream;
      },
      purge: async (name: string, { seq }: { seq: number }) => void purged.push([name, seq]),
      update: async (name: string, config: Made["config"]) => void Object.assign(there.get(name)?.config ?? {}, config),
    },
    consumers: {
      info: async (name: string) =>
        !known.has(name)
          ? Promise.reject(missing("ConsumerNotFoundError"))
          : name === stream
            ? { ...durable, created: String(durable.created) }
            : { created: "", num_pending: 0, num_ack_pending: 0, num_waiting: 0, delivered: { stream_seq: 0 } },
      delete: async (name: string) => known.delete(name),
      add: async (name: string) => {
        if (name === stream) durable.created++;
        known.add(name);
        made.push(name);
      },
    },
  };
  const one = new Streams(makeLogger({ logLevel: "silent" }, "test"));
  const look = (atSecs: number, by = one) => by.ensure(manager as never, atSecs * second);
  return { there, made, purged, durable, known, manager, look };
}

/** Everything is made, and the stream of counters holds these. */
async function standing(state: { first_seq: number; last_seq: number; messages: number }) {
  const all = rig();
  await all.look(0);
  all.made.length = 0;
  (all.there.get(stream) as Made).state = state;
  return all;
}

it("makes what is missing; a stream begins at the time of its making, and takes messages only then", async () => {
  const { there, made, purged, look, manager } = rig();
  const subjects: string[][] = [];
  const { purge } = manager.streams;
  manager.streams.purge = async (name, options) => {
    subjects.push(there.get(name)?.config.subjects ?? []);
    await purge(name, options);
  };
  await look(0);
  expect(made.sort()).toEqual(
    Object.values(consumers)
      .map((one) => one.stream)
      .sort(),
  );
  expect(subjects.flat().every((subject) => subject.startsWith("baton.making."))).toBe(true);
  for (const [name, seq] of purged) expect(seq).toBe(Date.parse(there.get(name)?.created ?? "") * 1_000);
  expect([...there].map(([name, { config }]) => [name, config.subjects])).toEqual(
    Object.values(streams).map(({ name, subjects }) => [name, subjects]),
  );
  await look(1);
  expect([made.length, purged.length]).toEqual([3, 5]);
});

it("finishes a stream that another process began to make, and gives one of an earlier version what is new", async () => {
  const { there, purged, look } = rig();
  await look(0);
  purged.length = 0;
  const begun = there.get(stream) as Made;
  begun.config.subjects = [`baton.making.${stream}.other`];
  const old = there.get(streams.commands.name) as Made;
  old.config.duplicate_window = 120e9;
  await look(1);
  expect(begun.config.subjects).toEqual(streams.progress.subjects);
  expect(old.config.duplicate_window).toBe(streams.commands.duplicate_window);
  expect(purged.map(([name]) => name)).toEqual([stream]);
});

it("leaves a stream alone that another process is making just now", async () => {
  const { there, purged, look, manager } = rig();
  await look(0);
  purged.length = 0;
  const begun = there.get(stream) as Made;
  begun.config.subjects = [`baton.making.${stream}.other`];
  const { info } = manager.streams;
  let looks = 0;
  manager.streams.info = async (name) => {
    if (name === stream && ++looks === 3) begun.config.subjects = [...(streams.progress.subjects ?? [])];
    return info(name);
  };
  await look(1);
  expect([purged, begun.config.subjects]).toEqual([[], streams.progress.subjects]);
});

it("notices at once a consumer that is ahead of its stream", async () => {
  const { made, durable, look } = await standing({ first_seq: 1, last_seq: 10, messages: 0 });
  durable.delivered.stream_seq = 11;
  await look(1);
  expect(made).toEqual([stream]);
});

it("notices at the second look messages that nobody has", async () => {
  const { made, durable, look } = await standing({ first_seq: 1, last_seq: 10, messages: 3 });
  durable.num_ack_pending = 2;
  expect(await look(1)).toBe(true);
  expect(made).toEqual([]);
  await look(2);
  expect(made).toEqual([stream]);
});

it("notices a first message that stays for ever, also where ghosts are counted as handed out; ever more rarely", async () => {
  const { made, durable, look } = await standing({ first_seq: 7, last_seq: 7, messages: 1 });
  durable.num_ack_pending = 1;
  const times: number[] = [];
  for (let at = 1; at < 200; at++) {
    await look(at);
    if (made.length > times.length) times.push(at);
  }
  expect(times).toEqual([17, 49, 111]);
});

it("leaves alone a consumer that moves, and one that nobody pulls from", async () => {
  const { there, made, durable, look } = await standing({ first_seq: 1, last_seq: 100, messages: 50 });
  durable.num_ack_pending = 50;
  for (let at = 1; at < 60; at++) {
    const { state } = there.get(stream) as Made;
    if (at % 10 === 0) state.first_seq++;
    await look(at);
  }
  durable.num_waiting = 0;
  for (let at = 60; at < 120; at++) await look(at);
  expect(made).toEqual([]);
});

it("throws what it does not understand", async () => {
  const { manager, look } = rig();
  manager.streams.info = () => Promise.reject(new Error("no answer"));
  await expect(look(0)).rejects.toThrow("no answer");
});
