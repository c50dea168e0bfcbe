// What clients ask is taken until it is stopped, or closed where the worker did not open whole.
import { expect, it, vi } from "vitest";
import { openIntake } from "#roles/intake";

const said = vi.hoisted(() => [] as string[]);
vi.mock("#bus/commands/commands", () => ({ takeCommands: () => source("commands") }));
const puts = vi.hoisted(() => [] as ((stored: object) => void)[]);
vi.mock("#bus/counters/progress", () => ({
  takeProgress: (_: unknown, put: (stored: object) => void) => {
    puts.push(put);
    return source("counters");
  },
}));
const counted = vi.hoisted(() => [] as object[]);
vi.mock("#actor/counters/counters", () => ({
  Counters: class {
    put = (item: object) => void counted.push(item);
  },
}));
vi.mock("#bus/dead", () => ({ takeDeadLetters: () => source("dead letters") }));

const source = (what: string) => ({
  stop: async () => void said.push(`stop ${what}`),
  flush: () => void said.push(`flush ${what}`),
  close: () => void said.push(`close ${what}`),
});

it("stops taking when it is closed, if it was not stopped before", async () => {
  const stops = ["stop commands", "stop counters", "stop dead letters"];
  const closes = ["flush commands", "close commands", "close counters", "close dead letters"];
  const open = () => openIntake({ config: {} } as never, { skew: {} } as never);
  open().close();
  expect(said.splice(0)).toEqual([...stops, ...closes]);
  const stopped = open();
  await stopped.stop();
  stopped.close();
  expect(said).toEqual([...stops, ...closes]);
});

it("lets an update whose task was not looked at count by the time at which it was stored", () => {
  openIntake({ config: {} } as never, { skew: { toPostgresMs: (ms: number) => ms + 5 } } as never).close();
  for (const unseen of [true, false]) puts.at(-1)?.({ update: { unseen }, storedMs: 10 });
  expect(counted).toMatchObject([
    { storedAt: 15, acceptedMs: 15 },
    { storedAt: null, acceptedMs: 15 },
  ]);
});
