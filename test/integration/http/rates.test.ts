// A Rate as a client sees it: what is taken and refused, warnings, and why a task waits and until when.
import { afterAll, beforeAll, expect, it } from "vitest";
import { openApi } from "./api.ts";

let api: Awaited<ReturnType<typeof openApi>>;
beforeAll(async () => {
  api = await openApi();
});
afterAll(() => api.close());

const rate = (kind: string, max_starts: number, per_secs: number, ...fields: string[]) => ({
  ...{ type: "Rate", max_starts, per_secs, matcher: { kind, fields } },
});
const task = (kind: string, ...rules: object[]) => ({ id: "a", name: "a", kind, metadata: { tenant: 1 }, rules });
const startedAgo = (kind: string, ...secs: number[]) =>
  api.db.use(
    (sql) => sql`
    insert into rate_start (claim_id, template, key, at)
    select (random() * 1e9)::bigint, t.id, rate_key_of(t.kind, t.fields, '{"tenant":1}'), now() - s * interval '1 second'
    from rate_template t, unnest(${`{${secs.join()}}`}::float8[]) s where t.kind = ${kind} and not 'missing' = any(t.fields)`,
  );

it("is returned as it was sent, with or without a status", async () => {
  const sent = [
    rate("k", 5, 60, "tenant"),
    { ...rate("k", 1, 1), matcher: { kind: "k", status: "Running", fields: [] } },
  ];
  const made = await api.post([task("k", ...sent)]);
  expect([made.statusCode, made.json()[0].rules]).toEqual([201, sent]);
});

it("refuses what is no rate, all faults at once", async () => {
  const bad = { type: "Rate", max_starts: 0, per_secs: 86_401, matcher: { kind: "k", status: "Pending", fields: [] } };
  const { details } = (await api.post([task("k", bad)])).json();
  expect(details.map((line: string) => line.split(":")[0]).sort()).toEqual([
    "tasks[0].rules[0].matcher.status",
    "tasks[0].rules[0].max_starts",
    "tasks[0].rules[0].per_secs",
  ]);
});

it("warns of a field that the metadata lacks, and of a kind that no task has", async () => {
  const made = await api.post([task("k", rate("k", 1, 1, "tennant"), rate("other", 1, 1))], "?dry_run=1");
  expect(made.json().warnings).toEqual([
    'tasks[0].rules[0].matcher.fields[0]: the metadata of the task has no "tennant", so this rule never lets it start; did you mean "tenant"?',
    'tasks[0].rules[1].matcher.kind: no task of this call has the kind "other"',
  ]);
});

it("says how much of it is used, and until when the task waits", async () => {
  const rules = [rate("send", 2, 60, "tenant"), rate("send", 9, 1, "tenant"), rate("send", 1, 1, "missing")];
  const [{ id }] = (await api.post([task("send", ...rules)])).json();
  await startedAgo("send", 70, 20, 10, 0);
  const before = Date.now();
  const { blocked_by: blocked } = await api.get(`/task/${id}`);
  expect(blocked).toMatchObject([
    { type: "rule", rule: rules[0], used: 3, limit: 2, holders: [] },
    { type: "rule", rule: rules[2], missing: ["missing"] },
  ]);
  // The second newest keeps its place for the window and the margin.
  const inMs = new Date(blocked[0].until).getTime() - before;
  expect(inMs).toBeGreaterThan(47_000);
  expect(inMs).toBeLessThanOrEqual(50_200);
});

it("does not block while there is a place", async () => {
  const [{ id }] = (await api.post([task("few", rate("few", 2, 60))])).json();
  await startedAgo("few", 10);
  expect((await api.get(`/task/${id}`)).blocked_by).toEqual([{ type: "slots" }]);
});
