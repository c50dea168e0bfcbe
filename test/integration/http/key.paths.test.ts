// A key belongs to its method and path: the same one on another path is another key, and none that a client can send is Baton's own.
import { afterAll, expect, it } from "vitest";
import { rerunFor } from "#intake/bulk/rerun";
import { openReruns, task } from "./rerun.stage.ts";

const { api, create, end, rerun } = await openReruns();
afterAll(api.close);

const send = async (url: string, payload: object, key: string) => {
  const answer = await api.app.inject({ method: "POST", url, payload, headers: { "idempotency-key": key } });
  return { status: answer.statusCode, batch: answer.headers["x-batch-id"] };
};
async function failed(): Promise<string> {
  const batch = await create([task("a"), task("b")]);
  await end(batch, { a: "Failure" });
  return batch;
}
const again = async (batch: string, key: string) => {
  const { statusCode, headers } = await rerun(batch, { only: "failed" }, { "idempotency-key": key });
  return { status: statusCode, batch: headers["x-batch-id"] };
};

it("reruns each batch under the same key, and each once", async () => {
  const [a, b] = [await failed(), await failed()];
  const [first, other] = [await again(a, "k"), await again(b, "k")];
  expect([first.status, other.status, first.batch === other.batch]).toEqual([201, 201, false]);
  // An id is the same one in capitals.
  expect([await again(a, "k"), await again(b.toUpperCase(), "k")]).toEqual([first, other]);
});

it("creates, runs again, adds and asks in bulk under the same key", async () => {
  const old = await failed();
  const open = await create({ tasks: [task("a")], open: true });
  const made = await send("/task", [task("a")], "same");
  const bulk = { action: "pause", tasks: { kind: "nobody" } };
  const statuses = [
    (await again(old, "same")).status,
    (await send(`/batch/${open}/tasks`, [task("b")], "same")).status,
    (await send("/bulk", bulk, "same")).status,
  ];
  expect([made.status, ...statuses]).toEqual([201, 201, 201, 202]);
  expect(await send("/task", [task("a")], "same")).toEqual(made);
});

it("does not take a key that looks like a path for that of the path", async () => {
  const old = await failed();
  for (const key of ["/bulk k", `/batch/${old}/rerun k`])
    expect((await send("/task", [task("a")], key)).status).toBe(201);
  expect((await send("/bulk", { action: "pause", tasks: { kind: "nobody" } }, "k")).status).toBe(202);
  expect((await again(old, "k")).status).toBe(201);
});

it("lets no client take the key of a rerun in bulk", async () => {
  const old = await failed();
  const bulk = "019b0000-0000-7000-8000-00000000000b";
  const own = `bulk:${bulk}:${old}`;
  await send("/task", [task("a")], own);
  await rerun(old, { only: "all" }, { "idempotency-key": own });
  expect(await rerunFor(api.deps, bulk, old)).toEqual({ status: 201 });
});
