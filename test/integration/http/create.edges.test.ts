// What a call says of edges, joins and dead ends, as it is kept and shown. On a real Postgres, without workers.
import { afterAll, expect, it } from "vitest";
import { openApi } from "./api.ts";

const api = await openApi();
afterAll(api.close);

type Named = { readonly local_id: string };
const task = (id: string, more: object = {}) => ({ id, name: `name ${id}`, kind: "k", ...more });
const rows = (batch: string) => api.db.use((sql) => sql`select * from task where batch_id = ${batch} order by pos`);

it("keeps how dependencies are joined and what becomes of dead ends, and shows it everywhere", async () => {
  const on = (condition: string) => ["a", "b"].map((id) => ({ id, condition }));
  const answer = await api.post({
    dead_end: "keep",
    tasks: [
      task("a"),
      task("b", { dead_end: "cancel" }),
      task("c", { join: "any", dependencies: on("none_failed") }),
      task("d", { join: "all", dependencies: on("on_success") }),
    ],
  });
  const batch = answer.headers["x-batch-id"] as string;
  const words = (tasks: { dead_end: string; join: string }[]) =>
    tasks.map(({ dead_end, join }) => `${dead_end} ${join}`);
  const wanted = ["keep all", "cancel all", "keep any", "keep all"];
  const created = answer.json();
  const one = await Promise.all(created.map(({ id }: { id: string }) => api.get(`/task/${id}`)));
  expect(words(created)).toEqual(wanted);
  expect(words(one)).toEqual(wanted);
  expect(
    words(
      (await api.get(`/task?batch_id=${batch}`)).toSorted((a: Named, b: Named) => (a.local_id < b.local_id ? -1 : 1)),
    ),
  ).toEqual(wanted);
  const dag = await api.get(`/dag/${batch}`);
  expect(words(dag.tasks)).toEqual(wanted);
  expect(
    dag.links.map((l: { requires_success: boolean; condition: string }) => [l.requires_success, l.condition]),
  ).toEqual([
    ...[
      [false, "none_failed"],
      [false, "none_failed"],
      [false, "on_success"],
      [false, "on_success"],
    ],
  ]);
  expect((await rows(batch)).map((t) => [t.dead_end_keep, t.joins_any, t.wait_finished, t.wait_success])).toEqual([
    [true, false, 0, 0],
    [false, false, 0, 0],
    [true, true, 2, 0],
    [true, false, 2, 2],
  ]);
  const spec = await api.db.use((sql) => sql`select dead_end from batch_spec where id = ${batch}`);
  expect(spec[0]).toEqual({ dead_end: "keep" });
  const plain = await api.post([task("x")]);
  expect(plain.json()[0]).toMatchObject({ dead_end: "cancel", join: "all" });
});

it("starts a task that any one parent starts where one of them was left out, and says that nothing else holds it up", async () => {
  const twin = { kind: "joined", metadata: { n: 1 } };
  await api.post([task("first", twin)]);
  const answer = await api.post([
    task("left", { ...twin, dedupe_strategy: [{ kind: "joined", status: "Pending", fields: ["n"] }] }),
    task("there"),
    task("any", { join: "any", dependencies: [{ id: "left", requires_success: true }, { id: "there" }] }),
  ]);
  const [, any] = answer.json();
  expect(any).toMatchObject({ local_id: "any", status: "Pending" });
  await api.db.use((sql) => sql`update task set status = 'Paused' where id = ${any.id}`);
  expect((await api.get(`/task/${any.id}`)).blocked_by).toEqual([{ type: "paused" }]);
});
