// Pages of listings: a cursor neither repeats nor skips a row while others are created, pages end where there is no `Link`, and
// what a page shows is right where a batch has ended tasks and unfinished ones.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeCounts } from "#store/turn/counters";
import { openApi } from "./api.ts";

const api = await openApi({ PAGINATION_MAX: "7" });
afterAll(api.close);

const task = (id: string, more: object = {}) => ({ id, name: `name ${id}`, kind: "k", ...more });
const create = async (body: unknown) => (await api.post(body)).headers["x-batch-id"] as string;

async function get(url: string) {
  const answer = await api.app.inject(url);
  const link = answer.headers.link as string | undefined;
  return {
    status: answer.statusCode,
    headers: answer.headers,
    body: answer.json(),
    next: link && /<(.*)>; rel="next"/.exec(link)?.[1],
  };
}

/** Every row from here to where there is no `Link`; `between` runs after each page. */
async function follow<T>(url: string, between: () => Promise<unknown> = async () => {}): Promise<T[]> {
  const rows: T[] = [];
  for (let at: string | undefined = url; at !== undefined; ) {
    const page = await get(at);
    expect(page.status).toBe(200);
    rows.push(...(page.body as T[]));
    at = page.next;
    await between();
  }
  return rows;
}

describe("a cursor", () => {
  const all: string[] = [];
  beforeAll(async () => {
    for (let i = 0; i < 5; i++) {
      const answer = await api.post(Array.from({ length: 9 }, (_, n) => task(`t${n}`, { kind: `k${n % 2}` })));
      all.push(...answer.json().map((one: { id: string }) => one.id));
    }
  });

  it.each([
    "/task?name=name&page_size=4",
    "/task?page_size=7",
    "/task?status=Pending,Running&page_size=4&page=0",
    "/task?kind=k&page_size=4",
  ])("of %s gives each task once, while others are created", async (url) => {
    const before = (
      await api.db.use((sql) => sql<{ id: string }[]>`select id from task order by created_at desc, id`)
    ).map(({ id }) => id);
    const found = await follow<{ id: string }>(url, () => create([task("more")]));
    expect(found.map(({ id }) => id)).toEqual(before);
  });

  it("gives each batch once, while others are created", async () => {
    const before = await api.db.use(
      (sql) => sql<{ id: string }[]>`select id from batch order by created_at desc, id desc`,
    );
    const found = await follow<{ batch_id: string }>("/batches?page_size=3&kind=k", () => create([task("more")]));
    expect(found.map(({ batch_id }) => batch_id)).toEqual(before.map(({ id }) => id));
  });

  it("is refused beside a page, on another listing, and where it is none", async () => {
    const { next = "" } = await get("/task?page_size=2");
    const after = new URL(next, "http://x").searchParams.get("after") as string;
    for (const url of [
      `/task?after=${after}&page=0`,
      `/batches?after=${after}`,
      "/task?after=x",
      `/task?after=${after.slice(0, -4)}`,
    ]) {
      const { status, body } = await get(url);
      expect([url, status, body.details[0]]).toEqual([url, 400, expect.stringMatching(/^after: must/)]);
    }
    expect((await get(next)).body).toHaveLength(2);
  });

  it("leads on where page reaches no further", async () => {
    const { body, headers } = await get("/task?page=50000&page_size=2");
    expect([body, decodeURIComponent(headers["baton-warning"] as string)]).toEqual([
      [],
      expect.stringContaining("after"),
    ]);
    expect((await get("/task?page=49999&page_size=2")).headers).not.toHaveProperty("baton-warning");
  });
});

describe("a batch", () => {
  const set = (id: string, status: string) =>
    api.db.use(
      (sql) =>
        sql`update task set status = ${status}::task_status, owner = case when ${status} = 'Claimed' then 1 end where id = ${id}`,
    );
  let batch = "";
  beforeAll(async () => {
    const tasks = ["a", "b", "c"].map((id) => task(id, { kind: `own.${id}`, expected_count: 2 }));
    const answer = await api.post({ tasks, scope: "own", metadata: { own: 1 } });
    batch = answer.headers["x-batch-id"] as string;
    await set(answer.json()[1].id, "Running");
  });

  it("says its state, its kinds and its times", async () => {
    const { body } = await get(`/batch/${batch}`);
    expect(body).toMatchObject({
      status: "running",
      status_counts: { pending: 2, running: 1 },
      total_expected: 6,
      kinds: ["own.a", "own.b", "own.c"],
      completed_at: null,
      ...{ paused: false, open: false, propagating: false, rerun_of: null, first_failure: null },
      ...{ created_by: "anonymous" },
    });
    expect(body.first_created_at).toBe(body.created_at);
    expect(Date.parse(body.latest_updated_at)).toBeGreaterThanOrEqual(Date.parse(body.created_at) - 1);
  });

  it.each([
    "status=Running",
    "status=running&scope=own",
    "status=Success,Running",
    "status=success,running&scope=own",
    "kind=wn.b&status=Running",
  ])("is found by ?%s", async (query) => {
    const { body } = await get(`/batches?${query}`);
    expect(body.map((one: { batch_id: string }) => one.batch_id)).toEqual([batch]);
  });

  it.each(["status=Failure", "status=paused", "kind=wn.a&status=Running", "kind=own&name=nosuch"])(
    "is not found by ?%s",
    async (query) => {
      expect((await get(`/batches?${query}`)).body).toEqual([]);
    },
  );

  it("adds what counters brought to a task after its end", async () => {
    const answer = await api.post([task("late")]);
    const id = answer.json()[0].id;
    const ended = {
      id,
      status: "Success",
      attempt: 0,
      endedAt: new Date(),
      inDoubt: false,
      isAwaited: false,
      success: 7,
      failures: 1,
    } as const;
    await api.db.tx(async (sql) => {
      await sql`update task set status = 'Success', ended_at = now(), success = 2 where id = ${id}`;
      await sql`update batch set unfinished = 0, succeeded = 1, ended_success = 2, ended_unexpected = 1, completed_at = now()
        where id = ${answer.headers["x-batch-id"] as string}`;
      await writeCounts(sql, [ended]);
    });
    const { body } = await get(`/batch/${answer.headers["x-batch-id"]}`);
    expect(body).toMatchObject({ status: "success", total_success: 7, total_failures: 1, total_expected: null });
  });

  it("refuses a state that there is not, with those that there are", async () => {
    const { status, body } = await get("/batches?status=Running,nosuch");
    expect([status, body.details]).toEqual([
      400,
      [expect.stringMatching(/^status: must be one or several of Waiting, .*, canceled, comma/)],
    ]);
  });
});

describe("GET /dag", () => {
  const ids: string[] = [];
  let batch = "";
  const links = () => [
    [0, 1, "requires_success"],
    [0, 2, "always"],
    [1, 2, "on_failure"],
    [2, 3, "always"],
  ];
  beforeAll(async () => {
    const answer = await api.post([
      task("a"),
      task("b", { dependencies: [{ id: "a", requires_success: true }] }),
      task("c", { dependencies: [{ id: "b", condition: "on_failure" }, { id: "a" }] }),
      task("d", { dependencies: [{ id: "c", requires_success: false }] }),
    ]);
    batch = answer.headers["x-batch-id"] as string;
    ids.push(...answer.json().map((one: { id: string }) => one.id));
  });

  it("gives each page the links of its tasks to tasks of this and earlier pages", async () => {
    const first = await get(`/dag/${batch}?page_size=3`);
    expect(first.body.tasks.map((one: { id: string }) => one.id)).toEqual(ids.slice(0, 3));
    expect(first.body.links).toEqual([
      { parent_id: ids[0], child_id: ids[1], requires_success: true, condition: null },
      { parent_id: ids[0], child_id: ids[2], requires_success: false, condition: null },
      { parent_id: ids[1], child_id: ids[2], requires_success: false, condition: "on_failure" },
    ]);
    const second = await get(first.next as string);
    expect(second.body.links).toEqual([
      { parent_id: ids[2], child_id: ids[3], requires_success: false, condition: null },
    ]);
    expect([second.body.tasks.length, second.next]).toEqual([1, undefined]);
    expect((await get(`/dag/${batch}?page_size=3&page=1`)).body).toEqual(second.body);
  });

  it("numbers tasks over all pages in the compact form", async () => {
    const whole = await get(`/dag/${batch}?compact=1`);
    expect(whole.body).toEqual({
      tasks: ids.map((id, i) => [id, "abcd"[i], `name ${"abcd"[i]}`, "k", i === 0 ? "Pending" : "Waiting"]),
      links: links(),
    });
    const second = await get((await get(`/dag/${batch}?compact=1&page_size=2`)).next as string);
    expect(second.body.links).toEqual(links().slice(1));
  });
});

it("finds deliveries by batch, receiver and several states", async () => {
  const batch = await create([task("a")]);
  await api.db.use(
    (sql) => sql`
      insert into delivery (id, key, batch_id, trigger, action, facts, status, done_at, receiver)
      select gen_random_uuid(), 'd' || n, ${batch}::uuid, 'end', '{}', '{}', (array['pending', 'success', 'exhausted'])[n]::delivery_status,
        case when n > 1 then now() end, 'https://h:' || n from generate_series(1, 3) n`,
  );
  const keys = async (query: string) =>
    (await get(`/webhook-deliveries?${query}`)).body.map((one: { key: string }) => one.key).sort();
  expect(await keys(`batch_id=${batch}`)).toEqual(["d1", "d2", "d3"]);
  expect(await keys("receiver=h:2")).toEqual(["d2"]);
  expect(await keys("status=pending,exhausted")).toEqual(["d1", "d3"]);
  expect(await keys(`batch_id=${batch}&receiver=h:1&status=success`)).toEqual([]);
  expect((await follow(`/webhook-deliveries?page_size=1`)).length).toBe(3);
});
