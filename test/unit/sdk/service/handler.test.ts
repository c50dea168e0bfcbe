// What a service takes from Baton and what it refuses, does once, and reports.
import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import {
  type Handler,
  type HandlerOptions,
  handler,
  memoryLedger,
  type Notice,
  Over,
  type RunningTask,
  type Work,
} from "../../../../src/sdk/index.ts";
import { callOf, type Sent, secret, startBaton } from "./stage.ts";

let baton: Awaited<ReturnType<typeof startBaton>>;
const services: Handler[] = [];

beforeEach(async () => {
  baton = await startBaton();
});
afterEach(async () => {
  await Promise.all(services.splice(0).map((one) => one.close(0)));
  baton.close();
});

function serve(work: Work, more: Partial<HandlerOptions> = {}): Handler {
  const service = handler({ secrets: secret, baton: baton.url, ...more }, work);
  services.push(service);
  return service;
}
const give = async (service: Handler, sent: Sent = {}) => {
  const call = callOf(baton.url, sent);
  return { ...call, answer: await service.take({ headers: call.headers, url: call.url, body: call.bytes }) };
};
const ends = (count: number) => vi.waitFor(() => expect(baton.ends()).toHaveLength(count));

it("does the work of a start, and reports what it returns", async () => {
  const seen: RunningTask[] = [];
  const service = serve(async (task) => {
    seen.push(task);
    await task.progress(3, 1);
    return { rows: 4 };
  });
  const { task, answer } = await give(service, { body: { file: "a.csv", baton: { inputs: { n: 2 }, attempt: 0 } } });
  expect(answer).toEqual({ status: 202, body: {} });
  await ends(1);
  expect(seen[0]).toMatchObject({
    taskId: task,
    attempt: 0,
    path: "/jobs/resize",
    body: { file: "a.csv" },
    inputs: { n: 2 },
  });
  expect(baton.reports).toEqual([
    {
      method: "PUT",
      path: `/task/${task}`,
      key: `${task}:start:progress:1`,
      body: { new_success: 3, new_failures: 1 },
    },
    {
      method: "PATCH",
      path: `/task/${task}`,
      key: `${task}:start:report`,
      body: { status: "Success", result: { rows: 4 } },
    },
  ]);
  await vi.waitFor(() => expect(service.running).toBe(0));
});

it.each<[string, Work, object]>([
  [
    "what it throws",
    () => Promise.reject(new Error("no such file")),
    { status: "Failure", failure_reason: "no such file" },
  ],
  ["a failure", (task) => task.fail("not today"), { status: "Failure", failure_reason: "not today" }],
  ["a skip", (task) => task.skip("nothing to do"), { status: "Skipped", failure_reason: "nothing to do" }],
  ["nothing", () => undefined, { status: "Success" }],
  ["one end, the first", (task) => Promise.all([task.succeed(1), task.fail("late")]), { status: "Success", result: 1 }],
])("reports %s", async (_, work, end) => {
  const service = serve(work);
  await give(service);
  await vi.waitFor(() => expect(service.running).toBe(0));
  expect(baton.ends()).toEqual([end]);
});

it("refuses a call that Baton did not make, or not now, or that leads elsewhere", async () => {
  const work = vi.fn();
  const service = serve(work);
  const call = callOf(baton.url, { body: { n: 1 } });
  const status = async (more: { headers?: object; url?: string; body?: Uint8Array }) => {
    const { headers, url, bytes: body } = call;
    const { status } = await service.take({ url, body, ...more, headers: { ...headers, ...more.headers } });
    return status;
  };
  const other = randomUUID();
  expect(await status({ body: new TextEncoder().encode('{"n":2}') })).toBe(401);
  expect(await status({ headers: { "webhook-id": `${other}:start` } })).toBe(401);
  expect(await status({ headers: { "webhook-signature": "" } })).toBe(401);
  // The query is not signed: a handle of another task, another Baton, or none is refused.
  expect(await status({ url: `/jobs?handle=${encodeURIComponent(`${baton.url}/task/${other}`)}` })).toBe(401);
  expect(await status({ url: `/jobs?handle=${encodeURIComponent(`https://evil.example/task/${call.task}`)}` })).toBe(
    401,
  );
  expect(await status({ url: "/jobs" })).toBe(401);
  const stale = await give(service, { at: new Date(Date.now() - 301_000) });
  const stranger = await give(service, { secrets: [`whsec_${Buffer.alloc(32, 8).toString("base64")}`] });
  expect([stale.answer.status, stranger.answer.status]).toEqual([401, 401]);
  expect((await give(service, { key: ":other" })).answer.status).toBe(400);
  expect((await give(service, { body: "{" })).answer.status).toBe(400);
  expect(work).not.toHaveBeenCalled();
  // Headers that the signature does not cover say nothing.
  expect(await status({ headers: { "idempotency-key": "x", "x-task-trigger": "cancel", "x-task-id": other } })).toBe(
    202,
  );
  await vi.waitFor(() => expect(work).toHaveBeenCalledOnce());
});

it("does a replayed call once, also at the same time and in another process with the same ledger", async () => {
  const work = vi.fn();
  const ledger = memoryLedger();
  const [one, two] = [serve(work, { ledger }), serve(work, { ledger })];
  const call = callOf(baton.url);
  const take = (service: Handler) => service.take({ headers: call.headers, url: call.url, body: call.bytes });
  const answers = await Promise.all([one, one, two].map(take));
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 200, 202]);
  await ends(1);
  expect((await take(two)).body).toEqual({ repeated: true });
  expect(work).toHaveBeenCalledOnce();
  // Another attempt is other work.
  await give(one, { task: call.task, key: ":start:1" });
  await vi.waitFor(() => expect(work).toHaveBeenCalledTimes(2));
});

it("says by itself that the work goes on, and stops it once the task is over", async () => {
  let reason: unknown;
  baton.answer = ({ method }) =>
    baton.reports.length > 3 && method === "PUT" ? [409, "not_in_this_state"] : undefined;
  const errors: unknown[] = [];
  const service = serve(
    until(
      () => undefined,
      (why) => (reason = why),
    ),
    { heartbeatMs: 15, onError: (error) => errors.push(error) },
  );
  await give(service);
  await vi.waitFor(() => expect(reason).toBeInstanceOf(Over));
  await vi.waitFor(() => expect(service.running).toBe(0));
  expect(baton.reports.map(({ method, body }) => [method, body])).toEqual(Array(4).fill(["PUT", {}]));
  expect(errors).toEqual([]);
});

it("aborts the work when its task is canceled, and tells of it", async () => {
  let reason: unknown;
  const notices: Notice[] = [];
  const service = serve(
    until(
      () => undefined,
      (why) => (reason = why),
    ),
    { onNotice: (notice) => notices.push(notice) },
  );
  const { task } = await give(service);
  expect((await give(service, { task, key: ":cancel:1" })).answer.status).toBe(200);
  expect(reason).toBeUndefined();
  const body = { channel: "#x", baton: { task_id: task, status: "Canceled" } };
  expect((await give(service, { task, key: ":cancel", body })).answer).toEqual({ status: 200, body: {} });
  expect(reason).toBeInstanceOf(Over);
  await vi.waitFor(() => expect(service.running).toBe(0));
  expect(baton.reports).toEqual([]);
  expect(notices.at(-1)).toMatchObject({
    trigger: "cancel",
    key: `${task}:cancel`,
    body: { channel: "#x" },
    baton: body.baton,
  });
  // A cancel that overtakes its start.
  const late = randomUUID();
  await give(service, { task: late, key: ":cancel" });
  expect((await give(service, { task: late })).answer.body).toEqual({ canceled: true });
});

it("tells of ends once each, and again where its function failed", async () => {
  const notices: Notice[] = [];
  let fails = true;
  const onNotice = (notice: Notice) => {
    if (fails) throw new Error("mail is away");
    notices.push(notice);
  };
  const service = serve(() => {}, { onNotice });
  const task = randomUUID();
  const body = { to: "a", baton: { task_id: task, status: "Success" } };
  const sent = { task, key: ":end:success", body };
  expect((await give(service, sent)).answer).toEqual({ status: 500, body: { error: "mail is away" } });
  fails = false;
  expect((await give(service, sent)).answer).toEqual({ status: 200, body: {} });
  expect((await give(service, sent)).answer.body).toEqual({ repeated: true });
  await give(service, { key: `batch:${task}:complete#2`, body: { baton: { batch_id: task, counts: {} } } });
  expect(notices.map(({ trigger, body }) => [trigger, body])).toEqual([
    ["end", { to: "a" }],
    ["complete", {}],
  ]);
});

it("asks Baton to come back when too much runs, when it closes, and when its ledger is away", async () => {
  const open = Promise.withResolvers<void>();
  const service = serve(() => open.promise, { concurrency: 1 });
  const answers = await Promise.all([give(service), give(service)]);
  expect(answers.map(({ answer }) => answer.status)).toEqual([202, 503]);
  expect(answers[1]?.answer.headers).toEqual({ "retry-after": "1" });
  const closed = service.close();
  expect((await give(service)).answer.status).toBe(503);
  open.resolve();
  await closed;
  expect(baton.ends()).toEqual([{ status: "Success" }]);
  const down = { take: () => Promise.reject(new Error("the ledger is away")), release: () => {} };
  const { headers, url, bytes } = callOf(baton.url);
  const request = new Request(`http://s${url}`, { method: "POST", headers, body: bytes });
  expect((await serve(() => {}, { ledger: down }).fetch(request)).status).toBe(503);
});

it("ends a task whose result Baton cannot keep, and tries again while Baton is away", async () => {
  const tried = new Map<string, number>();
  baton.answer = ({ key = "", body }) => {
    tried.set(key, (tried.get(key) ?? 0) + 1);
    if (body.status === "Success") return [400, "validation_failed"];
    return tried.get(key) === 1 ? [503, "unavailable"] : undefined;
  };
  await give(serve(() => ({ large: true })));
  await ends(3);
  expect(baton.ends().at(-1)).toEqual({
    status: "Failure",
    failure_reason: "the result was refused: validation_failed",
  });
});

it("believes unsigned calls only where that is said, and refuses a secret that is none", async () => {
  const service = serve(() => {}, { secrets: null });
  const { headers, url, bytes } = callOf(baton.url, { secrets: [] });
  expect((await service.take({ headers, url, body: bytes })).status).toBe(202);
  expect(() => serve(() => {}, { secrets: "hunter2!" })).toThrow(TypeError);
});

/** Work that goes on until it is aborted. */
const until =
  (begun: (task: RunningTask) => void, ended: (reason: unknown) => void): Work =>
  (task) => {
    begun(task);
    return new Promise((_, reject) => {
      task.signal.addEventListener("abort", () => {
        ended(task.signal.reason);
        reject(task.signal.reason);
      });
    });
  };
