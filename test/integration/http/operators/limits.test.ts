// `GET /limits`: a row a type, key and limit, with what is used, who holds it, and how many tasks wait.
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { Sql } from "#store/pg/pool";
import { fromStart, repairRules } from "#store/rules/repair";
import { openApi } from "../api.ts";
import { pages } from "./pages.ts";

const api = await openApi();
afterAll(api.close);

interface Limit {
  readonly type: string;
  readonly kind: string;
  readonly fields: readonly string[];
  readonly values: readonly unknown[];
  readonly limit: number;
  readonly per_secs: number | null;
  readonly used: number;
  readonly holders: readonly string[];
  readonly waiting: number;
}

const write = (work: (sql: Sql) => Promise<unknown>) => api.db.use(async (sql) => void (await work(sql)));
const matcher = (kind: string, ...fields: string[]) => ({ kind, status: "Running", fields });
const atMost = (n: number, kind: string, ...fields: string[]) => ({
  ...{ type: "Concurrency", max_concurrency: n, matcher: matcher(kind, ...fields) },
});
const task = (id: string, kind: string, metadata: object, ...rules: object[]) => ({
  id,
  name: id,
  kind,
  metadata,
  rules,
});

beforeEach(() =>
  write((sql) => sql`truncate task, task_spec, batch, slot, admission_queue, limit_key, signal cascade`),
);

/** As a worker claims them: each holds its slots. */
const run = (...names: string[]) =>
  write(
    (sql) => sql`
      with claimed as (
        update task t set status = 'Running' from task_spec s
        where s.id = t.id and s.local_id = any(${`{${names.join()}}`}::text[]) returning t.id, t.kind, s.metadata)
      insert into slot (key, task_id)
        select limit_key_of(c.kind, k.fields, c.metadata), c.id from claimed c join key_template k on k.kind = c.kind
        where limit_key_of(c.kind, k.fields, c.metadata) is not null`,
  );
const listed = async () => ((await api.get("/limits")) as Limit[]).toSorted((a, b) => order(a).localeCompare(order(b)));
const order = ({ type, kind, limit, values }: Limit) => JSON.stringify([type, kind, limit, values]);

describe("GET /limits", () => {
  it("names the fields and their values, counts what is used and who waits", async () => {
    const rules = [atMost(2, "resize", "tenant", "size"), atMost(9, "resize")];
    const of = (id: string, tenant: unknown) => task(id, "resize", { tenant, size: null, more: 1 }, ...rules);
    const created = await api.post([of("a", "x"), of("b", "x"), of("c", "x"), of("d", { y: 1 })]);
    expect(created.statusCode).toBe(201);
    await run("a", "b");
    const [a, b] = (created.json() as { id: string }[]).map(({ id }) => id);
    const both = [a, b].toSorted();
    expect(await listed()).toEqual([
      {
        ...{ type: "Concurrency", kind: "resize", fields: ["size", "tenant"], values: [null, "x"], limit: 2 },
        ...{ per_secs: null, used: 2, holders: both, waiting: 1 },
      },
      {
        ...{ type: "Concurrency", kind: "resize", fields: ["size", "tenant"], values: [null, { y: 1 }], limit: 2 },
        ...{ per_secs: null, used: 0, holders: [], waiting: 1 },
      },
      {
        ...{ type: "Concurrency", kind: "resize", fields: [], values: [], limit: 9 },
        per_secs: null,
        used: 2,
        holders: both,
        waiting: 2,
      },
    ]);
  });

  it("tells types and limits of one key apart, and counts work that is left where work is limited", async () => {
    const capacity = { type: "Capacity", max_capacity: 10, matcher: matcher("load") };
    const counted = (id: string, ...rules: object[]) => ({ ...task(id, "load", {}, ...rules), expected_count: 7 });
    await api.post([counted("a", capacity), counted("b", atMost(1, "load")), counted("c", atMost(2, "load"))]);
    await run("a");
    expect((await listed()).map(({ type, limit, used }) => [type, limit, used])).toEqual([
      ["Capacity", 10, 7],
      ["Concurrency", 1, 1],
      ["Concurrency", 2, 1],
    ]);
  });

  it("counts the starts of a window for a Rate, which no task holds", async () => {
    const rate = (max_starts: number, per_secs: number) => ({
      ...{ type: "Rate", max_starts, per_secs, matcher: { kind: "send", fields: ["tenant"] } },
    });
    await api.post([
      task("a", "send", { tenant: 7 }, rate(2, 1), rate(5, 60)),
      task("b", "send", { tenant: 8 }, rate(2, 1)),
    ]);
    const start = (claim: number, secondsAgo: number) =>
      write(
        (sql) => sql`
        insert into rate_start (claim_id, template, key, at)
        select ${claim}, id, rate_key_of('send', '{tenant}', '{"tenant":7}'), now() - ${secondsAgo}::float8 * interval '1 second'
        from rate_template where kind = 'send'`,
      );
    await start(1, 70);
    await start(2, 30);
    await start(3, 0);
    const seen = (await listed()).map(({ values, limit, per_secs, used, holders: by, waiting }) => [
      values,
      limit,
      per_secs,
      used,
      by,
      waiting,
    ]);
    expect(seen).toEqual([
      [[7], 2, 1, 1, [], 1],
      [[8], 2, 1, 0, [], 1],
      [[7], 5, 60, 2, [], 1],
    ]);
  });

  it("shows no limit to tasks that lack a field, and none that no queue goes by any more", async () => {
    await api.post([
      task("a", "k", {}, atMost(1, "k", "tenant")),
      task("b", "k", { tenant: "t" }, atMost(1, "k", "tenant")),
    ]);
    expect(await listed()).toMatchObject([{ values: ["t"], waiting: 1 }]);
    await write((sql) => sql`update task set status = 'Success', ended_at = now()`);
    await write((sql) => sql`update admission_queue set since = now() - interval '2 hours'`);
    await repairRules(api.db, fromStart());
    expect(await listed()).toEqual([]);
  });

  it("gives each once by pages, and the first ten holders", async () => {
    const many = Array.from({ length: 12 }, (_, n) =>
      task(`t${n}`, "k", { n: n % 5 }, atMost(20, "k", "n"), atMost(30, "k")),
    );
    await api.post(many);
    await run(...many.map(({ id }) => id));
    const found = await pages<Limit>(api, "/limits?page_size=4");
    expect(found.map((page) => page.length)).toEqual([4, 2]);
    const all = found.flat();
    expect(new Set(all.map(order)).size).toBe(6);
    expect(all.find(({ limit }) => limit === 30)).toMatchObject({ used: 12, holders: { length: 10 }, waiting: 0 });
    expect(await api.get("/limits?page=1&page_size=4")).toEqual(found[1]);
  });
});
