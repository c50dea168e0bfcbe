// The HTTP server without services: what is refused before anything is asked, and how answers and errors are mapped.
import { describe, expect, it } from "vitest";
import { Unavailable } from "#domain/errors";
import { refused } from "#test/refused";
import { fakeServer } from "./fakes.ts";

const id = "019B0000-0000-7000-8000-00000000000A";
const low = id.toLowerCase();
const { app, state, commands, asked, counted, json } = await fakeServer({ PAYLOAD_MAX_BYTES: "4096" });
const ok = state.answer;

describe("PATCH", () => {
  it("asks the actor, in lower case, and answers its word", async () => {
    const answer = await json(
      "PATCH",
      `/task/${id}?attempt=2&sig=x`,
      { status: "Failure", failure_reason: "no", new_failures: 3 },
      { "idempotency-key": "key 1" },
    );
    expect([answer.statusCode, answer.json()]).toEqual([200, { id: low, status: "Success", attempt: 0 }]);
    const fields = { failure_reason: "no", new_failures: 3 };
    expect(asked.at(-1)).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      verb: "fail",
      actor: "anonymous",
      target: low,
      fields,
      attempt: 2,
      key: "key 1",
    });
  });

  it.each([
    [
      { status: 409, state: "Waiting", error: "no", code: "not_in_this_state", allowed: ["cancel"] },
      409,
      refused("not_in_this_state", "no", { current_status: "Waiting", allowed: ["cancel"] }),
    ],
    [
      { status: 409, state: "Success", error: "no", code: "wrong_attempt" },
      409,
      refused("wrong_attempt", "no", { current_status: "Success", allowed: [] }),
    ],
    [{ status: 404 }, 404, refused("unknown_task", "No such task")],
    [
      {
        ...{ status: 400, error: "no", code: "validation_failed", details: ["a: b"] },
        faults: [{ path: "/a", code: "required", message: "b" }],
      },
      400,
      refused("validation_failed", "no", {
        ...{ details: ["a: b"], faults: [{ path: "/a", code: "required", message: "b" }] },
      }),
    ],
  ])("maps %j", async (said, status, body) => {
    state.answer = () => ({ id: low, ...said }) as never;
    const answer = await json("PATCH", `/task/${id}`, { status: "Success" });
    state.answer = ok;
    expect([answer.statusCode, answer.json()]).toEqual([status, body]);
  });

  it.each([["?attempt=x"], ["?attempt=-1"], ["?attempt=1&attempt=2"], ["?attempt="]])("refuses %s", async (query) => {
    expect((await json("PATCH", `/task/${id}${query}`, { status: "Success" })).statusCode).toBe(400);
  });

  it("refuses a key that is none", async () => {
    const answer = await json("PATCH", `/task/${id}`, { status: "Success" }, { "idempotency-key": "x".repeat(256) });
    expect([answer.statusCode, answer.json().details]).toEqual([400, [expect.stringContaining("Idempotency-Key")]]);
  });

  it("says 503 when no worker answers", async () => {
    state.answer = () => {
      throw new Unavailable("no actor answered in time");
    };
    const answer = await json("PATCH", `/task/${id}`, { status: "Success" });
    state.answer = ok;
    expect([answer.statusCode, answer.headers["retry-after"], answer.json().error]).toEqual([
      503,
      "1",
      "no actor answered in time",
    ]);
  });
});

describe("PUT", () => {
  it("is stored with the client's key, or without one", async () => {
    state.rows = [];
    expect((await json("PUT", `/task/${id}`, { new_success: 2 }, { "idempotency-key": "k" })).statusCode).toBe(202);
    expect(counted.at(-1)).toEqual({
      id: `${low}:k`,
      task: low,
      success: 2,
      failures: 0,
      attempt: 0,
      named: false,
      unseen: false,
    });
    await json("PUT", `/task/${id}`, { new_failures: 1 });
    expect(counted.at(-1)).toEqual({ id: undefined, task: low, success: 0, failures: 1, attempt: 0, unseen: false });
  });

  it("looks at the task first, where it can", async () => {
    const before = counted.length;
    state.rows = [{ sent: low, id: null }];
    expect((await json("PUT", `/task/${id}`, { new_success: 1 })).statusCode).toBe(404);
    state.rows = [{ sent: low, id: low, status: "Skipped", success: 0, failures: 0 }];
    const answer = await json("PUT", `/task/${id}`, { new_success: 1 });
    expect([answer.statusCode, answer.json()]).toEqual([
      409,
      refused("not_in_this_state", "The task has ended: Skipped", { current_status: "Skipped", allowed: [] }),
    ]);
    expect(counted).toHaveLength(before);
    state.up = false;
    expect((await json("PUT", `/task/${id}`, { new_success: 1 })).statusCode).toBe(202);
    state.up = true;
    state.fail = new Unavailable("just went away");
    expect((await json("PUT", `/task/${id}`, { new_success: 1 })).statusCode).toBe(202);
    state.fail = undefined;
  });
});

describe("moving a task or a batch", () => {
  it.each([
    ["DELETE", `/task/${id}`, "cancel"],
    ["PATCH", `/task/pause/${id}`, "pause"],
    ["PATCH", `/task/resume/${id}`, "resume"],
  ] as const)("%s %s asks to %s, and names the state that does not allow it", async (method, url, verb) => {
    expect((await json(method, url)).json()).toEqual({ id: low, status: "Success", attempt: 0 });
    expect(asked.at(-1)).toMatchObject({ verb, target: low });
    const [error, details] = ["A task that is Skipped does not accept it", ["status: Skipped does not allow it"]];
    const code = "not_in_this_state" as const;
    state.answer = () => ({ status: 400, id: low, state: "Skipped", error, code, details, allowed: [] });
    const answer = await json(method, url);
    state.answer = ok;
    expect([answer.statusCode, answer.json()]).toEqual([400, refused(code, error, { details })]);
  });

  it.each([
    ["DELETE", `/batch/${id}`, "stop_batch", { canceled_running: 2 }],
    ["POST", `/batch/${id}/pause`, "pause_batch", { paused: 2 }],
    ["POST", `/batch/${id}/resume`, "resume_batch", { resumed: 2 }],
  ] as const)("%s %s answers counts", async (method, url, verb, counts) => {
    state.answer = () => ({ status: 200, id: low, counts });
    const answer = await json(method, url);
    expect(answer.json()).toMatchObject({ batch_id: low, ...counts });
    expect(asked.at(-1)).toMatchObject({ verb, target: low });
    if (verb === "stop_batch") expect(Object.keys(answer.json())).toHaveLength(8);
    state.answer = () => ({ status: 404, id: low });
    expect((await json(method, url)).json()).toEqual(refused("unknown_batch", "No such batch"));
    state.answer = ok;
  });
});

describe("a listing", () => {
  it.each([
    "/task?page=-1",
    "/task?page=1.5",
    "/task?page=",
    "/task?page_size=0",
    "/task?page=1&page=2",
    "/task?status=running",
    "/task?batch_id=x",
    "/task?metadata=5",
    "/task?metadata={",
    "/task?metadata=%7B%22__proto__%22:1%7D",
    "/task?timeout=x",
    "/task?name=%00",
    "/task?name=%ff",
    "/task?kind=%ed%a0%80",
    "/task?name=%zz",
    "/task?nmae=x",
    "/batches?created_after=yesterday",
    "/batches?status=x",
    "/webhook-deliveries?status=Success",
    "/webhook-deliveries?task_id=1",
  ])("refuses %s", async (url) => {
    const answer = await app.inject(url);
    expect([answer.statusCode, answer.json().error]).toEqual([400, "Validation failed"]);
  });

  it("names every fault", async () => {
    expect((await app.inject("/task?page=x&status=y&z=1")).json().details).toHaveLength(3);
  });

  it("of a page that no table can have is empty", async () => {
    state.rows = [{}];
    for (const path of ["/task", "/batches", "/webhook-deliveries"]) {
      expect((await app.inject(`${path}?page=${"9".repeat(300)}&page_size=${"9".repeat(300)}`)).json()).toEqual([]);
    }
  });
});

describe("a failure", () => {
  it.each([
    [new Unavailable("Postgres cannot be reached"), 503],
    [Object.assign(new Error("x"), { code: "57014" }), 503],
    [Object.assign(new Error("x"), { code: "22P05" }), 400],
    [new Error("secret"), 500],
  ])("%s is %i", async (error, status) => {
    state.fail = error;
    const answer = await app.inject(`/task/${id}`);
    state.fail = undefined;
    expect(answer.statusCode).toBe(status);
    expect(answer.body).not.toContain("secret");
    expect(answer.headers["retry-after"]).toBe(status === 503 ? "1" : undefined);
  });

  it("is shown by /ready and /health", async () => {
    expect((await app.inject("/ready")).json()).toEqual({
      ...{ status: "ready", ready: true, postgres: true, nats: true },
    });
    commands.up = false;
    expect([(await app.inject("/ready")).statusCode, (await app.inject("/health")).json()]).toEqual([
      503,
      { status: "degraded", database: "up", nats: "down", pool_size: 5, pool_idle: 4 },
    ]);
    expect((await app.inject("/ready")).json()).toMatchObject({ status: "not ready", nats: false });
    commands.up = true;
  });
});

it("leads from / to the page", async () => {
  const answer = await app.inject("/");
  expect([answer.statusCode, answer.headers.location, answer.body]).toEqual([303, "view", ""]);
});

it("lists the faults of query, header and body at once", async () => {
  const answer = await json("PATCH", `/task/${id}?attempt=x`, { status: "Done" }, { "idempotency-key": "" });
  expect(answer.json().faults.map(({ path, code }: { path: string; code: string }) => [path, code])).toEqual([
    ["?attempt", "invalid_format"],
    ["header:Idempotency-Key", "invalid_format"],
    ["/status", "not_allowed"],
  ]);
  const proto = await json("PATCH", `/task/${id}?attempt=x`, '{"__proto__":1,"new_success":9007199254740993,"x":1}');
  expect(proto.json().faults.map(({ path, code }: { path: string; code: string }) => [path, code])).toEqual([
    ["/__proto__", "unsafe_text"],
    ["/new_success", "number_changed"],
    ["?attempt", "invalid_format"],
    ["/x", "unknown_field"],
  ]);
  const numbers = await json("POST", "/task?dry_run=x", '[{"id":"a","metadata":{"n":9007199254740993}}]');
  expect(numbers.json().faults.map(({ path }: { path: string }) => path)).toEqual([
    ...["/0/metadata/n", "?dry_run", "/0/name", "/0/kind"],
  ]);
  const created = await json("POST", "/task?dry_run=x", [{ id: "a", kind: "k" }]);
  expect(created.json().details).toEqual([
    'dry_run: must be one of 1, true, 0, false, not "x"',
    "tasks[0].name: is required",
  ]);
});

it("creates: 400 with every fault and a batch id, and rings once after an insert", async () => {
  const none = await json("POST", "/task", [{ id: "a" }, { id: "a" }]);
  expect(none.json()).toEqual(
    refused("validation_failed", "Validation failed", {
      batch_id: expect.any(String),
      details: expect.arrayContaining(["tasks[0].name: is required", 'tasks[1].id: "a" is already the id of tasks[0]']),
      faults: expect.arrayContaining([{ path: "/0/name", code: "required", message: "is required" }]),
    }),
  );
  expect(state.rings).toBe(0);
  state.rows = [{ created_at: new Date("2026-11-23T12:00:00Z") }];
  const created = await json("POST", "/task", [{ id: "a", name: "A", kind: "k", delay_secs: 2 }]);
  expect([created.statusCode, created.json()[0].run_at, created.json()[0].batch_id]).toEqual([
    201,
    "2026-11-23T12:00:02.000Z",
    created.headers["x-batch-id"],
  ]);
  expect(state.rings).toBe(1);
  const empty = await json("POST", "/task", []);
  expect([empty.statusCode, empty.body, typeof empty.headers["x-batch-id"]]).toEqual([204, "", "string"]);
});
