// Whoever listens hears of every transition, whatever dies meanwhile: on NATS at least once, over HTTP once and in order.
// Compared with the table.
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { expect, onTestFinished, test } from "vitest";
import { type Cluster, type Member, startCluster } from "#test/cluster";
import { Crew, seeded } from "#test/dags";
import { startReceiver } from "#test/receiver";
import { ended, expectSound, feed } from "#test/rest";
import { until, within } from "#test/until";
import { connect as batonAt } from "../../src/sdk/client.ts";

interface Told {
  readonly id: number;
  readonly text: string;
}

/** Hears `baton.event.>`, and is back before others when the server is. */
async function listener(url: string): Promise<{ nc: NatsConnection; heard: Told[]; wrong: string[] }> {
  const again = { maxReconnectAttempts: -1, reconnectTimeWait: 20, reconnectJitter: 0, pingInterval: 500 };
  const nc = await connect({ servers: url, ...again });
  onTestFinished(() => nc.close());
  const [heard, wrong]: [Told[], string[]] = [[], []];
  nc.subscribe("baton.event.>", {
    callback: (_, message) => {
      const event = message.json<{ id: number; batch_id: string; task_id: string; to: string }>();
      heard.push({ id: event.id, text: message.string() });
      const subject = `baton.event.${event.batch_id}.${event.task_id}.${event.to}`;
      if (message.subject !== subject) wrong.push(message.subject);
    },
  });
  await nc.flush();
  return { nc, heard, wrong };
}

const eventsOf = async (cluster: Cluster) => {
  const rows = await cluster.sql`
    select id::int as id, task_id, batch_id, "from", "to", event, at, attempt, reason, actor from event order by id`;
  return rows.map((row) => ({ id: row.id as number, isMove: row.from !== row.to, text: JSON.stringify(row) }));
};

test("every transition is told though a worker is killed, NATS and an API process are away, and a worker drains", async () => {
  const random = seeded("events");
  const crew = new Crew();
  const service = await startReceiver();
  service.answer("*", crew.behaviour);
  const cluster = await startCluster({ workers: 2, apis: 2, env: { WORKER_CLAIM_TIMEOUT_SECS: "2" } });
  const { heard, wrong } = await listener(cluster.nats.url);
  const over = new AbortController();
  const streams = [0, 1, 2].map(() => [] as string[]);
  const [, second] = cluster.members.filter(({ role }) => role === "api") as [Member, Member];
  const following = streams.map(async (got) => {
    for await (const event of batonAt(second.url).follow({ lastEventId: 0, signal: over.signal }))
      got.push(JSON.stringify(event));
  });
  const total = 300;
  const fed = feed(cluster, random, service, { size: 50, total, open: 100, answerMs: 20, reportMs: 40 });

  await ended(cluster, 40);
  const [dying, draining] = cluster.workers as [Member, Member];
  await cluster.kill(dying);
  await cluster.start("worker");
  await cluster.kill(second);
  await ended(cluster, 100);
  await cluster.restart(second);
  await cluster.nats.kill();
  await cluster.nats.start();
  await ended(cluster, 180);
  const left = heard.length;
  expect(await cluster.drain(draining)).toEqual({ code: 0, signal: null });
  await within(() => fed.done, 60_000);
  const mortal = new Set((await cluster.sql`select id from worker`).map(({ id }) => `worker:${id}`));
  await expectSound(cluster, crew, { calls: service.calls, mortal }, fed.created);

  const all = await eventsOf(cluster);
  const moves = all.filter(({ isMove }) => isMove);
  expect(moves.length).toBeGreaterThan(2 * total);
  const missing = () => {
    const ids = new Set(heard.map(({ id }) => id));
    return moves.filter(({ id }) => !ids.has(id)).length;
  };
  await until(() => missing() === 0, 20_000, "all transitions were told");
  expect(heard.length).toBeGreaterThan(left);
  const texts = new Map(all.map(({ id, text }) => [id, text]));
  expect(heard.filter(({ id, text }) => texts.get(id) !== text)).toEqual([]);
  const kept = new Set(all.filter(({ isMove }) => !isMove).map(({ id }) => id));
  expect([heard.filter(({ id }) => kept.has(id)), wrong]).toEqual([[], []]);
  // Who has gone owes nothing any more: the dead one's heirs have told the rest, the other one had told all.
  const owing = () => cluster.sql`select id from worker where told is not null and alive_until < now()`;
  await until(async () => (await owing()).length === 0, 15_000);

  await until(() => streams.every((got) => got.length >= all.length), 15_000, "the streams have all");
  over.abort();
  await Promise.all(following);
  for (const got of streams) expect(got).toEqual(all.map(({ text }) => text));
});
