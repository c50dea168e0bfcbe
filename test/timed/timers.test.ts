// What somebody holds locked delays no timer of another batch: neither a flood of due tasks of that batch, nor a command on it
// that waits in the stream and could, for all that is known at first, be the news that prevents a time-out.
import { jetstream } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import postgres from "postgres";
import { expect, onTestFinished, test } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { undocumented } from "#test/metrics";
import { startReceiver } from "#test/receiver";
import { until } from "#test/until";

/** Somebody else's transaction, such as an operator's, that holds the batch of a task and all its rows. */
async function lockBatchOf(databaseUrl: string, task: string): Promise<void> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  onTestFinished(() => sql.end({ timeout: 0 }));
  await sql.unsafe("begin");
  await sql.unsafe(`select from batch where id = (select batch_id from task where id = '${task}') for update`);
  await sql.unsafe(`select from task where batch_id = (select batch_id from task where id = '${task}') for update`);
}

const publish = async (cluster: Cluster, subject: string) => {
  const nats = await connect({ servers: cluster.nats.url });
  onTestFinished(() => nats.close());
  await jetstream(nats).publish(subject, "{}");
};

test("600 due tasks of a locked batch delay no timer of others", async () => {
  const service = await startReceiver();
  const cluster = await startCluster();
  const on_start = service.action("/work");
  const task = (id: string, delay_secs: number) => ({ id, name: id, kind: "k", on_start, delay_secs });
  const flood = await cluster.create(Array.from({ length: 600 }, (_, n) => task(`t${n}`, 2)));
  await lockBatchOf(cluster.databaseUrl, flood.t0 as string);
  const first = Object.values(flood).map((id) => id);
  await until(async () => {
    const [row] = await cluster.sql`select count(*)::int as n from task where due_at < now() and id = any(${first})`;
    return Number(row?.n) === 600;
  });
  for (let n = 0; n < 3; n++) {
    const { other = "" } = await cluster.create([task("other", 1)]);
    await until(async () => (await cluster.status(other)) === "Running", 1_000 + 3_000, "an unrelated task starts");
  }
  expect(service.to("/work")).toHaveLength(3);
  for (const { url } of cluster.members) expect(undocumented(await (await fetch(`${url}/metrics`)).text())).toEqual([]);
});

test("a command on a locked batch holds up no time-out but those of that batch", async () => {
  const service = await startReceiver();
  const cluster = await startCluster();
  const on_start = service.action("/work");
  const task = (id: string, timeout: number) => ({ id, name: id, kind: "k", on_start, timeout });
  const { locked = "", other = "" } = {
    ...(await cluster.create([task("locked", 2)])),
    ...(await cluster.create([task("other", 2)])),
  };
  await until(async () => (await cluster.status(locked)) === "Running" && (await cluster.status(other)) === "Running");
  await lockBatchOf(cluster.databaseUrl, locked);
  await publish(cluster, `baton.task.${locked}.cancel`);
  await until(async () => (await cluster.status(other)) === "Failure", 5_000, "an unrelated time-out comes");
  expect(await cluster.status(locked)).toBe("Running");
});
