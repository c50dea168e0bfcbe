// Streams that lose what they held, while messages of theirs are in hand: numbers are given out again, and still nothing
// that is stored from then on is acked away by somebody who speaks of an older one. What clients repeat until it is counted
// is counted once, whatever became of the stream.
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { Counters } from "#actor/counters/counters";
import type { Bus } from "#bus/client";
import { type CommandPublisher, openPublisher } from "#bus/commands/publisher";
import { type Brought, takeProgress } from "#bus/counters/progress";
import type { Progress } from "#domain/command";
import type { Db } from "#store/pg/pool";
import { until } from "#test/until";
import { create, openStage } from "../actor/stage.ts";
import { done, log, openStand, openTestBus, type Stand, takeAll } from "./stand.ts";

const healMs = 30_000;
const name = "BATON_PROGRESS";
const stores = ({ nats }: Stand) => join(nats.dir, "jetstream", "$G", "streams");

let made = 0;
const update = (task: string = crypto.randomUUID()) => ({ id: `u${made++}`, task, success: 1, failures: 0 });
const many = (n: number) => Array.from({ length: n }, () => update());
/** Stored, however often that takes. */
const insist = (publisher: CommandPublisher, one: Progress) =>
  until(() => publisher.progress(one).then(() => true), healMs, "it is stored");

/** Takes updates and holds them until the test lets go. */
function hold(bus: Bus) {
  const ids: string[] = [];
  let settles: (() => void)[] | null = [];
  const source = takeProgress(
    bus,
    ({ bundle, settle }) => {
      ids.push(bundle.id);
      if (settles === null) settle();
      else settles.push(settle);
    },
    async () => {},
    log,
  );
  onTestFinished(async () => {
    source.close();
    await source.stop();
  });
  const letGo = () => {
    for (const settled of settles ?? []) settled();
    settles = null;
  };
  return { ids, letGo, stop: () => source.stop() };
}

/** Loses what the stream holds; resolves when it takes messages again. */
type Loss = (stand: Stand) => Promise<void>;
const isBack = async ({ bus }: Stand) => void (await until(() => bus.up, healMs));

const deleted: Loss = async (stand) => {
  await (await stand.bus.manager()).streams.delete(name);
};
const emptied: Loss = async (stand) => {
  await stand.nats.kill();
  rmSync(stores(stand), { recursive: true });
  await until(() => !stand.bus.up);
  await stand.nats.start();
  await isBack(stand);
};
/** The end of the stream as it was is put back after a crash, as a power cut does it. */
async function rollingBack(stand: Stand): Promise<Loss> {
  const [there, kept] = [join(stores(stand), name, "msgs"), join(stand.nats.dir, "kept")];
  cpSync(there, kept, { recursive: true });
  return async () => {
    await stand.nats.kill();
    rmSync(there, { recursive: true });
    cpSync(kept, there, { recursive: true });
    await until(() => !stand.bus.up);
    await stand.nats.start();
    await isBack(stand);
  };
}
const losses: [string, (stand: Stand) => Promise<Loss>][] = [
  ["deleted", async () => deleted],
  ["rolled back", rollingBack],
  ["emptied", async () => emptied],
];

it.each(losses)(
  "a stream that is %s: whoever acks what it held takes nothing else away",
  async (_, prepare) => {
    const stand = await openStand();
    const publisher = openPublisher(stand.bus, { channelCapacity: 1, decidable: () => true });
    const lose = await prepare(stand);
    const bus = await openTestBus(stand.nats.url);
    const taken = hold(bus);
    const before = many(20);
    await Promise.all(before.map((one) => publisher.progress(one)));
    await until(() => before.every(({ id }) => taken.ids.includes(id)));
    await taken.stop();
    await lose(stand);
    await until(() => bus.up, healMs);
    const after = many(20);
    await Promise.all(after.map((one) => insist(publisher, one)));
    // As many messages as were held before, under the same numbers where the server counts from there again.
    taken.letGo();
    const other = hold(await openTestBus(stand.nats.url));
    other.letGo();
    await until(() => after.every(({ id }) => other.ids.includes(id)), healMs);
  },
  60_000,
);

/** What two workers do with counters, and with commands. */
async function work(stand: Stand, db: Db) {
  for (let n = 0; n < 2; n++) {
    const bus = await openTestBus(stand.nats.url);
    takeAll(bus, done);
    const counters = new Counters({ db, flushMs: 5, log, signaled: () => {}, armed: () => {}, deadLetter: () => {} });
    const put = (brought: Brought) => counters.put({ ...brought, storedAt: null, acceptedMs: Date.now() });
    const source = takeProgress(bus, put, async () => {}, log);
    onTestFinished(async () => {
      source.close();
      await source.stop();
      await counters.idle();
    });
  }
}

it.each(losses)(
  "under load, a stream that is %s: heals, and what is repeated counts once",
  async (_, prepare) => {
    const { db } = await openStage();
    const { ids } = await create(db, [{}, {}, {}]);
    const stand = await openStand();
    await work(stand, db);
    const publisherBus = await openTestBus(stand.nats.url);
    const publisher = openPublisher(publisherBus, { channelCapacity: 100, decidable: () => true });
    const sent: ReturnType<typeof update>[] = [];
    let isOver = false;
    const client = async (n: number) => {
      while (!isOver) {
        const one = update(ids[(n + sent.length) % ids.length]);
        sent.push(one);
        await insist(publisher, one);
      }
    };
    const clients = Promise.all(Array.from({ length: 10 }, (_, n) => client(n)));
    const counted = async () => {
      const rows = await db.use((sql) => sql<{ id: string }[]>`select id from counter_update`);
      return new Set(rows.map(({ id }) => id));
    };
    const grow = async (by: number) => {
      const goal = (await counted()).size + by;
      await until(async () => (await counted()).size >= goal, healMs, "updates are counted");
    };
    await grow(300);
    const lose = await prepare(stand);
    await grow(300);
    await lose(stand);
    await grow(500);
    isOver = true;
    await clients;
    const answer = () =>
      publisher.ask({ id: crypto.randomUUID(), verb: "pause", target: crypto.randomUUID(), actor: "token" });
    await until(() => answer().then(({ status }) => status === 200), healMs, "a command is answered");
    await until(async () => {
      const there = await counted();
      const missing = sent.filter(({ id }) => !there.has(id));
      await Promise.all(missing.map((one) => publisher.progress(one)));
      return missing.length === 0;
    }, healMs);
    const [sum] = await db.use((sql) => sql<{ n: number }[]>`select sum(success)::int as n from task`);
    expect(sum?.n).toBe(sent.length);
  },
  90_000,
);
