// The ETL whose siblings must not be canceled, run as it is and without `dead_end`, and then run again.
import { beforeAll, expect, it, onTestFinished } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { until } from "#test/until";
import { exampleFile, loadExample, unexpected } from "../../../src/cli/example.ts";
import { startFakeService } from "../../../src/cli/fake-service.ts";
import { connect } from "../../../src/sdk/client.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ workers: 1 });
});

async function run(more: object, ask?: object) {
  const service = await startFakeService({ speed: 1 });
  onTestFinished(() => service.close());
  const baton = connect(cluster.url);
  const batch = { ...(await loadExample(exampleFile("etl-dead-ends"), service.url)), ...more };
  let { batchId } = await baton.create(batch);
  const isComplete = async () => (await baton.batch(batchId)).completed_at !== null;
  await until(isComplete, 20_000);
  if (ask) {
    batchId = (await baton.rerun(batchId, ask)).batchId;
    await until(isComplete, 20_000);
  }
  const { tasks } = await baton.dag(batchId);
  const { status } = await baton.batch(batchId);
  return { batch, tasks, status, service, ends: Object.fromEntries(tasks.map((one) => [one.local_id, one.status])) };
}

it("lets the other loads finish, as Airflow would", async () => {
  const { batch, tasks, status, service } = await run({});
  expect(unexpected(batch, tasks)).toEqual([]);
  expect([status, service.counts.stopped]).toEqual(["failure", 0]);
});

it("cancels them where the batch says nothing, and tells the service to stop", async () => {
  const { ends, service } = await run({ dead_end: "cancel" });
  expect(ends).toEqual({
    ...{ extract: "Success", "load-orders": "Canceled", "load-customers": "Canceled", "load-prices": "Failure" },
    ...{ report: "Failure", notify: "Success" },
  });
  await until(() => service.deliveries.filter(({ path }) => path.startsWith("/hooks/stop-")).length === 2, 10_000);
});

it("runs what failed again, and with dependents what ran after it", async () => {
  const failed = { "load-prices": "Failure", report: "Failure" };
  expect((await run({}, {})).ends).toEqual(failed);
  expect((await run({}, { dependents: true })).ends).toEqual({ ...failed, notify: "Success" });
});
