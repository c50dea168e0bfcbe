// The HTTP rim without services: what is refused before anything is asked, and how answers and errors are mapped.
import { describe, expect, it } from "vitest";
import { Unavailable } from "#domain/errors";
import { fakeServer } from "./fakes.ts";

const id = "019B0000-0000-7000-8000-00000000000A";
const low = id.toLowerCase();
const { app, state, door, asked, counted, json } = await fakeServer({ PAYLOAD_MAX_BYTES: "4096" });
const ok = state.answer;

describe("a body", () => {
  it.each<[string, number, string | Buffer, string | undefined]>([
    ["that is no JSON", 400, "{", "application/json"],
    ["that is empty", 400, "", "application/json"],
    ["that is not UTF-8", 400, Buffer.from([0x22, 0xff, 0x22]), "application/json"],
    ["with __proto__", 400, '{"status":"Success","__proto__":{}}', "application/json"],
    ["with NUL", 400, '{"status":"Failure","failure_reason":"\\u0000"}', "application/json"],
    ["that is too deep", 400, `{"result":${"[".repeat(40)}${"]".repeat(40)}}`, "application/json"],
    ["that is too long", 413, JSON.stringify({ result: "x".repeat(5000) }), "application/json"],
    ["of another type", 415, '{"status":"Success"}', "text/plain"],
    ["of a type that only begins right", 415, '{"status":"Success"}', "application/jsonx"],
    ["of a JSON dialect", 415, '{"status":"Success"}', "application/vnd.api+json"],
    ["in another charset", 415, '{"status":"Success"}', "application/json; charset=latin1"],
    ["of no type", 415, '{"status":"Success"}', undefined],
    ["of a type that is none", 415, '{"status":"Success"}', ";"],
  ])("%s is %i", async (_what, status, payload, type) => {
    const before = asked.length;
    const answer = await app.inject({
      method: "PATCH",
      url: `/task/${id}`,
      payload,
      ...(type === undefined ? {} : { headers: { "content-type": type } }),
    });
    expect([answer.statusCode, answer.body]).toEqual([status, expect.stringMatching(/^\{"error":".+","details":\[/)]);
    expect(asked).toHaveLength(before);
  });

  it("may name its charset", async () => {
    const answer = await json("PATCH", `/task/${id}`, '{"status":"Success"}', {
      "content-type": "Application/JSON; Charset=UTF-8",
    });
    expect(answer.statusCode).toBe(200);
  });
});

describe("a path", () => {
  it.each(["/nope", `/task/${id}/nope`, `/batch/${id}/stop`, "/Task"])("%s is unknown", async (url) => {
    const answer = await app.inject(url);
    expect([answer.statusCode, answer.json().error]).toEqual([404, "No such route"]);
  });

  it.each(["x", "%00", `${id}0`, "x".repeat(3000), "..%2f"])("with the id %s is 400", async (wrong) => {
    for (const url of [`/task/${wrong}`, `/task/${wrong}/events`, `/batch/${wrong}`, `/dag/${wrong}`]) {
      const answer = await app.inject(url);
      expect([answer.statusCode, answer.json()]).toEqual([
        400,
        { error: "Invalid id", details: ["id: must be a UUID"] },
      ]);
    }
  });

  it("with a broken escape is 400", async () => {
    expect((await app.inject("/task/%zz")).statusCode).toBe(400);
  });

  it("of an unknown method is 404, whatever its body", async () => {
    expect((await json("POST", `/task/${id}`, "{")).statusCode).toBe(404);
    expect((await json("DELETE", "/batches")).statusCode).toBe(404);
  });
});

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
      target: low,
      fields,
      attempt: 2,
      key: "key 1",
    });
  });

  it.each([
    [
      { status: 409, state: "Waiting", error: "no", allowed: ["cancel"] },
      409,
      { error: "no", current_status: "Waiting", allowed: ["cancel"] },
    ],
    [{ status: 409, state: "Success", error: "no" }, 409, { error: "no", current_status: "Success", allowed: [] }],
    [{ status: 404 }, 404, { error: "No such task", details: [] }],
    [{ status: 400, error: "no", details: ["a: b"] }, 400, { error: "no", details: ["a: b"] }],
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

  it("says 503 when nobody answers", async () => {
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
    expect(counted.at(-1)).toEqual({ id: `${low}:k`, task: low, success: 2, failures: 0 });
    await json("PUT", `/task/${id}`, { new_failures: 1 });
    expect(counted.at(-1)).toEqual({ id: undefined, task: low, success: 0, failures: 1 });
  });

  it("looks at the task first, where it can", async () => {
    const before = counted.length;
    state.rows = [{ sent: low, id: null }];
    expect((await json("PUT", `/task/${id}`, { new_success: 1 })).statusCode).toBe(404);
    state.rows = [{ sent: low, id: low, status: "Skipped", success: 0, failures: 0 }];
    const refused = await json("PUT", `/task/${id}`, { new_success: 1 });
    expect([refused.statusCode, refused.json()]).toEqual([
      409,
      { error: "The task has ended: Skipped", current_status: "Skipped", allowed: [] },
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
    state.answer = () => ({ status: 400, id: low, state: "Skipped", error, details, allowed: [] });
    const refused = await json(method, url);
    state.answer = ok;
    expect([refused.statusCode, refused.json()]).toEqual([400, { error, details }]);
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
    expect((await json(method, url)).json()).toEqual({ error: "No such batch", details: [] });
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
    expect([answer.statusCode, answer.json().error]).toEqual([400, "Invalid query"]);
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

  it("is told by /ready and /health", async () => {
    expect((await app.inject("/ready")).json()).toEqual({ ready: true, postgres: true, nats: true });
    door.up = false;
    expect([(await app.inject("/ready")).statusCode, (await app.inject("/health")).json()]).toEqual([
      503,
      { status: "degraded" },
    ]);
    door.up = true;
  });
});

it("creates: 400 with every fault and a batch id, and rings once after an insert", async () => {
  const refused = await json("POST", "/task", [{ id: "a" }, { id: "a" }]);
  expect(refused.json()).toEqual({
    error: "Validation failed",
    batch_id: expect.any(String),
    details: expect.arrayContaining(["tasks[0].name: is required", "tasks[1].id: is already the id of tasks[0]"]),
  });
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
