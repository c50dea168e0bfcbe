// The pipeline of docs/coming-from.md is one that Baton takes, and its edges lead where the page says.
import { readFileSync } from "node:fs";
import { beforeAll, expect, it } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { startReceiver } from "#test/receiver";
import { until } from "#test/until";

const page = readFileSync(new URL("../../../docs/coming-from.md", import.meta.url), "utf8");
const pipeline = /```json\n([\s\S]*?)```/.exec(page)?.[1] ?? "";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ workers: 1 });
});

it.each([
  [[], { alert: "Skipped", report: "Success", "load-orders": "Success" }],
  [["/load/prices"], { alert: "Success", report: "Failure", "load-orders": "Success", "load-prices": "Failure" }],
] as const)("where %j fails, it ends as the page says", async (failing, ends) => {
  const service = await startReceiver();
  for (const path of failing) service.answer(path, () => ({ status: 400 }));
  const body = pipeline.replaceAll("https://etl.example.com", service.url);
  const batch = JSON.parse(body);
  for (const task of batch.tasks) task.on_start.params.completes = "on_response";
  const reply = await cluster.call("POST", "/task", batch);
  expect(reply.status).toBe(201);
  const [{ batch_id: id }] = reply.body as [{ batch_id: string }];
  await until(async () => ((await cluster.call("GET", `/batch/${id}`)).body as { completed_at: string }).completed_at);
  const { tasks } = (await cluster.call("GET", `/dag/${id}`)).body as { tasks: { local_id: string; status: string }[] };
  expect(Object.fromEntries(tasks.map(({ local_id, status }) => [local_id, status]))).toMatchObject(ends);
});
