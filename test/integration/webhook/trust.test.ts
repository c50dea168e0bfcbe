// What receivers and operators may trust, on the whole system: signatures over the bytes that arrive, handles that open
// one attempt, calls that are not made, and secrets that are found nowhere they do not belong.
import { connect, type Msg, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Cluster, type Reply, startCluster } from "#test/cluster";
import { type Call, type Receiver, reports, startReceiver } from "#test/receiver";
import { until } from "#test/until";
import { verify } from "../../../src/sdk/verify.ts";

const key = (seed: string) => Buffer.from(seed.repeat(32).slice(0, 32)).toString("base64");
const canaries = {
  token: "canary-auth-token",
  handleSecret: "canary-handle-secret",
  signing: key("canary-one"),
  signingNext: key("canary-two"),
  header: "canary-header-value",
  query: "canary-query-value",
};
const secrets = [canaries.signing, canaries.signingNext].map((text) => `whsec_${text}`);

let cluster: Cluster;
let service: Receiver;
let nc: NatsConnection;
const messages: Msg[] = [];
const replies: Reply[] = [];

beforeAll(async () => {
  service = await startReceiver();
  cluster = await startCluster({
    apis: 0,
    workers: 1,
    env: {
      LOG_LEVEL: "trace",
      AUTH_TOKEN: canaries.token,
      HANDLE_SECRET: canaries.handleSecret,
      WEBHOOK_SIGNING_SECRET: secrets.join(","),
      START_RETRY_SECS: "1",
      WEBHOOK_MAX_ATTEMPTS: "2",
      WEBHOOK_RETRY_BACKOFF_BASE_SECS: "1",
    },
  });
  nc = await connect({ servers: cluster.nats.url });
  nc.subscribe(">", { callback: (error, message) => void (error ?? messages.push(message)) });
  await nc.flush();
  // It takes in what the worker must not call.
  await cluster.start("api", { SKIP_SSRF_VALIDATION: "1" });
});
afterAll(() => nc?.close());

async function call(verb: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply> {
  const reply = await cluster.call(verb, path, body, headers ?? { authorization: `Bearer ${canaries.token}` });
  replies.push(reply);
  return reply;
}
async function create(batch: unknown): Promise<Record<string, string>> {
  const { status, body } = await cluster.call("POST", "/task", batch, { authorization: `Bearer ${canaries.token}` });
  expect(status, JSON.stringify(body)).toBe(201);
  return Object.fromEntries(body.map((task: { id: string; local_id: string }) => [task.local_id, task.id]));
}
const ended = (id: string) => until(async () => finalState(await cluster.status(id)), 20_000, "the task has ended");
const finalState = (state: string) => (["Success", "Failure", "Canceled"].includes(state) ? state : null);

const headers = { "X-Key": canaries.header, Authorization: `Bearer ${canaries.header}` };
/** An action that carries secrets of its user, to a path of the service or to a URL. */
const hook = (to: string, more: object = {}) => ({
  kind: "Webhook",
  params: {
    url: `${to.startsWith("/") ? service.url + to : to}?token=${canaries.query}`,
    verb: "Post",
    headers,
    ...more,
  },
});
const task = (id: string, on_start: unknown, more: object = {}) => ({ id, name: id, kind: "k", on_start, ...more });
const deliveries = async (id: string) => (await call("GET", `/webhook-deliveries?task_id=${id}`)).body;
/** A report as a service makes it: by the handle, without a token. */
const byHandle = (verb: string, handle: string, body?: object) => call(verb, handle, body, {});

const work = (id: string) =>
  messages.find(({ subject, data }) => subject === "baton.work.trust" && `${data}`.includes(id));

it("signs the bytes that arrive: start, end, cancel, batch complete, and a NATS message", async () => {
  service.answer("/work", reports({ status: "Success" }));
  service.answer("/end", { status: 500 }, {});
  const hold = service.hold("/held");
  const nats = {
    kind: "Nats",
    params: { subject: "baton.work.trust", body: { secret: canaries.query }, headers: { "X-Key": canaries.header } },
  };
  const {
    a = "",
    b = "",
    c = "",
  } = await create({
    tasks: [
      task("a", hook("/work", { body: { name: "ü😀" } }), {
        on_success: [hook("/end", { verb: "Get" }), hook("/end")],
      }),
      task("b", hook("/held"), { on_cancel: [hook("/gone")] }),
      task("c", nats),
    ],
    on_batch_complete: hook("/complete"),
  });
  await until(() => service.to("/held").length === 1);
  expect((await call("DELETE", `/task/${b}`)).status).toBe(200);
  hold.release();
  const message = await until(() => work(c));
  expect((await byHandle("PATCH", message.json<{ handle: string }>().handle, { status: "Success" })).status).toBe(200);
  await until(() => service.to("/complete").length === 1 && service.to("/gone").length === 1);
  await until(() => service.to("/end").length === 3, 20_000);
  expect(await ended(a)).toBe("Success");

  const verified = (sent: Call["headers"], raw: string | Uint8Array) =>
    Promise.all(secrets.map((secret) => verify(secret, sent, raw)));
  for (const { headers: sent, text, body, key: id } of service.calls) {
    expect(sent["webhook-id"]).toBe(id);
    expect(await verified(sent, text)).toEqual(Array(2).fill(text === "" ? undefined : body));
    await expect(verify(secrets, sent, `${text} `)).rejects.toThrow();
  }
  const sent = Object.fromEntries([...(message.headers ?? [])]) as Record<string, string[]>;
  expect(sent["webhook-id"]).toEqual([`${c}:start`]);
  expect(await verified(sent, message.data)).toEqual(Array(2).fill(message.json()));
});

it("takes reports by a signed handle, for the task and the attempt that it is for", async () => {
  service.answer("/retry", reports({ status: "Failure", failure_reason: "once" }), {});
  const retry = { max_retries: 1, initial_delay_secs: 0 };
  const { r = "" } = await create([task("r", hook("/retry"), { retry })]);
  await until(() => service.to("/retry").length === 2);
  const [old, now] = service.to("/retry").map(({ handle }) => handle) as [string, string];
  expect((await byHandle("PATCH", old, { status: "Success" })).status).toBe(409);
  expect((await byHandle("PATCH", old.replace("attempt=0", "attempt=1"), { status: "Success" })).status).toBe(401);
  expect((await byHandle("PATCH", old, { expected_count: 5 })).status).toBe(409);
  expect((await byHandle("GET", now)).status).toBe(401);
  expect((await byHandle("PATCH", now, { priority: 9 })).status).toBe(403);
  expect((await byHandle("PUT", now, { new_success: 2 })).status).toBe(202);
  expect((await byHandle("PATCH", now, { expected_count: 5 })).status).toBe(200);
  expect((await byHandle("PATCH", now, { status: "Success" })).status).toBe(200);
  expect(await cluster.row(r)).toMatchObject({ status: "Success", attempt: 1, expected_count: "5" });
  expect((await byHandle("PATCH", now, { status: "Failure", failure_reason: "late" })).status).toBe(409);
});

it("does not call what is blocked, and says why", async () => {
  const { port } = new URL(service.url);
  service.answer("/work", reports({ status: "Success" }));
  service.answer("/answers", { body: hook("http://169.254.169.254/") });
  const {
    s = "",
    d = "",
    a = "",
  } = await create([
    task("s", hook(`http://localhost:${port}/secret`)),
    task("d", hook("/work"), { on_success: [hook("http://10.0.0.1/secret")] }),
    task("a", hook("/answers")),
  ]);
  expect(await ended(s)).toBe("Failure");
  expect((await cluster.row(s)).failure_reason).toBe(
    "on_start failed: blocked: host is blocked: localhost; to allow it, give Baton ALLOWED_HOSTNAMES=localhost",
  );
  const done = await until(async () => {
    const [one] = await deliveries(d);
    return one?.status === "exhausted" ? one : null;
  }, 20_000);
  expect(done).toMatchObject({ attempts: 2, last_status: null });
  expect(done.last_error).toBe(
    "blocked: must not point to a private address (10.0.0.0/8); to allow it, give Baton ALLOWED_CIDRS=10.0.0.1/32",
  );
  const ignored = await until(async () =>
    (await call("GET", `/task/${a}/events`)).body.find(({ reason }: { reason: string | null }) =>
      reason?.includes("link-local"),
    ),
  );
  expect(ignored.reason).toMatch(/params\.url: must not point to a link-local address/);
  expect(service.to("/secret")).toEqual([]);
  const worker = cluster.workers[0]?.url;
  const { body } = await call("GET", `${worker}/metrics`);
  expect(body).toMatch(/^baton_webhook_blocked_total\{rule="host"\} 1$/m);
  expect(body).toMatch(/^baton_webhook_blocked_total\{rule="private"\} 2$/m);
});

it("shows no secret where it does not belong", async () => {
  service.answer("/fails", { status: 500, body: { error: canaries.query } });
  service.answer("/resets", { reset: true });
  service.answer("/moved", { status: 302, headers: { location: `${service.url}/elsewhere?token=${canaries.query}` } });
  const gone = "http://127.0.0.1:1/gone";
  const { f = "", ...others } = await create([
    task("f", hook("/fails"), { on_failure: [hook("/fails"), hook("/resets"), hook(gone)] }),
    ...["/resets", "/moved", gone].map((to, i) => task(`o${i}`, hook(to))),
  ]);
  for (const id of [f, ...Object.values(others)]) expect(await ended(id)).toBe("Failure");
  expect(service.to("/elsewhere")).toEqual([]);
  await until(async () => {
    const rows: { status: string }[] = await deliveries(f);
    return rows.length === 3 && rows.every(({ status }) => status === "exhausted");
  }, 20_000);
  await mistakes(f);
  for (const path of [
    "/task",
    "/batches",
    "/webhook-deliveries",
    "/metrics",
    `/task/${f}/events`,
    "/openapi.json",
    "/health",
  ])
    expect((await call("GET", path)).status).toBe(200);
  const { batch_id } = (await call("GET", `/task/${f}/events`)).body[0];
  for (const path of [`/dag/${batch_id}`, `/batch/${batch_id}`]) expect((await call("GET", path)).status).toBe(200);

  const signatures = service.calls.flatMap(
    ({ handle }) => new URL(handle || "http://none").searchParams.get("sig") ?? [],
  );
  expect(signatures.length).toBeGreaterThan(3);
  const password = [new URL(cluster.databaseUrl).password].filter((text) => text !== "");
  const planted = [...Object.values(canaries), ...signatures, ...password];
  const leaks = (where: string, text: string) =>
    planted.filter((canary) => text.includes(canary)).map((canary) => `${canary} in ${where}`);

  for (const { name, log } of cluster.members) {
    expect(log).toContain("baton");
    expect(log.length).toBeLessThan(1_000_000);
    expect(leaks(name, log)).toEqual([]);
  }
  expect(cluster.members.map(({ log }) => log).join()).toContain("start call");
  for (const { status, body } of replies) expect(leaks(`an answer ${status}`, JSON.stringify(body))).toEqual([]);
  const rest = messages.filter(({ subject }) => !subject.startsWith("baton.work."));
  expect(rest.length).toBeGreaterThan(10);
  for (const { subject, data, headers: sent } of rest) expect(leaks(subject, `${data}${sent ?? ""}`)).toEqual([]);
  const rows =
    await cluster.sql`select to_jsonb(e)::text as text from event e union all select coalesce(last_error, '') from delivery`;
  expect(rows.length).toBeGreaterThan(10);
  for (const { text } of rows) expect(leaks("a row", text)).toEqual([]);

  // Where actions come back, so do their headers; and the proof that this test sees them.
  const whole = await cluster.call("GET", `/task/${f}`, undefined, { authorization: `Bearer ${canaries.token}` });
  expect(leaks("GET /task/{id}", JSON.stringify(whole.body.actions))).toHaveLength(2);
});

/** Calls that are refused, with secrets in them. */
async function mistakes(id: string): Promise<void> {
  const asked: [verb: string, path: string, body?: unknown, headers?: Record<string, string>][] = [
    ["GET", "/task", undefined, { authorization: `Bearer ${canaries.query}` }],
    ["PATCH", `/task/${id}?sig=${canaries.query}`, { status: "Success" }, {}],
    ["PATCH", `/task/${id}?token=${canaries.query}`, { status: "Success" }],
    ["GET", `/nowhere?token=${canaries.query}`],
    // What is asked for is quoted to whoever asks, so it holds no secret here.
    ["GET", "/task?metadata=nonsense"],
    ["POST", "/task", `{"tasks": ${canaries.header}`],
    ["POST", "/task", [task("x", hook("ftp://h/"))]],
    [
      "POST",
      "/task",
      [task("x", hook("/", { headers: { "webhook-id": canaries.header, a: `${canaries.header}\n` } }))],
    ],
    ["POST", "/task", [task("x", hook("/", { verb: "Neither" }))]],
    ["POST", "/task", [task("x", hook(`http://u:${canaries.header}@h/`))]],
  ];
  for (const each of asked) expect((await call(...each)).status, each.join(" ")).toBeGreaterThanOrEqual(400);
}
