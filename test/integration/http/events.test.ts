// The stream of events against the table: whatever order transactions end in, and however often a client comes back to
// whichever process, it has heard every event once, in the order of ids.
import { randomUUID } from "node:crypto";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { settled } from "#store/events/log";
import { seeded } from "#test/dags";
import { freshDatabase } from "#test/services";
import type { Heard } from "#test/sse";
import { stays, until, within } from "#test/until";
import { connect } from "../../../src/sdk/client.ts";
import { startProxy } from "../store/proxy.ts";
import { type Api, batches, begun, follow, idsOf, listen, makeBatch, type Open, openWriter } from "./log.ts";

let url: string;
let apis: [Api, Api];
beforeAll(async () => {
  url = await freshDatabase();
  apis = [await listen(url), await listen(url)];
  const sql = postgres(url, { max: 1 });
  for (const batch of batches) await makeBatch(sql, batch, 3);
  await sql.end();
});
afterAll(() => Promise.all(apis.map((api) => api.close())));

describe("transactions that end in another order than they drew their ids", () => {
  it.each(["commit", "rollback"] as const)("waits for the lower ids to %s", async (end) => {
    const writer = openWriter(url);
    const heard = await follow(apis[0]);
    const start = await begun(heard);
    const first = await writer.begin(2);
    await writer.write(3);
    const last = await writer.begin(1);
    await stays(() => heard.events.length === 0, 400, "nothing above what may still appear");
    await first[end]();
    // What is there without a gap need not wait for those who are still at it above.
    if (end === "commit") await until(() => heard.events.length === 5);
    await last.commit();
    const all = (await writer.ids()).filter((id) => id > start);
    expect(all).toHaveLength(end === "commit" ? 6 : 4);
    await until(() => heard.events.length === all.length);
    expect(idsOf(heard)).toEqual(all);
  });

  it("is not held up by a long transaction of another program", async () => {
    const writer = openWriter(url);
    const heard = await follow(apis[0]);
    await begun(heard);
    await writer.sql.begin(async (sql) => {
      await sql`create temp table somebody_elses (x int)`;
      await (await writer.begin(1)).rollback();
      await writer.write(1);
      await until(() => heard.events.length === 1, 5_000);
    });
    expect(idsOf(heard)).toEqual((await writer.ids()).slice(-1));
  });
});

describe("a stream that starts while a transaction is at it", () => {
  it("starts when that has ended: what it says it is after can be read, and the rest is heard", async () => {
    const writer = openWriter(url);
    const open = await writer.begin(1);
    let heard: Heard | undefined;
    const opening = follow(apis[0]).then((stream) => {
      heard = stream;
    });
    await stays(() => heard === undefined, 400, "no place that may still get something before it");
    // Others that come and go meanwhile do not make it wait.
    const later = await writer.begin(1);
    await open.commit();
    await opening;
    const start = await begun(heard as Heard);
    expect(await writer.ids()).toContain(start);
    await later.commit();
    await until(() => heard?.events.length === 1);
    expect(idsOf(heard as Heard)).toEqual([start + 1]);
  });

  it("is let go when it is not wanted any more, or its process ends", async () => {
    const going = await listen(url);
    const writer = openWriter(url);
    await writer.begin(1);
    expect(await settled(going.db, () => false)).toBeNull();
    const before = await going.connections();
    const answer = fetch(`${going.url}/events`);
    await until(async () => (await going.connections()) > before);
    await within(() => going.close(), 3_000);
    expect((await answer).status).toBe(503);
  });
});

it("gives an event as the listing of its task does", async () => {
  const writer = openWriter(url);
  const batch = randomUUID();
  await makeBatch(writer.sql, batch, 3);
  const heard = await follow(apis[1]);
  await begun(heard);
  await writer.write(1, batch, 'a "reason"');
  await until(() => heard.events.length === 1);
  expect(heard.events).toEqual(await (await fetch(`${apis[0].url}/task/${heard.events[0].task_id}/events`)).json());
  expect(heard.text).toMatch(/^retry: 1000\nid: \d+\n\nid: \d+\ndata: \{.*\}\n\n$/);
});

it("gives a batch's events only, from its beginning where that is asked for", async () => {
  const writer = openWriter(url);
  const batch = randomUUID();
  await makeBatch(writer.sql, batch, 3);
  for (const one of [batch, batches[0], batch, batches[1]]) await writer.write(2, one);
  const mine = await writer.ids(batch);
  const all = await follow(apis[0], `?batch_id=${batch.toUpperCase()}&last_event_id=0`);
  const part = await follow(apis[1], `?batch_id=${batch}&last_event_id=0`, mine[1]);
  await until(() => all.events.length === 4 && part.events.length === 2);
  await writer.write(1, batch);
  await writer.write(1, batches[1]);
  await until(() => all.events.length === 5 && part.events.length === 3);
  expect(idsOf(all)).toEqual(await writer.ids(batch));
  expect(idsOf(part)).toEqual((await writer.ids(batch)).slice(2));
});

it("catches up with a large batch through all that others wrote", async () => {
  const writer = openWriter(url);
  const batch = randomUUID();
  await makeBatch(writer.sql, batch, 3);
  // Read by ids and not by tasks, and further than one page reaches.
  await writer.sql`update batch set unfinished = unfinished + 100000 - total, total = 100000 where id = ${batch}`;
  await writer.write(2, batch);
  await writer.sql`select setval('event_id_seq', (select last_value + 120000 from event_id_seq))`;
  await writer.write(2, batches[0]);
  await writer.write(1, batch);
  const heard = await follow(apis[0], `?batch_id=${batch}&last_event_id=0`);
  await until(() => heard.events.length === 3);
  expect(idsOf(heard)).toEqual(await writer.ids(batch));
});

it("a hundred clients that come and go, over two processes: each has heard all, once, in order", async () => {
  const random = seeded("a hundred clients");
  const writer = openWriter(url);
  const [begin = 0] = (await writer.ids()).slice(-1);
  let writing = true;
  const write = async () => {
    const open: Open[] = [];
    for (let i = 0; i < 60; i++) {
      open.push(await writer.begin(1 + random.below(40), random.pick(batches)));
      if (open.length < 4) continue;
      const [one] = open.splice(random.below(open.length), 1) as [Open];
      await (random.chance(0.2) ? one.rollback() : one.commit());
    }
    for (const one of open) await one.commit();
    writing = false;
  };
  const client = async (n: number): Promise<number[]> => {
    const batch = n % 4 === 0 ? random.pick(batches) : undefined;
    const got: number[] = [];
    let last = begin;
    for (;;) {
      const heard = await follow(random.pick(apis), batch === undefined ? "" : `?batch_id=${batch}`, last);
      const enough = 1 + random.below(300);
      await until(async () => {
        if (writing) return heard.events.length >= enough;
        return got.length + heard.events.length === (await all).filter((e) => matches(e, batch)).length;
      }, 20_000);
      heard.close();
      await heard.over;
      got.push(...idsOf(heard));
      last = heard.lastId ?? last;
      if (!writing && got.length === (await all).filter((e) => matches(e, batch)).length) return got;
    }
  };
  const matches = (event: { id: number; batch: string }, batch?: string) =>
    event.id > begin && (batch === undefined || event.batch === batch);
  const written = write();
  const all = written.then(
    () => writer.sql<{ id: number; batch: string }[]>`select id, batch_id as batch from event order by id`,
  );
  const heard = await Promise.all(Array.from({ length: 100 }, (_, n) => client(n)));
  await written;
  const rows = await all;
  const lists = [undefined, ...batches].map((batch) =>
    JSON.stringify(rows.filter((row) => matches(row, batch)).map(({ id }) => id)),
  );
  expect(rows.length).toBeGreaterThan(500);
  for (const got of heard) expect(lists).toContain(JSON.stringify(got));
});

it("stays open while Postgres is away, and goes on", async () => {
  const line = await startProxy(Number(new URL(url).port));
  const far = new URL(url);
  far.port = String(line.port);
  const api = await listen(far.href);
  onTestFinished(async () => {
    await api.close();
    await line.close();
  });
  const writer = openWriter(url);
  const heard = await follow(api);
  const start = await begun(heard);
  await writer.write(1);
  await until(() => heard.events.length === 1);
  line.mode = "refuse";
  line.cut();
  await until(async () => (await fetch(`${api.url}/events`)).status === 503);
  await writer.write(1);
  line.mode = "pass";
  await until(() => heard.events.length === 2);
  expect(idsOf(heard)).toEqual((await writer.ids()).filter((id) => id > start));
  expect(heard.isOpen).toBe(true);
});

it("the client of the SDK comes back by itself after the process it was at has gone", async () => {
  const writer = openWriter(url);
  const going = await listen(url);
  const [begin = 0] = (await writer.ids()).slice(-1);
  const over = new AbortController();
  const got: number[] = [];
  const port = Number(new URL(going.url).port);
  const listening = (async () => {
    for await (const { id } of connect(going.url).follow({ lastEventId: begin, signal: over.signal })) got.push(id);
  })();
  await writer.write(2);
  await until(() => got.length === 2);
  await going.close();
  await writer.write(2);
  const again = await listen(url, {}, port);
  onTestFinished(() => again.close());
  await until(() => got.length === 4);
  over.abort();
  await listening;
  expect(got).toEqual((await writer.ids()).filter((id) => id > begin));
});
