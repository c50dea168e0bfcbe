// The command line against a real Baton, as a script uses it: what each command prints, what it changes, and that the exit code is the
// verdict.
import { beforeAll, expect, it } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { type Receiver, reports, startReceiver } from "#test/receiver";
import { until } from "#test/until";
import { stage } from "./stage.ts";

let cluster: Cluster;
let service: Receiver;
const { baton, json, fileOf } = stage(() => cluster.url);

beforeAll(async () => {
  cluster = await startCluster({ together: true });
  service = await startReceiver();
});

const start = (path: string) => `{ kind: Webhook, params: { url: "{{service}}${path}", verb: Post } }`;
const pipeline = `scope: nightly
tasks:
  - { id: load, name: Load, kind: etl, dependencies: [{ id: extract, requires_success: true }], on_start: ${start("/load")} }
  - { id: extract, name: Extract, kind: etl, on_start: ${start("/extract")} }
`;
const submit = (...more: string[]) =>
  baton("submit", fileOf("pipeline.yaml", pipeline), "--set", `service=${service.url}`, ...more);

it("shows a batch to its verdict, which is the exit code", async () => {
  service.answer("/extract", reports({ status: "Success" }));
  service.answer("/load", reports({ status: "Success" }));
  const good = await submit("--watch");
  expect(good).toMatchObject({ code: 0, out: expect.stringMatching(/success after [\d.]+ s: Success 2\n$/) });
  service.answer("/extract", reports({ status: "Failure", failure_reason: "no such table" }));
  const bad = await submit("--watch");
  expect(bad.code).toBe(1);
  expect(bad.out).toMatch(
    /extract failed first: no such table, and 1 more with it\nTry: baton events \S{36}\n or: baton rerun \S{36}\n$/,
  );
});

it("prints each state of each task where there is no terminal, also those that last shorter than a look", async () => {
  service.answer("/extract", reports({ status: "Success" }));
  service.answer("/load", reports({ status: "Failure", failure_reason: "no such table" }));
  const { out } = await submit("--watch");
  const printed = (text: string) => text.split("\n").filter((line) => /^ +[\d.]+ s {2}/.test(line));
  const [id = ""] = /\S{36}/.exec(out) ?? [];
  const { tasks } = (await cluster.call("GET", `/dag/${id}`)).body;
  for (const task of tasks) {
    const events: { to: string }[] = (await cluster.call("GET", `/task/${task.id}/events`)).body;
    const states = printed(out)
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , name]) => name === task.local_id);
    expect(states.map(([, , , state]) => state)).toEqual(events.map(({ to }) => to));
    expect(states.length).toBeGreaterThan(1);
  }
  const times = printed(out).map(Number.parseFloat);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(out).toMatch(/ load +Failure +no such table\nfailure after [\d.]+ s: /);
  // One that is over has the same lines.
  expect(printed((await baton("watch", id)).out)).toEqual(printed(out));
});

it("checks without creating, and says where in the file Baton finds a fault", async () => {
  const count = async () => (await cluster.sql`select count(*)::int as n from task`)[0]?.n;
  const before = await count();
  expect((await submit("--dry-run")).out).toMatch(/^level 0 {2}extract\nlevel 1 {2}load\n/);
  const file = fileOf(
    "bad.yaml",
    pipeline.replace("{ id: extract, requires", "{ id: ghost, requires").replaceAll("{{service}}", "http://127.0.0.1"),
  );
  const { code, error } = await baton("submit", file);
  expect({ code, error }).toEqual({
    code: 2,
    error: expect.stringMatching(
      /bad\.yaml:3:61: tasks\[0\]\.dependencies\[0\]\.id: no task of this call has the id "ghost"/,
    ),
  });
  expect(await count()).toBe(before);
});

it("creates a batch once under a key", async () => {
  service.answer("/extract", {});
  const first = JSON.parse((await submit("--json", "--key", "night-1")).out);
  const second = JSON.parse((await submit("--json", "--key", "night-1")).out);
  expect(second.batch_id).toBe(first.batch_id);
  expect(first.tasks.map(({ local_id }: { local_id: string }) => local_id)).toEqual(["load", "extract"]);
});

it("shows, explains and changes tasks and batches by their ids or the beginnings of these", async () => {
  const {
    t = "",
    after = "",
    later = "",
  } = await cluster.create([
    { id: "t", name: "t", kind: "ops", on_start: { kind: "Wait", params: { prompt: "Deploy?" } } },
    { id: "after", name: "after", kind: "ops", dependencies: [{ id: "t", requires_success: true }] },
    { id: "later", name: "later", kind: "ops", delay_secs: 3_600 },
  ]);
  await until(async () => (await cluster.status(t)) === "Running");
  const { batch_id: batch } = await json("get", t);
  expect((await baton("get", batch)).out).toMatch(/state +running\n[\s\S]*Running +t +ops/);
  expect((await baton("why", after)).out).toBe(
    `after is Waiting. It waits for:\n  t, which is Running: baton why ${t}\n`,
  );
  const gate = (await baton("why", t)).out;
  expect(gate).toMatch(
    /^t is a gate, and waits for somebody's word: Deploy\?\nTry: baton complete (\S+)\n or: baton fail \1 /,
  );
  const handle = /complete (\S+)/.exec(gate)?.[1] ?? "";
  expect(await (await fetch(handle)).json()).toMatchObject({ id: t });
  expect((await baton("pause", batch, "--reason", "lunch")).out).toMatch(/2 tasks are paused/);
  expect((await baton("why", later)).out).toContain(`somebody to resume it: baton resume ${later}`);
  expect((await baton("resume", batch)).out).toMatch(/2 tasks are resumed/);
  expect((await baton("list", "tasks", "--batch", batch)).out.trim().split("\n")).toHaveLength(4);
  const listed = await json("list", "--status", "running");
  expect(listed.map(({ batch_id }: { batch_id: string }) => batch_id)).toContain(batch);

  const ended = await baton("override", t, "--status", "Success", "--reason", "by hand", "--result", '{"n":1}');
  expect(ended.out).toMatch(/is Success\n$/);
  expect(await json("get", t)).toMatchObject({ status: "Success", result: { n: 1 } });
  expect((await baton("events", t)).out).toMatch(/Running → Success +override +anonymous {2}by hand\n$/);
  expect((await baton("cancel", later.slice(0, 23))).out).toMatch(/is canceled\n$/);
  expect((await baton("watch", batch)).code).toBe(3);
  const again = await json("rerun", batch);
  expect(again.tasks.map(({ local_id }: { local_id: string }) => local_id)).toEqual(["later"]);
  await baton("cancel", again.batch_id);
  expect((await baton("rerun", again.batch_id, "--from", later)).code).toBe(2);
});

it("reports by a handle, as a service does", async () => {
  service.answer("/hold", {});
  const on_start = { kind: "Webhook", params: { url: `${service.url}/hold`, verb: "Post" } };
  const { a = "", b = "" } = await cluster.create([
    { id: "a", name: "a", kind: "ops", on_start },
    { id: "b", name: "b", kind: "ops", on_start },
  ]);
  await until(async () => (await cluster.status(a)) === "Running" && (await cluster.status(b)) === "Running");
  expect((await baton("why", b)).out).toContain("b is Running: it runs");
  const handle = (id: string) => service.of(id, "start")[0]?.handle ?? "";
  expect((await baton("complete", handle(a), "--result", "3")).out).toBe("reported Success\n");
  expect((await baton("fail", handle(b), "--reason", "broken")).out).toBe("reported Failure\n");
  expect(await json("get", a)).toMatchObject({ status: "Success", result: 3 });
  expect((await baton("why", b)).out).toContain("b has ended: Failure, broken");
});

it.each([
  [["get", "01a229af-5ff1-7014-8527-d4846a3e0956"], /there is no task or batch with the id 01a2.*\nTry: baton list/],
  [["get", "abc"], /"abc" is no id.*\nTry: baton list/],
  [["complete", "nonsense"], /is no handle/],
  [["override", "01a229af-5ff1-7014-8527-d4846a3e0956", "--status", "Success", "--reason", "x"], /no task with the id/],
  [["replay"], /Try: baton replay --since/],
  [["submit", "nowhere.yaml"], /there is no file nowhere\.yaml/],
])("says what is wrong and what to try: %j", async (args, says) => {
  expect(await baton(...args)).toMatchObject({ code: 2, error: expect.stringMatching(says) });
});

it("finds what keeps tasks from running", async () => {
  const well = await until(async () => {
    const found = await baton("doctor");
    // A process is listed a moment after it is ready.
    return found.out.includes("1 alive") ? found : undefined;
  });
  expect(well.code).toBe(0);
  for (const what of ["Postgres", "NATS", "clock", "token", "workers"])
    expect(well.out).toMatch(new RegExp(`^ok +${what} `, "m"));
  await cluster.nats.kill();
  const ill = await until(async () => {
    const found = await baton("doctor");
    return found.code === 1 ? found : undefined;
  });
  expect(ill.out).toMatch(/^wrong +NATS +down$/m);
  expect(ill.out).toContain("look at NATS_URL of Baton");
});
