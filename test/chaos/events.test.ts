// Every transition reaches those who listen, whatever dies meanwhile: the stream on NATS and HTTP have each once and in order.
// Compared with the table.
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { expect, onTestFinished, test } from "vitest";
import { type Cluster, type Member, startCluster } from "#test/cluster";
import { Crew, seeded } from "#test/dags";
import { startReceiver } from "#test/receiver";
import { ended, expectSound, feed } from "#test/rest";
import { until, within } from "#test/until";
import { connect as batonAt } from "../../src/sdk/client.ts";

/** What `baton.event.>` says to a plain subscriber while it is connected. */
async function listener(url: string): Promise<{ nc: NatsConnection; heard: string[] }> {
  const again = { maxReconnectAttempts: -1, reconnectTimeWait: 20, reconnectJitter: 0, pingInterval: 500 };
  const nc = await connect({ servers: url, ...again });
  onTestFinished(() => nc.close());
  const heard: string[] = [];
  nc.subscribe("baton.event.>", { callback: (_, message) => void heard.push(message.string()) });
  await nc.flush();
  return { nc, heard };
}

interface Kept {
  readonly subject: string;
  readonly text: string;
  readonly id: string | undefined;
}

/** What the stream holds, oldest first. */
async function keptIn(nc: NatsConnection): Promise<Kept[]> {
  const { state } = await (await jetstreamManager(nc)).streams.info("BATON_EVENTS");
  const consumer = await jetstream(nc).consumers.get("BATON_EVENTS", { filter_subjects: ["baton.event.>"] });
  const kept: Kept[] = [];
  if (state.messages === 0) return kept;
  for await (const message of await consumer.fetch({ max_messages: state.messages, expires: 5_000 }))
    kept.push({ subject: message.subject, text: message.string(), id: message.headers?.get("ce-id") });
  return kept;
}

/** The worker that publishes the events now. */
async function publisher(cluster: Cluster): Promise<Member> {
  const found = await until(async () => {
    const [row] = await cluster.sql<{ name: string }[]>`
      select p.name from event_relay r join process p on p.id = r.owner where r.until > now()`;
    return cluster.workers.find(({ alive, pid }) => alive && row?.name.endsWith(`:${pid}`));
  }, 15_000);
  return found as Member;
}

const eventsOf = async (cluster: Cluster) => {
  const rows = await cluster.sql`
    select id::int as id, task_id, batch_id, "from", "to", event, at, attempt, reason, actor from event order by id`;
  return rows.map((row) => ({ id: row.id as number, isMove: row.from !== row.to, text: JSON.stringify(row) }));
};

test("every transition is published though the worker that publishes is killed, NATS and an API process are away, and one drains", async () => {
  const random = seeded("events");
  const crew = new Crew();
  const service = await startReceiver();
  service.answer("*", crew.behaviour);
  const cluster = await startCluster({ workers: 2, apis: 2, env: { WORKER_CLAIM_TIMEOUT_SECS: "2" } });
  const { nc, heard } = await listener(cluster.nats.url);
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
  await cluster.kill(await publisher(cluster));
  await cluster.start("worker");
  await cluster.kill(second);
  await ended(cluster, 100);
  await cluster.restart(second);
  await cluster.nats.kill();
  await cluster.nats.start();
  await ended(cluster, 180);
  expect(await cluster.drain(await publisher(cluster))).toEqual({ code: 0, signal: null });
  await within(() => fed.done, 60_000);
  const mortal = new Set((await cluster.sql`select id from process`).map(({ id }) => `worker:${id}`));
  await expectSound(cluster, crew, { calls: service.calls, mortal }, fed.created);

  const all = await eventsOf(cluster);
  const moves = all.filter(({ isMove }) => isMove);
  expect(moves.length).toBeGreaterThan(2 * total);
  await until(async () => (await cluster.sql`select upto from event_relay`)[0]?.upto === `${all.at(-1)?.id}`, 20_000);
  // Within two minutes the stream knows what is repeated, so it has each once, in the order of the log.
  const kept = await keptIn(nc);
  expect(kept.map(({ text }) => text)).toEqual(moves.map(({ text }) => text));
  for (const { subject, text, id } of kept) {
    const event = JSON.parse(text) as { id: number; batch_id: string; task_id: string; to: string };
    expect([subject, id]).toEqual([`baton.event.${event.batch_id}.${event.task_id}.${event.to}`, `${event.id}`]);
  }
  // A plain subscriber hears nothing else.
  const texts = new Set(moves.map(({ text }) => text));
  expect(heard.filter((text) => !texts.has(text))).toEqual([]);
  expect(heard.length).toBeGreaterThan(0);

  await until(() => streams.every((got) => got.length >= all.length), 15_000, "the streams have all");
  over.abort();
  await Promise.all(following);
  for (const got of streams) expect(got).toEqual(all.map(({ text }) => text));
});
