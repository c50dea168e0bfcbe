// A session of ArcRun's own client: it sends what it always sent, and reads every answer with its own types.
import * as Schema from "effect/Schema";
import { beforeAll, expect, test } from "vitest";
import * as arcrun from "#test/arcrun";
import { type Cluster, startCluster } from "#test/cluster";
import { type Receiver, startReceiver } from "#test/receiver";
import { until } from "#test/until";

let cluster: Cluster;
let service: Receiver;
beforeAll(async () => {
  service = await startReceiver();
  cluster = await startCluster();
});

/** A call as the client makes it, its answer as the client reads it. */
async function call<T>(
  type: Schema.Decoder<T>,
  status: number,
  verb: string,
  path: string,
  body?: unknown,
): Promise<T> {
  const answer = await cluster.call(verb, path, body);
  expect([answer.status, answer.body], `${verb} ${path}`).toEqual([status, expect.anything()]);
  return Schema.decodeUnknownSync(type)(answer.body);
}

const matcher = { status: "Running", kind: "etl", fields: ["tenant"] };
const metadata = { tenant: "a" };
const task = (id: string, path: string, more: object = {}) => ({
  ...{ id, name: `Name of ${id}`, kind: "etl", metadata, timeout: 30, priority: 1, dead_end_barrier: false },
  on_start: { ...service.action(path), trigger: "Start" },
  ...more,
});

test("a pipeline from creation to its end, with refusals on the way", async () => {
  const created = await call(arcrun.BasicTasks, 201, "POST", "/task", [
    task("extract", "/run", {
      expected_count: 10,
      rules: [
        { type: "Concurency", max_concurency: 5, matcher },
        { type: "Capacity", max_capacity: 100, matcher },
      ],
      on_success: [{ ...service.action("/end"), trigger: "End" }],
      on_failure: [{ ...service.action("/end"), trigger: "End" }],
    }),
    task("load", "/run", { dependencies: [{ id: "extract", requires_success: true }] }),
    task("report", "/run", { dependencies: [{ id: "extract", requires_success: false }] }),
    task("waste", "/run", { dependencies: [{ id: "load", requires_success: true }] }),
  ]);
  const [extract, load, report, waste] = created.map(({ id }) => id) as [string, string, string, string];
  const batch = created[0]?.batch_id as string;
  const get = (id: string) => call(arcrun.TaskDetail, 200, "GET", `/task/${id}`);
  const running = (id: string) => until(async () => (await get(id)).status === "Running");

  await running(extract);
  await call(Schema.Unknown, 202, "PUT", `/task/${extract}`, { new_success: 4, new_failures: 1 });
  await until(async () => (await get(extract)).failures === 1);
  await call(arcrun.RulesUpdated, 200, "PATCH", `/batch/${batch}/rules`, {
    kind: "etl",
    rules: [{ type: "Concurency", max_concurency: 2, matcher }],
  });
  await call(Schema.Unknown, 200, "PATCH", `/task/${extract}`, { status: "Success" });
  await running(load);
  await running(report);
  await call(Schema.Unknown, 200, "PATCH", `/task/${load}`, { status: "Failure", failure_reason: "disk full" });
  expect(await get(waste)).toMatchObject({ status: "Failure" });
  await call(Schema.Unknown, 200, "DELETE", `/task/${report}`);
  for (const id of [extract, load, report, waste]) expect((await get(id)).ended_at).not.toBeNull();

  const dag = await call(arcrun.Dag, 200, "GET", `/dag/${batch}`);
  expect([dag.tasks.length, dag.links.map((link) => link.requires_success)]).toEqual([
    4,
    expect.arrayContaining([true, false]),
  ]);
  await call(arcrun.ApiError, 409, "PATCH", `/task/${extract}`, { status: "Failure", failure_reason: "late" });
  await call(arcrun.ApiError, 400, "DELETE", `/task/${extract}`);
  await call(arcrun.ApiError, 400, "POST", "/task", [task("a", "/run", { timeout: 0 })]);
  await call(arcrun.ApiError, 404, "GET", "/task/00000000-0000-4000-8000-000000000000");
});

test("pausing, stopping, listing, and what is left out as a twin", async () => {
  const stays = task("stays", "/run", {
    kind: "stop",
    rules: [{ type: "Concurency", max_concurency: 1, matcher: { ...matcher, kind: "stop" } }],
  });
  const created = await call(arcrun.BasicTasks, 201, "POST", "/task", [
    stays,
    { ...stays, id: "blocked" },
    { ...stays, id: "waits", dependencies: [{ id: "stays", requires_success: true }] },
  ]);
  const batch = created[0]?.batch_id as string;
  await until(async () => (await cluster.status(created[0]?.id as string)) === "Running");
  const blocked = await until(async () => {
    const listed = await call(
      arcrun.BasicTasks,
      200,
      "GET",
      `/task?batch_id=${batch}&status=Pending&kind=stop&timeout=30&page=0&page_size=20`,
    );
    return listed.length === 1 && listed[0];
  });
  await call(Schema.Unknown, 200, "PATCH", `/task/pause/${blocked.id}`);
  expect(
    await call(
      arcrun.BasicTasks,
      200,
      "GET",
      `/task?batch_id=${batch}&status=Paused&metadata=${encodeURIComponent(JSON.stringify(metadata))}`,
    ),
  ).toHaveLength(1);

  const twin = { ...stays, id: "twin", dedupe_strategy: [{ ...matcher, kind: "stop", status: "Paused" }] };
  const left = await cluster.call("POST", "/task", [twin]);
  expect([left.status, left.headers.get("x-batch-id")]).toEqual([204, expect.stringMatching(/^[0-9a-f-]{36}$/)]);

  expect(await call(arcrun.StoppedBatch, 200, "DELETE", `/batch/${batch}`)).toMatchObject({
    ...{ canceled_waiting: 1, canceled_pending: 0, canceled_claimed: 0, canceled_running: 1, canceled_paused: 1 },
    already_terminal: 0,
  });
  const since = new Date(Date.now() - 3_600_000).toISOString();
  for (const filter of ["", "&kind=stop", "&status=Canceled", "&name=Name", `&created_after=${since}`]) {
    const batches = await call(arcrun.BatchSummaries, 200, "GET", `/batches?page=0&page_size=20${filter}`);
    expect(batches.map((one) => one.batch_id)).toContain(batch);
  }
  await call(arcrun.Health, 200, "GET", "/health");
  await call(arcrun.Ready, 200, "GET", "/ready");
});

test("tasks in our two further states", async () => {
  const retry = { max_retries: 1, initial_delay_secs: 3_600 };
  const [tried, skipped] = await call(arcrun.BasicTasks, 201, "POST", "/task", [
    task("tried", "/run", { retry }),
    task("skipped", "/run", { dependencies: [{ id: "failed", condition: "on_success" }] }),
    task("failed", "/run"),
  ]).then((tasks) => [tasks[0]?.id, tasks[1]?.id]);
  const batch = await cluster.row(String(tried)).then((row) => row.batch_id);
  const failed = (await call(arcrun.BasicTasks, 200, "GET", `/task?batch_id=${batch}&name=failed`))[0]?.id;
  for (const id of [tried, failed]) {
    await until(async () => (await cluster.status(String(id))) === "Running");
    await call(Schema.Unknown, 200, "PATCH", `/task/${id}`, { status: "Failure", failure_reason: "x" });
  }
  expect((await call(arcrun.TaskDetail, 200, "GET", `/task/${tried}`)).status).toBe("Retrying");
  expect((await call(arcrun.TaskDetail, 200, "GET", `/task/${skipped}`)).status).toBe("Skipped");
  await call(arcrun.BatchSummaries, 200, "GET", "/batches?status=Retrying");
});
