// One bad message, or messages that a killed nats-server brought back, must not hold up the others: counters go on, and
// time-outs, which wait for the news that would prevent them, still come.
import { randomBytes } from "node:crypto";
import { jetstream } from "@nats-io/jetstream";
import { connect, headers } from "@nats-io/transport-node";
import { expect, test } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { Crew, seeded } from "#test/dags";
import { startReceiver } from "#test/receiver";
import { awayFor, ended, feed } from "#test/rest";
import { until } from "#test/until";

const waitMs = 15_000;

/** A task that is silent and times out, and one that counts, both after `spoil`. */
async function expectGoesOn(cluster: Cluster, url: string, spoil: (task: string) => Promise<void>): Promise<void> {
  const on_start = { kind: "Webhook", params: { url, verb: "Post" } };
  const task = (id: string, timeout: number) => ({ id, name: id, kind: "k", priority: 1000, timeout, on_start });
  const { counting = "" } = await cluster.create([task("counting", 600)]);
  await until(async () => (await cluster.status(counting)) === "Running");
  await spoil(counting);
  expect((await cluster.call("PUT", `/task/${counting}`, { new_success: 7 })).status).toBe(202);
  await until(async () => Number((await cluster.row(counting)).success) >= 7, waitMs, "the update is counted");
  const { silent = "" } = await cluster.create([task("silent", 1)]);
  await until(async () => (await cluster.status(silent)) === "Failure", waitMs, "the time-out comes");
}

test("a malformed counter message stops neither counters nor time-outs", async () => {
  const service = await startReceiver();
  const cluster = await startCluster();
  await expectGoesOn(cluster, service.url, async () => {
    const nats = await connect({ servers: cluster.nats.url });
    const js = jetstream(nats);
    const id = "0190aaaa-0000-7000-8000-000000000001";
    const wrong = [["no-uuid", 1, 0], [id, "1", 0], null].map((update) => JSON.stringify({ id, updates: [update] }));
    for (const payload of ["garbage", "null", "{}", "[null]", ...wrong]) await js.publish("baton.progress", payload);
    await nats.close();
  });
});

test("a message id too long to be kept stops neither counters nor time-outs", async () => {
  const service = await startReceiver();
  const cluster = await startCluster();
  await expectGoesOn(cluster, service.url, async (id) => {
    const nats = await connect({ servers: cluster.nats.url });
    const js = jetstream(nats);
    for (const verb of ["progress", "update"]) {
      const long = headers();
      long.set("Nats-Msg-Id", randomBytes(6_000).toString("hex"));
      const body = verb === "progress" ? { new_success: 1 } : { priority: 3 };
      await js.publish(`baton.task.${id}.${verb}`, JSON.stringify(body), { headers: long });
    }
    await nats.close();
  });
});

test("time-outs come soon after NATS was killed under load", async () => {
  const random = seeded("time-outs after a crash");
  const [crew, service] = [new Crew(), await startReceiver()];
  service.answer("*", crew.behaviour);
  const cluster = await startCluster({ workers: 2 });
  const fed = feed(cluster, random, service, { size: 100, answerMs: 150, reportMs: 200, open: 400, total: 600 });
  await ended(cluster, 100);
  await awayFor(cluster.nats, 0, "kill");
  await ended(cluster, 250);
  await awayFor(cluster.nats, 0, "kill");
  const up = async () => (await cluster.call("GET", "/ready")).status === 200;
  await until(up);
  await expectGoesOn(cluster, `${service.url}/silent`, async () => {});
  await fed.done;
  crew.dismiss();
});
