// A rerun of a large batch: its links are copied a page at a time.
import { afterAll, expect, it } from "vitest";
import { endedLinks } from "#store/create/rerun";
import { ids, openReruns, task } from "./rerun.stage.ts";

const { api, create, end, rerun } = await openReruns();
afterAll(api.close);

it("of 12,000 tasks is one transaction", async () => {
  const tasks = Array.from({ length: 12_000 }, (_, n) =>
    task(`t${n}`, n === 0 ? {} : { dependencies: [{ id: `t${n - 1}`, requires_success: true }] }),
  );
  const old = await create(tasks);
  await end(old, { t11999: "Failure", t11998: "Canceled" });
  expect(ids((await rerun(old)).json())).toEqual(["t11998", "t11999"]);
  expect((await rerun(old, { only: "all" })).json()).toHaveLength(12_000);
});

it("copies more links than it holds at once, each as it was", async () => {
  const edges = [{}, { requires_success: true }, { condition: "none_failed" }];
  const layer = (n: number, parents: number) =>
    Array.from({ length: 300 }, (_, i) =>
      task(`${n}-${i}`, {
        dependencies: Array.from({ length: parents }, (_, p) => ({ id: `${n - 1}-${p}`, ...edges[(i + p) % 3] })),
      }),
    );
  const old = await create([...layer(0, 0), ...layer(1, 100), ...layer(2, 100)]);
  await end(old, { "0-299": "Failure" });
  const made = await rerun(old, { only: "all" });
  const edgesOf = async (batch: string) =>
    api.db.use(
      (sql) => sql`
          select p.local_id as parent, c.local_id as child, l.requires_success, l.condition
          from task_spec c join link l on l.child_id = c.id join task_spec p on p.id = l.parent_id
          where c.batch_id = ${batch} order by 2, 1`,
    );
  const batch = String(made.headers["x-batch-id"]);
  const again = await edgesOf(batch);
  expect(again).toHaveLength(60_000);
  expect([...again]).toEqual([...(await edgesOf(old))]);
  const pages = await api.db.use(async (sql) => {
    const children = await sql<{ id: string }[]>`select id from task_spec where batch_id = ${old} order by rank`;
    return Array.fromAsync(
      endedLinks(
        sql,
        children.map(({ id }) => id),
      ),
      (page) => page.length,
    );
  });
  expect([Math.max(...pages) <= 20_000, pages.reduce((sum, n) => sum + n)]).toEqual([true, 60_000]);
  const waits = await api.db.use(
    (sql) => sql`
        select count(*)::int as n, sum(wait_finished)::int as finished, sum(wait_success)::int as success,
          sum(children)::int as children, sum(open_children)::int as open from task where batch_id = ${batch}`,
  );
  expect(waits[0]).toEqual({ n: 900, finished: 60_000, success: 20_000, children: 60_000, open: 60_000 });
});
