// `GET /search`: ids, names and scopes, each as the contract says it, newest first.
import { afterAll, beforeAll, expect, it } from "vitest";
import { openApi } from "../api.ts";

const api = await openApi();
afterAll(api.close);

interface Created {
  readonly batch: string;
  readonly tasks: readonly string[];
}
async function create(body: object): Promise<Created> {
  const answer = await api.post(body);
  expect(answer.statusCode).toBe(201);
  return {
    batch: answer.headers["x-batch-id"] as string,
    tasks: (answer.json() as { id: string }[]).map(({ id }) => id),
  };
}
const task = (id: string, name: string) => ({ id, name, kind: "k" });
const found = async (q: string) => (await api.get(`/search?q=${encodeURIComponent(q)}`)) as Record<string, string>[];

let first: Created;
let second: Created;
beforeAll(async () => {
  first = await create({
    scope: "nightly",
    tasks: [task("a", "Load orders"), task("b", "Load%orders"), task("c", "load")],
  });
  second = await create({ tasks: [task("a", "Load orders"), task("b", "Reload")] });
});

it("finds the beginnings of names, case-sensitive, the newest first", async () => {
  const orders = { type: "task", label: "Load orders", status: "Pending" };
  expect(await found("Load ")).toEqual([
    { ...orders, id: second.tasks[0], batch_id: second.batch },
    { ...orders, id: first.tasks[0], batch_id: first.batch },
  ]);
  expect((await found("Load%")).map(({ id }) => id)).toEqual([first.tasks[1]]);
  expect((await found("load")).map(({ id }) => id)).toEqual([first.tasks[2]]);
  expect(await found("oad")).toEqual([]);
  expect(await found("_oad")).toEqual([]);
});

it("finds whole scopes", async () => {
  const batch = { type: "batch", id: first.batch, label: "nightly", batch_id: first.batch, status: "running" };
  expect(await found("nightly")).toEqual([batch]);
  expect(await found("night")).toEqual([]);
  expect(await found("Nightly")).toEqual([]);
});

it("finds ids, in either case, by 13 characters or more", async () => {
  const batch = { type: "batch", id: second.batch, label: second.batch, batch_id: second.batch, status: "running" };
  expect(await found(second.batch.toUpperCase())).toEqual([batch]);
  const [one = ""] = second.tasks;
  for (const length of [36, 35, 24, 14, 13])
    expect((await found(one.slice(0, length))).map(({ id }) => id)).toContain(one);
  expect(await found(one.slice(0, 12))).toEqual([]);
  expect(await found(`${one.slice(0, 13)}x`)).toEqual([]);
});

it("gives the newest twenty, whatever the names are", async () => {
  const ids: string[] = [];
  for (let n = 0; n < 25; n++) ids.unshift((await create([task("a", `many ${n % 3}`)])).tasks[0] as string);
  expect((await found("many")).map(({ id }) => id)).toEqual(ids.slice(0, 20));
});

it.each([
  ["/search", "q: is required", "required"],
  ["/search?q=", "q: must be a text of 1 to 255 characters without NUL", "out_of_range"],
  [`/search?q=${"x".repeat(256)}`, "q: must be a text of 1 to 255", "out_of_range"],
  ["/search?q=%00", "q: must be a text of 1 to 255", "invalid_format"],
])("refuses %s", async (url, detail, code) => {
  const answer = await api.app.inject(url);
  expect([answer.statusCode, answer.json()]).toMatchObject([
    400,
    { code: "validation_failed", details: [expect.stringContaining(detail)], faults: [{ path: "?q", code }] },
  ]);
});
