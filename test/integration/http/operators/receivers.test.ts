// `GET /receivers`: whom Baton called lately, or has calls for, how their circuits stand, and what waits for them.
import { afterAll, expect, it } from "vitest";
import { noteReceivers } from "#store/maintenance/receivers";
import type { Sql } from "#store/pg/pool";
import { openApi } from "../api.ts";
import { pages } from "./pages.ts";

const api = await openApi({ SKIP_SSRF_VALIDATION: "1" });
afterAll(api.close);

const write = (work: (sql: Sql) => Promise<unknown>) => api.db.use(async (sql) => void (await work(sql)));
const call = (url: string) => ({ kind: "Webhook", params: { url, verb: "Post" } });
const task = (id: string, url: string, more: object = {}) => ({
  id,
  name: id,
  kind: "k",
  on_start: call(url),
  ...more,
});
const none = { circuit: "closed", until: null, calls_open: 0, waiting: 0, last_error: null, at: null };
const claim = (name: string) =>
  write(
    (sql) =>
      sql`update task set status = 'Claimed', owner = 1 where id = (select id from task_spec where local_id = ${name})`,
  );

it("lists what was called, what fails and what is waited for, each once, by name", async () => {
  const rules = [{ type: "Concurrency", max_concurrency: 5, matcher: { kind: "k", status: "Running", fields: [] } }];
  await api.post([
    task("open", "http://a.test/x"),
    task("waits", "http://a.test/y"),
    task("ruled", "http://a.test:80/z", { rules }),
    task("later", "http://a.test/z", { delay_secs: 600 }),
    task("unsent", "https://b.test:8443/"),
  ]);
  await claim("open");
  // What a claim round makes of the signal of a new task.
  await write((sql) => sql`update admission_queue set ready = true`);
  await write(
    (sql) => sql`update task set ready_at = now() + interval '9 s', due_at = now()
      where id = (select id from task_spec where local_id = 'unsent')`,
  );
  await write(
    (sql) => sql`
      insert into unsent (task_id, tries, host, error, until)
      select id, 1, 'b.test:8443', 'refused', now() + interval '9 s' from task_spec where local_id = 'unsent'`,
  );
  await write(
    (sql) => sql`
      insert into circuit (receiver, state, failures, open_until)
      values ('https://b.test:8443', 'open', 5, '2030-01-01T00:00:00Z'), ('http://c.test', 'closed', 1, null)`,
  );
  await write(
    (sql) => sql`
      insert into delivery (id, key, batch_id, trigger, action, facts, receiver, lease_until, next_at)
      select gen_random_uuid(), n::text, gen_random_uuid(), 'end', '{}', '{}', 'http://d.test',
        case when n = 1 then now() + interval '1 minute' end, now() + case when n = 3 then 1 else 0 end * interval '1 hour'
      from generate_series(1, 3) n`,
  );
  await noteReceivers(api.db, [
    { receiver: "http://e.test", agoMs: 5_000, error: undefined },
    { receiver: "https://b.test:8443", agoMs: 0, error: "refused" },
  ]);
  await noteReceivers(api.db, [{ receiver: "https://b.test:8443", agoMs: 9_000, error: undefined }]);
  const at = expect.stringMatching(/Z$/);
  const all = [
    { receiver: "a.test:80", ...none, calls_open: 1, waiting: 2 },
    { receiver: "c.test:80", ...none },
    { receiver: "d.test:80", ...none, calls_open: 1, waiting: 1 },
    { receiver: "e.test:80", ...none, at },
    {
      ...{ receiver: "b.test:8443", circuit: "open", until: "2030-01-01T00:00:00.000Z", calls_open: 0, waiting: 1 },
      ...{ last_error: "refused", at },
    },
  ];
  const found = (await api.get("/receivers")) as { receiver: string; at: string }[];
  expect(found).toEqual(all);
  // The newest call is the one that ended last.
  expect(Date.parse(found[4]?.at ?? "") > Date.parse(found[3]?.at ?? "")).toBe(true);
  expect(await pages(api, "/receivers?page_size=2")).toEqual([all.slice(0, 2), all.slice(2, 4), all.slice(4)]);
  expect(await api.get("/receivers?page=1&page_size=2")).toEqual(all.slice(2, 4));
});
