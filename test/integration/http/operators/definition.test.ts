// `GET /batch/{id}/definition`: what it answers, posted, makes the same batch again.
import { randomUUID } from "node:crypto";
import { afterAll, describe, expect, it } from "vitest";
import { openApi } from "../api.ts";

const api = await openApi({ SKIP_SSRF_VALIDATION: "1" });
afterAll(api.close);

const call = (path: string) => ({
  kind: "Webhook",
  params: { url: `http://a.test/${path}`, verb: "Post", headers: { authorization: "secret" }, body: { n: 1 } },
});
const definition = async (id: string) => (await api.app.inject(`/batch/${id}/definition`)).json();
async function create(body: object): Promise<string> {
  const answer = await api.post(body);
  expect([answer.statusCode, answer.statusCode < 300 ? [] : answer.json().details]).toEqual([expect.any(Number), []]);
  return answer.headers["x-batch-id"] as string;
}

const rule = { type: "Concurrency", max_concurrency: 2, matcher: { kind: "k", status: "Running", fields: ["tenant"] } };
const full = {
  tasks: [
    { id: "plain", name: "Plain", kind: "k", timeout: 60 },
    {
      ...{ id: "all", name: "All", kind: "k", timeout: 5, max_duration_secs: 100, expires_secs: 90 },
      metadata: { tenant: "a" },
      ...{
        on_start: call("start"),
        on_success: [call("success")],
        on_failure: [call("failure")],
        on_cancel: [call("cancel")],
      },
      dependencies: [{ id: "plain", requires_success: true }, { id: "gate", condition: "on_failure" }, { id: "late" }],
      ...{ rules: [rule], join: "any", dedupe_strategy: [{ kind: "k", status: "Success", fields: ["tenant"] }] },
      ...{ expected_count: 0, priority: -3, dead_end_barrier: true, paused: true, dead_end: "cancel", delay_secs: 30 },
      retry: { max_retries: 2, initial_delay_secs: 1, backoff_multiplier: 3, max_delay_secs: 9, retry_on: ["timeout"] },
    },
    { id: "gate", name: "Gate", kind: "g", timeout: 31_536_000, on_start: { kind: "Wait", params: { prompt: "Go?" } } },
    { id: "late", name: "Late", kind: "k", timeout: 60, run_at: new Date(Date.now() + 3_600_000).toISOString() },
  ],
  on_batch_complete: [call("complete")],
  ...{ scope: "s", metadata: { owner: "o" }, paused: true, deadline_secs: 1_000, dead_end: "keep" },
};

describe("GET /batch/{id}/definition", () => {
  it("is the body that was sent, without what says nothing", async () => {
    expect(await definition(await create(full))).toEqual(full);
  });

  it("makes the same batch again, whose definition is the same", async () => {
    const once = await definition(await create(full));
    expect(await definition(await create(once))).toEqual(once);
  });

  it("leaves out edges to deduplicated tasks, and a time that has passed", async () => {
    const kind = randomUUID();
    const twin = { name: "t", kind, metadata: { n: 1 }, timeout: 60 };
    await create([{ id: "x", ...twin }]);
    const id = await create([
      { id: "gone", ...twin, dedupe_strategy: [{ kind, status: "Pending", fields: ["n"] }] },
      { id: "left", name: "l", kind, timeout: 60, run_at: "2020-01-01T00:00:00Z", dependencies: [{ id: "gone" }] },
    ]);
    expect(await definition(id)).toEqual({ tasks: [{ id: "left", name: "l", kind, timeout: 60 }] });
  });

  it("leaves out what a service answered to a start call", async () => {
    const id = await create([{ id: "a", name: "a", kind: "k", timeout: 60 }]);
    const answered = JSON.stringify([{ ...call("stop"), trigger: "Cancel", answered: true }]);
    await api.db.use((sql) => sql`update task_spec set actions = ${answered}::text::jsonb where batch_id = ${id}`);
    expect(await definition(id)).toEqual({ tasks: [{ id: "a", name: "a", kind: "k", timeout: 60 }] });
  });

  it("has tasks of all parts in the order in which they were sent", async () => {
    const tasks = Array.from({ length: 450 }, (_, n) => ({
      ...{ id: `t${n}`, name: "n", kind: "k", timeout: 60 },
      ...(n < 449 ? { dependencies: [{ id: `t${n + 1}` }] } : {}),
    }));
    expect(await definition(await create(tasks))).toEqual({ tasks });
  });

  it("of an empty batch is an empty one", async () => {
    expect(await definition(await create([]))).toEqual({ tasks: [] });
    expect(await definition(await create({ tasks: [], scope: "s" }))).toEqual({ tasks: [], scope: "s" });
  });

  it("is 404 where there is none", async () => {
    const answer = await api.app.inject(`/batch/${randomUUID()}/definition`);
    expect([answer.statusCode, answer.json().code]).toEqual([404, "unknown_batch"]);
  });
});
