// What a service, an operator and a gate can say, in a whole system: skipped by a report, ended by a word from outside, and
// waiting for one.
import { beforeAll, describe, expect, it } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { type Receiver, startReceiver } from "#test/receiver";
import { refused } from "#test/refused";
import { stays, until } from "#test/until";
import { BatonRefused, connect } from "../../../src/sdk/client.ts";
import { type Client, httpClient, natsClient } from "./clients.ts";

let cluster: Cluster;
let service: Receiver;
let clients: Record<Client["name"], Client>;
let baton: ReturnType<typeof connect>;
beforeAll(async () => {
  [cluster, service] = await Promise.all([startCluster({ workers: 2 }), startReceiver()]);
  clients = { HTTP: httpClient(cluster), NATS: await natsClient(cluster) };
  baton = connect(cluster.url);
}, 60_000);

const names = ["HTTP", "NATS"] as const;
const missing = "019b0000-0000-7000-8000-000000000000";
type Ids = Record<string, string>;
const task = (id: string, more: object = {}) => ({ id, name: id, kind: "k", ...more });
const ended = (id: string) => ({
  on_success: [service.action(`/${id}/success`)],
  on_failure: [service.action(`/${id}/failure`)],
  on_cancel: [service.action(`/${id}/cancel`)],
});
const is = (id: string | undefined, status: string) =>
  until(async () => (await cluster.status(id ?? "")) === status, 10_000, `${id} is ${status}`);
const get = async (id: string | undefined) => (await cluster.call("GET", `/task/${id}`)).body;
const events = async (id: string | undefined) =>
  (await baton.events(id ?? "")).map(({ from, to, event, reason }) => [from, to, event, reason]);
const override = (id: string | undefined, body: unknown, headers = {}) =>
  cluster.call("POST", `/task/${id}/override`, body, headers);

describe("a report of Skipped", () => {
  it.each(names)("ends a task, and its children see a skipped parent (%s)", async (name) => {
    const id = `skip-${name}`;
    const ids: Ids = await cluster.create([
      task("a", { on_start: service.action(`/${id}`), ...ended(id) }),
      task("always", { dependencies: [{ id: "a" }] }),
      task("success", { dependencies: [{ id: "a", condition: "on_success" }] }),
      task("failure", { dependencies: [{ id: "a", condition: "on_failure" }] }),
      task("required", { dependencies: [{ id: "a", requires_success: true }] }),
    ]);
    const a = ids.a ?? "";
    await is(a, "Running");
    expect(await clients[name].ask("skip", a)).toMatchObject({ status: 200, state: "Skipped", attempt: 0 });
    expect(await cluster.row(a)).toMatchObject({ status: "Skipped", failure_reason: "reported" });
    await is(ids.always, "Success");
    for (const [child, status, reason] of [
      ["success", "Skipped", null],
      ["failure", "Skipped", null],
      ["required", "Failure", "Required parent task a failed"],
    ] as const)
      expect(await cluster.row(ids[child] ?? "")).toMatchObject({
        ...{ status, ...(reason === null ? {} : { failure_reason: reason }) },
      });
    const before = await cluster.row(a);
    expect(await clients[name].ask("skip", a)).toMatchObject({ status: 200, state: "Skipped" });
    expect(await cluster.row(a)).toEqual(before);
    expect(await clients[name].ask("succeed", a)).toMatchObject({ status: 409, allowed: [] });
    expect((await events(a)).slice(-2)).toEqual([
      ["Running", "Skipped", "skip", "reported"],
      ["Skipped", "Skipped", "succeed", null],
    ]);
    const batch = await baton.batch(String(before.batch_id));
    expect(batch).toMatchObject({ status: "failure", status_counts: { skipped: 3, success: 1, failure: 1 } });
    expect(service.of(a).map(({ path }) => path)).toEqual([`/${id}`]);
  });

  it("needs no reason, and the SDK says it", async () => {
    const ids: Ids = await cluster.create([task("a", { on_start: { kind: "Wait" } })]);
    await is(ids.a, "Running");
    expect(await baton.skip(ids.a ?? "")).toEqual({ id: ids.a, status: "Skipped", attempt: 0 });
    expect((await get(ids.a)).failure_reason).toBeNull();
  });
});

describe("an override", () => {
  it.each(names)("ends a task that waits, as if it had ended so (%s)", async (name) => {
    const id = `waits-${name}`;
    const ids: Ids = await cluster.create([
      task("gate", { on_start: { kind: "Wait" } }),
      task("a", { ...ended(id), dependencies: [{ id: "gate", requires_success: true }] }),
      task("next", { dependencies: [{ id: "a", requires_success: true }] }),
    ]);
    expect(await clients[name].ask("override Success", ids.a ?? "")).toMatchObject({ status: 200, state: "Success" });
    await is(ids.next, "Success");
    await until(() => service.to(`/${id}/success`).length === 1);
    expect(await get(ids.a)).toMatchObject({ status: "Success", failure_reason: null, started_at: null });
    const [event] = await baton.events(ids.a ?? "");
    expect(event).toMatchObject({ from: "Waiting", to: "Success", event: "override", reason: "by hand" });
    expect(event?.actor).not.toBe("");
    // The only child of the gate has ended: nobody needs it any more.
    await is(ids.gate, "Canceled");
    expect(await clients[name].ask("override Failure", ids.a ?? "")).toMatchObject({
      ...{ status: 409, error: "A task that is Success does not accept override", allowed: [] },
    });
    expect(await events(ids.a)).toHaveLength(1);
    expect(service.of(ids.a ?? "").map(({ path }) => path)).toEqual([`/${id}/success`]);
  });

  it("stops a service that is at work, and there is no retry", async () => {
    const retry = { max_retries: 3, initial_delay_secs: 3600 };
    const ids: Ids = await cluster.create([
      task("a", { on_start: service.action("/at-work"), ...ended("at-work"), retry }),
      task("b", { on_start: service.action("/in-backoff"), ...ended("in-backoff"), retry }),
    ]);
    await Promise.all([is(ids.a, "Running"), is(ids.b, "Running")]);
    const word = { status: "Failure", reason: "it hangs", result: { seen: 3 } } as const;
    expect(await baton.override(ids.a ?? "", word)).toEqual({ id: ids.a, status: "Failure", attempt: 0 });
    expect(await get(ids.a)).toMatchObject({ failure_reason: "it hangs", result: { seen: 3 }, next_retry_at: null });
    await until(() => service.to("/at-work/cancel").length === 1 && service.to("/at-work/failure").length === 1);

    await cluster.call("PATCH", `/task/${ids.b}`, { status: "Failure", failure_reason: "x" });
    await is(ids.b, "Retrying");
    expect((await override(ids.b, { status: "Skipped", reason: "not today" })).status).toBe(200);
    expect(await get(ids.b)).toMatchObject({ status: "Skipped", failure_reason: "not today", next_retry_at: null });
    const batch = await baton.batch(String((await cluster.row(ids.a ?? "")).batch_id));
    expect(batch).toMatchObject({ status: "failure", status_counts: { skipped: 1, failure: 1 } });
    expect(service.of(ids.b ?? "").map(({ path }) => path)).toEqual(["/in-backoff"]);
  });

  it("delivers at once the cancel action in the answer of a call that was open, after that answer", async () => {
    const hold = service.hold("/open");
    const ids: Ids = await cluster.create([task("a", { on_start: service.action("/open") })]);
    await until(() => service.to("/open").length === 1);
    expect((await override(ids.a, { status: "Success", reason: "done by hand" })).status).toBe(200);
    hold.release({ body: service.action("/open/stop") });
    await until(() => service.to("/open/stop").length === 1);
    expect(await cluster.row(ids.a ?? "")).toMatchObject({ status: "Success", attempt: 0 });
    expect(service.to("/open/stop")[0]).toMatchObject({ taskId: ids.a, trigger: "cancel" });
  });

  it("counts once for each key, and another word under it is 422", async () => {
    const ids: Ids = await cluster.create([task("a", { paused: true })]);
    const key = { "idempotency-key": "one" };
    const word = { status: "Success", reason: "by hand" };
    const first = await override(ids.a, word, key);
    expect([first.status, first.body]).toEqual([200, { id: ids.a, status: "Success", attempt: 0 }]);
    const again = await override(ids.a, word, key);
    expect([again.status, again.body]).toEqual([200, first.body]);
    expect((await override(ids.a, { ...word, reason: "other" }, key)).body.code).toBe("key_reused");
    expect((await override(ids.a, word)).body).toMatchObject({ code: "not_in_this_state", current_status: "Success" });
  });

  it("is 400 with all faults at once, 404 for an unknown task, 409 for another attempt", async () => {
    const bad = await override(missing, { status: "Canceled", result: "x".repeat(65_535), why: 1 });
    expect(bad.status).toBe(400);
    expect(bad.body.details).toEqual([
      "why: is not a known field",
      'status: must be one of Success, Failure, Skipped, not "Canceled"',
      "reason: is required",
      expect.stringMatching(/^result: must take at most 65536 bytes/),
    ]);
    const none = await override(missing, { status: "Success", reason: "x" });
    expect([none.status, none.body]).toEqual([404, refused("unknown_task", "No such task")]);
    const ids: Ids = await cluster.create([task("a", { paused: true })]);
    const stale = await cluster.call("POST", `/task/${ids.a}/override?attempt=1`, { status: "Success", reason: "x" });
    expect(stale).toMatchObject({ status: 409, body: { code: "wrong_attempt", current_status: "Paused" } });
    const { error } = await baton.override(missing, { status: "Success", reason: "x" }).then(
      () => ({ error: undefined }),
      (error: unknown) => ({ error }),
    );
    expect(error).toBeInstanceOf(BatonRefused);
  });
});

describe("a gate", () => {
  const slot = { type: "Concurrency", max_concurrency: 1, matcher: { kind: "gate", status: "Running", fields: [] } };
  const gate = (id: string, more: object = {}) => ({
    ...task(id, { kind: "gate", rules: [slot], ...more }),
    on_start: { kind: "Wait", params: { prompt: `Open ${id}?` } },
  });

  it("is Running at once, calls no service, and holds its slot until a report", async () => {
    const ids: Ids = await cluster.create([gate("a"), gate("b", { retry: { max_retries: 1 } })]);
    await is(ids.a, "Running");
    const whole = await get(ids.a);
    expect(whole).toMatchObject({ timeout: 31_536_000, start_kind: "Wait", attempt: 0, blocked_by: [] });
    expect(whole.actions).toEqual([{ kind: "Wait", trigger: "Start", params: { prompt: "Open a?" } }]);
    expect(whole.started_at).not.toBeNull();
    expect(await events(ids.a)).toEqual([
      ["Pending", "Claimed", "claim", null],
      ["Claimed", "Running", "started", null],
    ]);
    expect(await cluster.row(ids.a ?? "")).toMatchObject({ owner: null, claim_id: null, in_doubt: false });
    await stays(async () => (await cluster.status(ids.b ?? "")) === "Pending", 300);
    expect((await get(ids.b)).blocked_by).toMatchObject([{ type: "rule", used: 1, limit: 1, holders: [ids.a] }]);
    expect((await cluster.call("PATCH", `/task/${ids.a}`, { status: "Success", result: "yes" })).status).toBe(200);
    await is(ids.b, "Running");
    expect((await cluster.call("PATCH", `/task/${ids.b}`, { status: "Skipped" })).status).toBe(200);
    expect(service.of(ids.a ?? "")).toEqual([]);
  });

  it("opens in the turn that ends what it waited for, and times out as any other task", async () => {
    const ids: Ids = await cluster.create([
      task("a", { on_start: { kind: "Wait" } }),
      task("b", { on_start: { kind: "Wait" }, dependencies: [{ id: "a" }], timeout: 1 }),
    ]);
    await is(ids.a, "Running");
    await cluster.call("PATCH", `/task/${ids.a}`, { status: "Success" });
    await is(ids.b, "Failure");
    expect((await get(ids.b)).failure_reason).toBe("Timeout after 1 s");
  });

  it("is found by its kind of start, as others are", async () => {
    const kind = "start-kinds";
    const ids: Ids = await cluster.create([
      task("wait", { kind, on_start: { kind: "Wait" } }),
      task("webhook", { kind, on_start: service.action("/start-kinds") }),
      task("nats", { kind, on_start: { kind: "Nats", params: { subject: "baton.work.start-kinds" } } }),
      task("none", { kind }),
    ]);
    for (const [asked, local, shown] of [
      ["Wait", "wait", "Wait"],
      ["Webhook", "webhook", "Webhook"],
      ["Nats", "nats", "Nats"],
      ["none", "none", null],
    ] as const) {
      const { status, body } = await cluster.call("GET", `/task?kind=${kind}&start_kind=${asked}`);
      const found = body.map(({ id, start_kind }: { id: string; start_kind: unknown }) => [id, start_kind]);
      expect([status, found]).toEqual([200, [[ids[local], shown]]]);
    }
    expect((await baton.tasks({ start_kind: "Wait", batch_id: missing })).length).toBe(0);
    const bad = await cluster.call("GET", "/task?start_kind=wait");
    expect([bad.status, bad.body.details]).toEqual([
      400,
      ['start_kind: must be one of Webhook, Nats, Wait, none, not "wait"'],
    ]);
  });
});
