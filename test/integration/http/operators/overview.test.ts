// `GET /overview`: what waits, and for what; how much started and ended lately.
import { afterAll, expect, it } from "vitest";
import { advanceRelay, takeRelay } from "#store/events/relay";
import type { Db, Sql } from "#store/pg/pool";
import { openApi } from "../api.ts";

const api = await openApi({ SKIP_SSRF_VALIDATION: "1" });
afterAll(api.close);

const write = (work: (sql: Sql) => Promise<unknown>) => api.db.use(async (sql) => void (await work(sql)));
const call = (url: string) => ({ kind: "Webhook", params: { url, verb: "Post" } });
const task = (id: string, more: object = {}) => ({ id, name: id, kind: "k", ...more });
const set = (name: string, change: string) =>
  write((sql) =>
    sql.unsafe(`update task set ${change} where id = (select id from task_spec where local_id = '${name}')`),
  );
const rates = (starts: number, successes: number, failures: number) => ({ starts, successes, failures });

it("counts each unfinished task once, by what it waits for", async () => {
  const rules = [{ type: "Concurrency", max_concurrency: 1, matcher: { kind: "k", status: "Running", fields: [] } }];
  await api.post([
    ...["claimed", "running", "ready", "retrying", "unsent"].map((id) => task(id)),
    task("waiting", { dependencies: [{ id: "ready" }] }),
    ...["ruled", "ruled too"].map((id) => task(id, { rules })),
    ...[
      task("later", { delay_secs: 600 }),
      task("paused", { paused: true }),
      task("shut", { on_start: call("http://a.test") }),
    ],
  ]);
  await set("claimed", "status = 'Claimed', owner = 1");
  await set("running", "status = 'Running'");
  await set("retrying", "status = 'Retrying'");
  await set("ready", "last_updated = '2030-01-01T00:00:00Z'");
  await set("unsent", "ready_at = now() + interval '9 s', due_at = now()");
  await write(
    (sql) => sql`insert into unsent (task_id, tries, host, error, until)
      select id, 1, 'h', 'e', now() + interval '9 s' from task_spec where local_id = 'unsent'`,
  );
  await write((sql) => sql`insert into circuit (receiver, state, open_until) values ('http://a.test', 'open', now())`);
  await write(
    (sql) =>
      sql`update admission_queue set ready = true, waiting_on = gen_random_uuid(), waiting_type = 'Concurrency', waiting_limit = 1`,
  );
  await write(
    (sql) => sql`insert into dead_letter (id, subject, reason, payload) values (gen_random_uuid(), 's', 'r', '')`,
  );
  await write(
    (sql) => sql`insert into delivery (id, key, batch_id, trigger, action, facts, status, done_at)
      values (gen_random_uuid(), 'k', gen_random_uuid(), 'end', '{}', '{}', 'exhausted', now())`,
  );
  await write(
    (sql) => sql`insert into process (name, alive_until) values ('a', now() + interval '1 hour'), ('b', now())`,
  );
  await write(
    (sql) => sql`insert into event_tally (at, starts, successes, failures)
      values (now() - interval '5 s', 3, 2, 1), (now() - interval '10 minutes', 30, 20, 10), (now() - interval '2 hours', 9, 9, 9)`,
  );
  const overview = await api.get("/overview");
  expect(overview).toEqual({
    ...{ at: expect.stringMatching(/Z$/), running: 2, oldest_ready_at: "2030-01-01T00:00:00.000Z" },
    waiting: { dependency: 1, rule: 2, run_at: 1, backoff: 1, paused: 1, circuit: 1, unreachable: 1, ready: 1 },
    ...{ last_minute: rates(3, 2, 1), last_hour: rates(33, 22, 11) },
    ...{ receivers_unhealthy: 1, exhausted: 1, dead_letters: 1, workers: 1, schedules: [] },
  });
  // Whoever asks at once gets the same figures.
  await write((sql) => sql`delete from dead_letter`);
  expect(await api.get("/overview")).toEqual(overview);
});

it("gets each event into its tallies once, from the process that publishes alone", async () => {
  const at = new Date(Date.UTC(2029, 0, 1));
  const tally = { at, ...rates(1, 2, 3) };
  const stored = async (db: Db) =>
    db.use((sql) => sql`select starts, successes, failures from event_tally where at = ${at}`);
  await takeRelay(api.db, 1, 60_000);
  expect(await advanceRelay(api.db, 2, 60_000, { upto: 5, sequence: 1 }, [tally])).toBe(false);
  expect(await stored(api.db)).toEqual([]);
  expect(await advanceRelay(api.db, 1, 60_000, { upto: 5, sequence: 1 }, [tally])).toBe(true);
  expect(await advanceRelay(api.db, 1, 60_000, { upto: 6, sequence: 1 }, [tally])).toBe(true);
  expect(await advanceRelay(api.db, 1, 60_000, { upto: 6, sequence: 1 })).toBe(true);
  expect([...(await stored(api.db))]).toEqual([rates(2, 4, 6)]);
});
