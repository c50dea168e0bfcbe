// The table of shapes, asked over HTTP: a command is answered when everything that follows from it is committed.
import { beforeAll, expect, it } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { cases, seen } from "#test/graphs";
import { type Receiver, startReceiver } from "#test/receiver";
import { until } from "#test/until";

let cluster: Cluster;
let service: Receiver;
beforeAll(async () => {
  service = await startReceiver();
  cluster = await startCluster({ workers: 2, env: { MAX_DEPS_PER_TASK: "1000", MAX_TASKS_PER_BATCH: "2000" } });
});

const orders = cases.flatMap((one) => [
  { ...one, order: "as listed" },
  { ...one, tasks: one.tasks.toReversed(), order: "children first" },
]);

it.each(orders)("$name, $order", async ({ tasks, command: [verb, id], expected }) => {
  const ids = await cluster.create(
    tasks.map((task) => ({ ...task, name: task.id, kind: "g", on_start: service.action("/work") })),
  );
  const target = `/task/${ids[id]}`;
  if (verb !== "cancel") await until(async () => (await cluster.status(ids[id] as string)) === "Running");
  const report = verb === "succeed" ? { status: "Success" } : { status: "Failure", failure_reason: "as asked" };
  const answer = await (verb === "cancel" ? cluster.call("DELETE", target) : cluster.call("PATCH", target, report));
  expect(answer.status).toBe(200);
  const { body } = await cluster.call("GET", `/task/${ids[id]}`);
  const dag = await cluster.call("GET", `/dag/${body.batch_id}`);
  const statuses = dag.body.tasks.map((task: { local_id: string; status: string }) => [
    task.local_id,
    seen(task.status),
  ]);
  expect(Object.fromEntries(statuses)).toEqual(expected);
  expect((await cluster.call("DELETE", `/batch/${body.batch_id}`)).status).toBe(200);
});
