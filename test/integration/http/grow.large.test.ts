// Large bodies of POST /batch/{id}/tasks and POST /task/{id}/tasks: another thread deals with them, the answers are those of every
// other body, and no other call has to wait. A body that is padded with blanks is a large one that says the same.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { afterAll, describe, expect, it } from "vitest";
import { signatureOf } from "#domain/calls/handle";
import { addFromMessage } from "#intake/by-message";
import { limits } from "#limits";
import { openApi } from "./api.ts";

const secret = "a secret of at least some length";
const env = { MAX_TASKS_PER_BATCH: "20000", MAX_LINKS_PER_BATCH: "500000", PAYLOAD_MAX_BYTES: "50000000" };
const api = await openApi({ ...env, HANDLE_SECRET: secret });
afterAll(api.close);

const task = (id: string, more: object = {}) => ({ id, name: `name ${id}`, kind: "k", ...more });
const padded = (text: string) => text + " ".repeat(limits.largeBodyBytes);

async function post(url: string, payload: string, headers: Record<string, string> = {}) {
  const sent = { "content-type": "application/json", ...headers };
  const answer = await api.app.inject({ method: "POST", url, headers: sent, payload });
  const { "x-batch-id": batch, "baton-deduplicated": omitted, "content-type": type } = answer.headers;
  return { status: answer.statusCode, headers: { batch, omitted, type }, text: answer.body };
}

/** A batch of one task that is open. */
async function open() {
  const { headers, text } = await post("/task", JSON.stringify({ tasks: [task("first")], open: true }));
  const [{ id }] = JSON.parse(text) as [{ id: string }];
  return { batch: String(headers.batch), id };
}

/** Without what is made anew for each batch and call. */
const alike = (answer: unknown) =>
  JSON.parse(
    JSON.stringify(answer)
      .replace(/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g, "<id>")
      .replace(/20\d\d-\d\d-\d\dT[\d:.]+Z/g, "<time>"),
  );

const sound = [task("a", { dependencies: [{ id: "first", requires_success: true }] }), task("b", { delay_secs: 5 })];

describe("a large addition is answered as any other:", () => {
  it.each([
    ["added", JSON.stringify(sound), "", 201],
    ["empty", "[]", "", 204],
    ["a dry run", JSON.stringify(sound), "?dry_run=1", 200],
    ["faults of the body and of the query", JSON.stringify([task("first", { timeout: 0 }), {}]), "?dry_run=x", 400],
    ["no JSON", "[{]", "", 400],
  ])("%s", async (_, text, query, status) => {
    const [small, large] = [await open(), await open()];
    const one = await post(`/batch/${small.batch}/tasks${query}`, text);
    const other = await post(`/batch/${large.batch}/tasks${query}`, padded(text));
    expect(one.status).toBe(status);
    expect(alike(other)).toEqual(alike(one));
  });

  it("to a batch that is not there, or is complete", async () => {
    const { batch } = await open();
    await api.db.use(
      (sql) =>
        sql`update batch set open = false, unfinished = 0, succeeded = 1, completed_at = now() where id = ${batch}`,
    );
    for (const [id, code] of [
      [batch, "batch_complete"],
      ["019b0000-0000-7000-8000-00000000000a", "unknown_batch"],
    ]) {
      const answer = await post(`/batch/${id}/tasks`, padded(JSON.stringify([task("z")])));
      expect(JSON.parse(answer.text).code).toBe(code);
    }
  });

  it("under a key, whichever of two equal bodies comes first", async () => {
    const text = JSON.stringify(sound);
    for (const [first, second] of [
      [text, padded(text)],
      [padded(text), text],
    ] as const) {
      const { batch } = await open();
      const key = { "idempotency-key": "k" };
      const made = await post(`/batch/${batch}/tasks`, first, key);
      expect(made.status).toBe(201);
      expect(await post(`/batch/${batch}/tasks`, second, key)).toEqual(made);
      expect((await post(`/batch/${batch}/tasks`, padded("[]"), key)).status).toBe(422);
    }
  });

  it("by the handle of a task at work, which may name no other task", async () => {
    const { id } = await open();
    await api.db.use((sql) => sql`update task set status = 'Running' where id = ${id}`);
    const by = (tasks: object) =>
      post(`/task/${id}/tasks?sig=${signatureOf(secret, id, 0)}`, padded(JSON.stringify(tasks)));
    expect(await by([task("c", { dependencies: [{ id: "first" }] })])).toMatchObject({ status: 201 });
    expect(JSON.parse((await by([task("d", { dependencies: [{ id: "other" }] })])).text).details).toEqual([
      expect.stringContaining("other"),
    ]);
  });

  it("by a message", async () => {
    const { batch } = await open();
    const answer = await addFromMessage(api.deps, batch, Buffer.from(padded(JSON.stringify(sound))), "m");
    expect([answer.status, answer.headers?.["x-batch-id"]]).toEqual([201, batch]);
    expect((await addFromMessage(api.deps, batch, JSON.stringify(sound), "m")).status).toBe(201);
  });
});

it("holds up no other call for half a second", { timeout: 120_000 }, async () => {
  const { batch } = await open();
  const parents = (n: number) => Array.from({ length: Math.min(n, 50) }, (_, p) => ({ id: `t${n - p - 1}` }));
  const body = JSON.stringify(Array.from({ length: 10_000 }, (_, n) => task(`t${n}`, { dependencies: parents(n) })));
  expect(body.length).toBeGreaterThan(7_000_000);
  const url = await api.app.listen({ port: 0, host: "127.0.0.1" });
  await fetch(`${url}/health`);
  const bytes = Buffer.from(body);
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${url}/batch/${batch}/tasks`, { method: "POST", headers, body: bytes });
  for await (const _ of answer.body ?? []);
  delay.disable();
  expect(answer.status).toBe(201);
  expect(delay.max / 1e6).toBeLessThan(400);
  expect(await api.get(`/batch/${batch}`)).toMatchObject({ total_tasks: 10_001 });
});
