// Schedules over HTTP, by a real cluster: what PUT takes and answers, what each time makes, pausing, running by hand, going.
import { beforeAll, describe, expect, it } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { until } from "#test/until";

const joins = [{ id: "a", name: "A", kind: "scheduled" }];
const gate = [{ id: "a", name: "A", kind: "gate", on_start: { kind: "Wait", params: {} } }];

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ together: true });
}, 60_000);

let last = 0;
const newName = () => `s-${++last}`;
const put = (name: string, body: unknown, headers = {}) => cluster.call("PUT", `/schedules/${name}`, body, headers);
const get = async (name: string) => (await cluster.call("GET", `/schedules/${name}`)).body;
const post = (name: string, call: string, headers = {}) =>
  cluster.call("POST", `/schedules/${name}/${call}`, undefined, headers);
const finish = async (batch: string) => {
  const { body } = await cluster.call("GET", `/dag/${batch}`);
  for (const { id, status } of body.tasks)
    if (status !== "Success") await cluster.call("PATCH", `/task/${id}`, { status: "Success" });
};

describe("PUT", () => {
  it("makes a schedule, and the same again changes nothing", async () => {
    const name = newName();
    const body = { cron: "30 2 * * *", timezone: "Europe/Berlin", batch: joins };
    const first = await put(name, body);
    expect(first.status).toBe(201);
    expect(first.body).toEqual({
      ...{ name, cron: "30 2 * * *", every_secs: null, timezone: "Europe/Berlin", overlap: "skip", catch_up: "last" },
      ...{ paused: false, until: null, batch: joins, next: expect.any(Array), batches: [], skipped: [] },
    });
    expect(first.body.next).toHaveLength(5);
    const again = await put(name, body);
    expect([again.status, again.body]).toEqual([200, first.body]);
    expect(await get(name)).toEqual(first.body);
  });

  it("counts every_secs from itself, and begins anew only with other times", async () => {
    const name = newName();
    const body = { every_secs: 3_600, batch: joins };
    const [first] = (await put(name, body)).body.next;
    const ahead = Date.parse(first) - Date.now();
    expect(ahead).toBeGreaterThan(3_590_000);
    expect(ahead).toBeLessThanOrEqual(3_601_000);
    expect((await put(name, { ...body, overlap: "allow", paused: true })).body.next[0]).toBe(first);
    expect((await put(name, { ...body, timezone: "Asia/Kolkata" })).body).toMatchObject({
      paused: true,
      overlap: "skip",
    });
    expect((await get(name)).next[0]).not.toBe(first);
  });

  it("ends with until, which is included", async () => {
    const name = newName();
    const next = (await put(name, { cron: "0 0 * * *", batch: joins })).body.next;
    const { body } = await put(name, { cron: "0 0 * * *", batch: joins, until: next[1] });
    expect([body.next, body.until]).toEqual([next.slice(0, 2), next[1]]);
    expect((await put(name, { cron: "0 0 * * *", batch: joins, until: "2001-01-01T00:00:00Z" })).body.next).toEqual([]);
  });

  it("lists all faults at once, those of the batch too", async () => {
    const tasks = [{ id: "a", name: "A", kind: "k", dependencies: [{ id: "ghost" }], tiemout: 1 }, { id: "b" }];
    const { status, body } = await put("Bad.Name", {
      ...{ cron: "61 * * * *", every_secs: 5, timezone: "Mars/Olympus", overlap: "never", catch_up: 1, nope: 1 },
      ...{ paused: "yes", until: "soon", batch: { tasks } },
    });
    expect([status, body.code]).toEqual([400, "validation_failed"]);
    const places = body.details.map((detail: string) => detail.split(":")[0]);
    expect(new Set(places)).toEqual(
      new Set([
        ...["name", "cron", "every_secs", "timezone", "overlap", "catch_up", "nope", "paused", "until"],
        ...[
          "batch.tasks[0].dependencies[0].id",
          "batch.tasks[0].tiemout",
          "batch.tasks[1].name",
          "batch.tasks[1].kind",
        ],
      ]),
    );
    const paths = body.faults.map(({ path }: { path: string }) => path);
    expect(paths).toContain("/batch/tasks/0/dependencies/0/id");
    const bare = await put("bare", { cron: "0 0 31 2 *", batch: [{ id: "a", kind: "k" }] });
    expect(bare.body.details).toEqual([
      'cron: must name a time that comes, not "0 0 31 2 *"',
      "batch.tasks[0].name: is required",
    ]);
    expect(bare.body.faults.map(({ path }: { path: string }) => path)).toEqual(["/cron", "/batch/0/name"]);
    expect((await put("none", {})).body.details).toEqual(["batch: is required", "cron: is required, or every_secs"]);
  });

  it("counts once under a key, and refuses another body under it", async () => {
    const name = newName();
    const key = { "idempotency-key": "k1" };
    const first = await put(name, { cron: "0 0 * * *", batch: joins }, key);
    await put(name, { cron: "0 1 * * *", batch: joins });
    expect(await put(name, { cron: "0 0 * * *", batch: joins }, key)).toMatchObject({ status: 201, body: first.body });
    expect((await get(name)).cron).toBe("0 1 * * *");
    const other = await put(name, { cron: "0 2 * * *", batch: joins }, key);
    expect([other.status, other.body.code]).toEqual([422, "key_reused"]);
  });
});

it("answers 404 for a name that there is not", async () => {
  const calls = [
    ["GET", ""],
    ["DELETE", ""],
    ["POST", "/run"],
    ["POST", "/pause"],
    ["POST", "/resume"],
  ] as const;
  for (const [verb, call] of calls) {
    const { status, body } = await cluster.call(verb, `/schedules/nobody${call}`);
    expect([verb, call, status, body.code]).toEqual([verb, call, 404, "unknown_schedule"]);
  }
});

it("lists schedules by name, page by page", async () => {
  for (const name of ["list-a", "list-b", "list-c"]) await put(name, { cron: "0 0 * * *", batch: joins });
  const seen: string[] = [];
  for (let path = "/schedules?page_size=2"; path !== ""; ) {
    const { body, headers } = await cluster.call("GET", path);
    seen.push(...body.map(({ name }: { name: string }) => name));
    expect(body.every((row: object) => !("batch" in row) && "next" in row)).toBe(true);
    path = /<(.*)>; rel="next"/.exec(headers.get("link") ?? "")?.[1] ?? "";
  }
  expect(seen).toEqual([...seen].sort());
  expect(new Set(seen).size).toBe(seen.length);
  expect(seen).toEqual(expect.arrayContaining(["list-a", "list-b", "list-c"]));
});

describe("a time", () => {
  it("makes one batch, which says of which schedule and time it is", async () => {
    const name = newName();
    const { body } = await put(name, { cron: "* * * * * *", overlap: "allow", batch: { tasks: joins, scope: name } });
    const made = await until(async () => {
      const { batches } = await get(name);
      return batches.length >= 3 && batches.every(({ status }: { status: string }) => status === "success") && batches;
    });
    await post(name, "pause");
    const ats = made.map(({ at }: { at: string }) => at).reverse();
    expect(body.next).toEqual(expect.arrayContaining(ats.slice(0, 3)));
    const batch = await cluster.call("GET", `/batch/${made[0].batch_id}`);
    expect(batch.body).toMatchObject({
      ...{ schedule: { name, at: made[0].at }, created_by: `schedule:${name}`, scope: name, status: "success" },
    });
    const [listed] = (await cluster.call("GET", `/batches?scope=${name}`)).body;
    expect(listed.schedule.name).toBe(name);
    const twice =
      await cluster.sql`select schedule_at from batch where schedule = ${name} group by 1 having count(*) > 1`;
    expect(twice).toEqual([]);
  });

  it("is left out while a batch is unfinished, by hand or not, and says so", async () => {
    const name = newName();
    await put(name, { cron: "* * * * * *", paused: true, batch: gate });
    const run = await post(name, "run");
    expect(run.status).toBe(201);
    await post(name, "resume");
    const { batches, skipped } = await until(async () => {
      const now = await get(name);
      return now.skipped.length >= 2 && now;
    });
    expect(batches).toHaveLength(1);
    expect(skipped.every(({ reason }: { reason: string }) => reason === "overlap")).toBe(true);
    await finish(batches[0].batch_id);
    await until(async () => (await get(name)).batches.length === 2);
    await cluster.call("DELETE", `/schedules/${name}`);
  });

  it("replaces the batch before it", async () => {
    const name = newName();
    await put(name, { cron: "* * * * * *", overlap: "replace", batch: gate });
    const { batches } = await until(async () => {
      const now = await get(name);
      return now.batches.length >= 3 && now;
    }, 20_000);
    await cluster.call("DELETE", `/schedules/${name}`);
    expect(batches.slice(1).every(({ status }: { status: string }) => status === "canceled")).toBe(true);
    const [task] = (await cluster.call("GET", `/dag/${batches[1].batch_id}`)).body.tasks;
    const events = (await cluster.call("GET", `/task/${task.id}/events`)).body;
    expect(events.at(-1)).toMatchObject({ to: "Canceled", actor: `schedule:${name}` });
  });

  it("passes without a batch while the schedule is paused", async () => {
    const name = newName();
    await put(name, { every_secs: 1, catch_up: "all", overlap: "allow", paused: true, batch: joins });
    const paused = Date.now();
    await until(() => Date.now() > paused + 2_500);
    const resumed = await post(name, "resume");
    expect(resumed.body).toMatchObject({ paused: false, batches: [], skipped: [] });
    const { batches } = await until(async () => {
      const now = await get(name);
      return now.batches.length >= 1 && now;
    });
    await post(name, "pause");
    expect(Math.min(...batches.map(({ at }: { at: string }) => Date.parse(at)))).toBeGreaterThan(paused + 2_000);
  });
});

describe("run", () => {
  it("makes a batch at once, once under a key, also after the schedule has changed", async () => {
    const name = newName();
    await put(name, { cron: "0 0 * * *", paused: true, batch: gate });
    const key = { "idempotency-key": "run-1" };
    const first = await post(name, "run", key);
    expect(first.status).toBe(201);
    expect(first.body).toMatchObject([{ local_id: "a", kind: "gate" }]);
    await put(name, { cron: "0 0 * * *", batch: joins });
    const again = await post(name, "run", key);
    expect([again.status, again.body]).toEqual([201, first.body]);
    const other = await post(name, "run");
    expect(other.headers.get("x-batch-id")).not.toBe(first.headers.get("x-batch-id"));
    expect(again.headers.get("x-batch-id")).toBe(first.headers.get("x-batch-id"));
    const { body } = await cluster.call("GET", `/batch/${first.headers.get("x-batch-id")}`);
    expect(body).toMatchObject({ created_by: "anonymous", schedule: { name, at: expect.any(String) } });
    expect((await get(name)).batches).toHaveLength(2);
    await cluster.call("DELETE", `/schedules/${name}`);
    expect((await post(name, "run", key)).body).toEqual(first.body);
  });
});

it("goes, and its batches go on", async () => {
  const name = newName();
  await put(name, { cron: "0 0 * * *", batch: gate });
  const batch = (await post(name, "run")).headers.get("x-batch-id");
  const { status, body } = await cluster.call("DELETE", `/schedules/${name}`);
  expect([status, body.name]).toEqual([200, name]);
  expect((await cluster.call("GET", `/schedules/${name}`)).status).toBe(404);
  expect((await cluster.call("GET", `/batch/${batch}`)).body.status).toBe("running");
});

it("is named by the overview with its next time", async () => {
  const name = newName();
  const { body } = await put(name, { cron: "0 0 1 1 *", batch: joins });
  const found = await until(async () =>
    (await cluster.call("GET", "/overview")).body.schedules.find((row: { name: string }) => row.name === name),
  );
  expect(found).toEqual({ name, next: body.next[0] });
});
