// What is made, what is changed and what is left alone, by a server in memory and a clock of ours.
import { expect, it } from "vitest";
import { Streams } from "#bus/streams";
import { consumers, streams } from "#bus/subjects";
import { makeLogger } from "#telemetry/log";

const stream = streams.progress.name;
const second = 1_000;

interface Made {
  config: Record<string, unknown>;
  state: { first_seq: number; last_seq: number; messages: number };
}
interface Kept {
  config: Record<string, unknown>;
  created: number;
  num_waiting: number;
}

const missing = (name: string) => Object.assign(new Error(name), { name });
const refusal = (message: string) => Object.assign(new Error(message), { code: 10_052 });

function rig(replicas = 1) {
  const there = new Map<string, Made>();
  const kept = new Map<string, Kept>();
  const calls: string[] = [];
  let created = 0;
  let refuses: Error | null = null;
  const stream = (name: string) => there.get(name) ?? Promise.reject(missing("StreamNotFoundError"));
  const update = (of: { config: object } | undefined, config: object) => {
    if (refuses) throw refuses;
    Object.assign(of?.config ?? {}, config);
  };
  const manager = {
    streams: {
      info: async (name: string) => stream(name),
      add: async (config: { name: string }) => {
        calls.push(`add ${config.name}`);
        const made = { config: { ...config }, state: { first_seq: 0, last_seq: 0, messages: 0 } };
        there.set(config.name, made);
        return made;
      },
      update: async (name: string, config: object) => {
        calls.push(`update ${name}`);
        update(there.get(name), config);
      },
    },
    consumers: {
      info: async (of: string) => kept.get(of) ?? Promise.reject(missing("ConsumerNotFoundError")),
      delete: async (of: string) => kept.delete(of),
      add: async (of: string, config: object) => {
        calls.push(`add consumer of ${of}`);
        kept.set(of, { config: { ...config }, created: ++created, num_waiting: 1 });
      },
      update: async (of: string, _: string, config: object) => {
        calls.push(`update consumer of ${of}`);
        update(kept.get(of), config);
      },
    },
  };
  const lines: { level: string; msg: string; of?: string; why?: string; changes?: string[] }[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line));
  const open = (of = replicas) => new Streams(of, makeLogger({ logLevel: "info" }, "test", { write }));
  let one = open();
  return {
    ...{ there, kept, calls, lines, manager },
    look: (atSecs: number) => one.ensure(manager as never, atSecs * second),
    refuse: (error: Error | null) => {
      refuses = error;
    },
    restart: (of?: number) => {
      one = open(of);
      calls.length = 0;
    },
  };
}

/** Everything is made, and the stream of counters holds these. */
async function standing(state: Made["state"]) {
  const all = rig();
  await all.look(0);
  all.calls.length = 0;
  (all.there.get(stream) as Made).state = state;
  return all;
}

it("makes what is missing, once; a stream begins at the time of its making and has the replicas that are asked for", async () => {
  const { there, calls, look } = rig(3);
  const before = Date.now();
  await look(0);
  await look(1);
  expect(calls).toEqual([
    ...Object.values(streams).map(({ name }) => `add ${name}`),
    ...Object.values(consumers).map((one) => `add consumer of ${one.stream}`),
  ]);
  for (const { config } of there.values()) {
    expect(config).toMatchObject({ num_replicas: 3 });
    // Several servers refuse to write lazily.
    expect(config).not.toHaveProperty("persist_mode");
    expect(config.first_seq).toBeGreaterThanOrEqual(before * 1_000);
  }
});

it("gives streams and consumers of an earlier version their new settings, at the first look of a process", async () => {
  const { there, kept, calls, lines, look, restart } = rig();
  await look(0);
  const [old, consumer] = [there.get(stream) as Made, kept.get(stream) as Kept];
  old.config.max_bytes = 1;
  consumer.config.ack_wait = 1;
  await look(1);
  expect([old.config.max_bytes, consumer.config.ack_wait]).toEqual([1, 1]);
  restart(3);
  await look(2);
  expect(old.config).toMatchObject({ max_bytes: streams.progress.max_bytes, num_replicas: 3 });
  expect(consumer.config.ack_wait).toBe(consumers.progress.config.ack_wait);
  expect(calls).toEqual([
    ...Object.values(streams).map(({ name }) => `update ${name}`),
    `update consumer of ${stream}`,
  ]);
  const said = lines.find(({ of }) => of === stream)?.changes;
  expect(said).toEqual([`max_bytes: 1 → ${streams.progress.max_bytes}`, "num_replicas: 1 → 3"]);
  restart(3);
  await look(3);
  expect(calls).toEqual([]);
});

it("logs what the server refuses to change, once, goes on, and asks again", async () => {
  const { there, lines, look, refuse, restart } = rig();
  await look(0);
  const old = there.get(stream) as Made;
  old.config.retention = "limits";
  restart();
  refuse(refusal("stream configuration update can not change retention policy"));
  await look(1);
  await look(2);
  const errors = lines.filter(({ level }) => level === "error");
  expect(errors).toMatchObject([
    {
      ...{ of: stream, changes: ['retention: "limits" → "workqueue"'] },
      msg: expect.stringContaining("refuses"),
      why: "stream configuration update can not change retention policy",
    },
  ]);
  refuse(null);
  await look(3);
  expect(old.config.retention).toBe("workqueue");
});

it("throws when a change is not answered at all", async () => {
  const { there, look, refuse, restart } = rig();
  await look(0);
  (there.get(stream) as Made).config.max_bytes = 1;
  restart();
  refuse(new Error("no answer"));
  await expect(look(1)).rejects.toThrow("no answer");
});

it("notices a first message that stays for ever; each time in a row it takes longer", async () => {
  const { calls, look } = await standing({ first_seq: 7, last_seq: 7, messages: 1 });
  const times: number[] = [];
  for (let at = 1; at < 200; at++) {
    await look(at);
    if (calls.length > times.length) times.push(at);
  }
  expect(times).toEqual([17, 49, 111]);
  expect(new Set(calls)).toEqual(new Set([`add consumer of ${stream}`]));
});

it("leaves alone a consumer that moves, and one that no worker pulls from", async () => {
  const { there, kept, calls, look } = await standing({ first_seq: 1, last_seq: 100, messages: 50 });
  for (let at = 1; at < 60; at++) {
    if (at % 10 === 0) (there.get(stream) as Made).state.first_seq++;
    await look(at);
  }
  (kept.get(stream) as Kept).num_waiting = 0;
  for (let at = 60; at < 120; at++) await look(at);
  expect(calls).toEqual([]);
});

it("throws what it does not understand", async () => {
  const { manager, look } = rig();
  manager.streams.info = () => Promise.reject(new Error("no answer"));
  await expect(look(0)).rejects.toThrow("no answer");
});
