// `baton bulk` and `baton schedule` against a real Baton: nothing is changed before somebody agreed, and the exit code says whether all of
// it could be done.
import { beforeAll, expect, it } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { startReceiver } from "#test/receiver";
import { until } from "#test/until";
import { stage } from "./stage.ts";

let cluster: Cluster;
const { baton, json, fileOf } = stage(() => cluster.url);

beforeAll(async () => {
  cluster = await startCluster({ together: true });
});

const waiting = (kind: string, count: number) =>
  cluster.create(Array.from({ length: count }, (_, i) => ({ id: `t${i}`, name: "t", kind, delay_secs: 3_600 })));

it("says how many match before it asks, and changes nothing without a yes", async () => {
  const tasks = await waiting("bulk.ask", 3);
  const dry = await baton("bulk", "cancel", "tasks", "--kind", "bulk.ask", "--dry-run");
  expect(dry).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^3 tasks match\n( {2}\S{36}\n){3}nothing was changed\n$/),
  });
  expect(await json("bulk", "cancel", "tasks", "--kind", "bulk.ask", "--dry-run")).toMatchObject({ matched: 3 });
  expect(await baton("bulk", "cancel", "tasks", "--kind", "bulk.ask")).toMatchObject({
    code: 2,
    error: "3 tasks match, and nobody is there to agree\nTry: the same with --yes, or with --dry-run",
  });
  expect(await baton("bulk", "cancel", "tasks", "--kind", "bulk.nothing", "--yes")).toMatchObject({
    code: 0,
    out: "0 tasks match: nothing to cancel\n",
  });
  expect(await cluster.status(tasks.t0 ?? "")).toBe("Pending");
});

it("does it to all that match, says what became of them, and lists it", async () => {
  const tasks = await waiting("bulk.yes", 4);
  const paused = await baton("bulk", "pause", "tasks", "--kind", "bulk.yes", "--reason", "lunch", "--yes");
  expect(paused).toMatchObject({ code: 0, out: expect.stringMatching(/done: 4 of 4 done, 0 skipped, 0 failed\n/) });
  const id = /operation (\S{36})/.exec(paused.out)?.[1] ?? "";
  expect((await baton("bulk", "show", id.slice(0, 18))).out).toContain('pause {"tasks":{"kind":"bulk.yes"}}');
  expect((await baton("bulk", "list")).out).toMatch(new RegExp(`${id.slice(0, 18)} +pause +done +4 +4 +0 .* lunch`));
  expect(await cluster.status(tasks.t0 ?? "")).toBe("Paused");
  const again = await json("bulk", "cancel", "tasks", "--status", "Paused", "--kind", "bulk.yes", "--yes");
  expect(again).toMatchObject({ action: "cancel", state: "done", matched: 4, done: 4 });
  const detached = await baton("bulk", "rerun", "--scope", "no.such", "--status", "canceled", "--yes", "--detach");
  expect(detached).toMatchObject({ code: 0, out: "0 batches match: nothing to rerun\n" });
  const started = await json("bulk", "cancel", "tasks", "--kind", "bulk.ask", "--yes", "--detach");
  expect((await baton("bulk", "show", started.bulk_id, "--watch")).code).toBe(0);
  expect((await baton("bulk", "stop", started.bulk_id)).out).toMatch(/^done: 3 of 3 done/);
});

it.each([
  [["bulk", "cancel", "tasks", "--yes"], /nothing says which tasks are meant: give one of --status/],
  [["bulk", "cancel", "tasks", "--scope", "x"], /--scope is no filter of tasks: they have --status, --kind/],
  [["bulk", "cancel", "tasks", "--metadata", "{"], /--metadata takes JSON/],
  [["bulk", "show", "0123456789"], /there is no bulk operation with the id.*\nTry: baton bulk list/],
  [["schedule", "show", "no-such"], /unknown_schedule[\s\S]*Try: baton schedule list/],
  [["schedule", "show", "../task"], /is no name of a schedule/],
  [["schedule", "put", "-"], /Try: baton schedule put - --name/],
])("says what is wrong and what to try: %j", async (args, says) => {
  expect(await baton(...args)).toMatchObject({ code: 2, error: expect.stringMatching(says) });
});

const nightly = `cron: "30 2 * * *"
timezone: Europe/Berlin
batch:
  scope: nightly
  tasks:
    - { id: report, name: Report, kind: "{{kind}}" }
`;

it("makes, shows, runs, holds and deletes a schedule", async () => {
  const file = fileOf("nightly.yaml", nightly);
  const made = await baton("schedule", "put", file, "--set", "kind=report");
  expect(made).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^schedule nightly is made; next at \S+Z\nTry: baton schedule run/),
  });
  expect((await baton("schedule", "put", file, "--set", "kind=report")).out).toMatch(
    /^schedule nightly is as the file says/,
  );
  expect((await baton("schedule", "list")).out).toMatch(/nightly +active +30 2 \* \* \* Europe\/Berlin/);
  const run = await baton("schedule", "run", "nightly", "--watch");
  expect(run).toMatchObject({ code: 0, out: expect.stringMatching(/success after .* Success 1\n$/) });
  const shown = await until(async () => {
    const { out } = await baton("schedule", "show", "nightly");
    return /batches +\S+ {2}\S{18} {2}success/.test(out) ? out : undefined;
  });
  expect(shown).toMatch(/^schedule +nightly\nstate +active\n/);
  expect((await baton("schedule", "pause", "nightly")).out).toBe("schedule nightly is paused\n");
  expect(await json("schedule", "show", "nightly")).toMatchObject({ name: "nightly", paused: true });
  expect((await baton("schedule", "put", file, "--set", "kind=report")).out).toContain("baton schedule resume nightly");
  expect((await baton("schedule", "resume", "nightly")).out).toBe("schedule nightly is active\n");
  expect((await baton("schedule", "delete", "nightly")).out).toContain("is deleted");
  expect((await baton("schedule", "list")).out).toContain("no schedules");
});

it("says where in the file a schedule is wrong, and which names are open", async () => {
  const file = fileOf("wrong.yaml", nightly.replace("id: report", "idd: report").replace("{{kind}}", "k"));
  const { code, error } = await baton("schedule", "put", file);
  expect({ code, error }).toMatchObject({
    code: 2,
    error: expect.stringMatching(/wrong\.yaml:6:\d+: batch\.tasks\[0\]/),
  });
  expect((await baton("schedule", "put", fileOf("open.yaml", nightly))).error).toMatch(
    /Try: baton schedule put .* --set kind=…/,
  );
});

it("lists what operators look at, and replays a notification by the beginning of its id", async () => {
  const service = await startReceiver();
  const on_success = [{ kind: "Webhook", params: { url: `${service.url}/ended`, verb: "Post" } }];
  const rules = [
    { type: "Concurrency", max_concurrency: 2, matcher: { kind: "listed", status: "Running", fields: [] } },
  ];
  const { gate = "" } = await cluster.create([
    { id: "gate", name: "gate", kind: "listed", on_start: { kind: "Wait" }, rules, on_success },
  ]);
  await until(async () => (await cluster.status(gate)) === "Running");
  expect((await baton("list", "limits")).out).toMatch(/^listed +Concurrency +1 of 2 +0$/m);
  await until(async () => /^\d+ +api,worker +\d+\.\d+\.\d+ /m.test((await baton("list", "workers")).out));
  await baton("override", gate, "--status", "Success", "--reason", "go");
  const at = new URL(service.url).host;
  const arrived = await until(async () => {
    const { out } = await baton("list", "deliveries", "--receiver", at, "--status", "success");
    return /^\S{18} +success +1 /m.test(out) ? out : undefined;
  });
  expect(arrived).toContain(`end of ${gate.slice(0, 18)}`);
  const called = new RegExp(`^(http://)?${at} +closed`, "m");
  await until(async () => called.test((await baton("list", "receivers")).out), 20_000);
  expect((await baton("list", "dead-letters")).out).toBe("no dead letters\n");
  const [{ id }] = await json("list", "deliveries", "--receiver", at);
  expect((await baton("replay", id.slice(0, 23))).out).toBe(`delivery ${id} is sent again\n`);
  expect((await baton("replay", "0123456789")).error).toMatch(
    /there is no delivery with the id[\s\S]*baton list deliveries/,
  );
  expect((await baton("list", "workers", "--kind", "x")).error).toContain("kind");
  expect((await baton("events")).error).toMatch(/Try: baton events --follow$/);
});
