// Pipelines of other systems end as they do there, and a deploy waits for a person.
import { beforeAll, expect, it, onTestFinished } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { until } from "#test/until";
import { exampleFile, loadExample, unexpected } from "../../../src/cli/example.ts";
import { startFakeService } from "../../../src/cli/fake-service.ts";
import { type Client, connect } from "../../../src/sdk/client.ts";

let cluster: Cluster;
let baton: Client;
beforeAll(async () => {
  cluster = await startCluster({ workers: 1 });
  baton = connect(cluster.url);
});

async function post(name: string, more: object = {}) {
  const service = await startFakeService({ speed: 1 });
  onTestFinished(() => service.close());
  const batch = { ...(await loadExample(exampleFile(name), service.url)), ...more };
  const { batchId } = await baton.create(batch);
  const tasks = async () => (await baton.dag(batchId)).tasks;
  const isComplete = async () => (await baton.batch(batchId)).completed_at !== null;
  /** The gate, once it is open for an answer. */
  const gate = () =>
    until(async () => (await tasks()).find(({ local_id, status }) => local_id === "approve" && status === "Running"));
  return { batch, batchId, tasks, gate, complete: () => until(isComplete, 20_000) };
}

it("Argo's example of enhanced depends runs and omits what Argo runs and omits", async () => {
  const { batch, tasks, complete } = await post("argo-depends");
  await complete();
  expect(unexpected(batch, await tasks())).toEqual([]);
});

it("a deploy goes on when a person approves", async () => {
  const { batch, tasks, gate, complete } = await post("deploy-gate");
  const { id } = await gate();
  await cluster.call("PATCH", `/task/${id}`, { status: "Success" });
  await complete();
  expect(unexpected(batch, await tasks())).toEqual([]);
});

it("a deploy that is refused says why, and cleans up all the same", async () => {
  const { tasks, gate, complete } = await post("deploy-gate");
  const { id } = await gate();
  await cluster.call("PATCH", `/task/${id}`, { status: "Failure", failure_reason: "staging is broken" });
  await complete();
  const ends = Object.fromEntries((await tasks()).map((one) => [one.local_id, [one.status, one.failure_reason]]));
  expect(ends).toMatchObject({
    approve: ["Failure", "staging is broken"],
    production: ["Failure", "Required parent task approve failed"],
    cleanup: ["Success", null],
  });
});

it("a deploy that nobody looks at is stopped at its deadline", async () => {
  const { batchId, tasks, complete } = await post("deploy-gate", { deadline_secs: 2 });
  await complete();
  const ends = Object.fromEntries((await tasks()).map((one) => [one.local_id, [one.status, one.failure_reason]]));
  expect(ends).toMatchObject({
    approve: ["Canceled", "Batch deadline passed"],
    production: ["Canceled", expect.any(String)],
  });
  expect(await baton.batch(batchId)).toMatchObject({ status: "canceled" });
});

it("an API with a rate for each tenant gets no more calls of one than that, and those of all", async () => {
  const { batch, tasks, complete } = await post("tenant-rates");
  await complete();
  const ended = await tasks();
  expect(unexpected(batch, ended)).toEqual([]);
  for (const tenant of ["acme", "globex"]) {
    const own = ended.filter(({ local_id }) => local_id.startsWith(tenant));
    const starts = own.map(({ started_at }) => Date.parse(started_at as string)).toSorted((a, b) => a - b);
    expect(starts).toHaveLength(5);
    for (let n = 2; n < starts.length; n++)
      expect((starts[n] as number) - (starts[n - 2] as number)).toBeGreaterThan(1_000);
  }
});
