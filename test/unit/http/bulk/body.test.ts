// The body of POST /bulk: filters are read as the queries of the listings are, and nothing that was mistyped takes everything.
import { expect, it } from "vitest";
import { bulkKinds } from "#domain/bulk";
import { Faults } from "#domain/faults";
import { Bulk } from "#domain/schema/bulk";
import { filtersOf, readBulk } from "#http/bulk/body";
import { bulkOperations } from "#http/operations/bulk";

const read = (body: unknown) => {
  const faults = new Faults();
  return [readBulk(body, faults), faults.list];
};
const asked = (kind: string, filter: object, more: object = {}) => ({
  ...{ action: "cancel", kind, filter, reason: null, isRehearsal: false },
  ...more,
});
const batchId = "019b0000-0000-7000-8000-00000000000A";

it.each([
  [{ status: "Pending,Waiting" }, { status: ["Pending", "Waiting"] }],
  [{ status: ["Pending", "Waiting", "Pending"] }, { status: ["Pending", "Waiting"] }],
  [{ metadata: '{"tenant":"a"}' }, { metadata: { tenant: "a" } }],
  [{ metadata: { tenant: "a" } }, { metadata: { tenant: "a" } }],
  [{ timeout: 60 }, { timeout: 60 }],
  [{ timeout: "60" }, { timeout: 60 }],
  [{ batch_id: batchId }, { batch_id: batchId.toLowerCase() }],
  [
    { kind: "a%", name: null, metadata: {}, batch_id: "", start_kind: "none" },
    { kind: "a%", start_kind: "none" },
  ],
])("reads %j", (tasks, filter) => {
  expect(read({ action: "cancel", tasks })).toEqual([asked("tasks", filter), []]);
});

it("reads the other kinds, a reason and a rehearsal", () => {
  expect(read({ action: "rerun", batches: { status: ["failure"], created_after: "2030-01-31T12:00:00Z" } })).toEqual([
    asked("batches", { status: ["failure"], created_after: "2030-01-31T12:00:00.000Z" }, { action: "rerun" }),
    [],
  ]);
  const body = { action: "replay", deliveries: { receiver: "h:80" }, reason: "again", dry_run: true };
  const more = { action: "replay", reason: "again", isRehearsal: true };
  expect(read(body)).toEqual([asked("deliveries", { receiver: "h:80" }, more), []]);
  expect(read({ action: "cancel", tasks: { kind: "a" }, batches: null, reason: " ", dry_run: null })).toEqual([
    asked("tasks", { kind: "a" }),
    [],
  ]);
});

const known = "status, kind, name, batch_id, metadata, timeout, start_kind";
const none = `tasks: must have at least one filter out of ${known}`;
it.each([
  [undefined, ["body: must be an object"]],
  [[], ["body: must be an object, not an array"]],
  [{ action: "cancel" }, ["body: must name what is meant: one of tasks, batches, deliveries"]],
  [{ tasks: { kind: "a" } }, ["action: is required"]],
  [{ action: "delete", tasks: { kind: "a" } }, [expect.stringMatching(/^action: must be one of cancel, .*"delete"$/)]],
  [{ action: "cancel", tasks: {} }, [none]],
  [{ action: "cancel", tasks: { kind: "", metadata: {}, name: null } }, [none]],
  [{ action: "cancel", tasks: { metadata: "{}" } }, [none]],
  [
    { action: "cancel", tasks: { knid: "a" } },
    [`tasks.knid: is no filter here; known are ${known}; did you mean "kind"?`],
  ],
  [
    { action: "cancel", tasks: { kind: "a", page: 0 } },
    [`tasks.page: says which page, and is no filter here; known are ${known}`],
  ],
  [{ action: "cancel", tasks: { kind: "a", page_size: 0 } }, [expect.stringMatching(/^tasks.page_size: says/)]],
  [{ action: "cancel", tasks: { kind: "a", after: "x" } }, [expect.stringMatching(/^tasks.after: says/)]],
  [
    { action: "cancel", tasks: { status: [] } },
    [expect.stringMatching(/^tasks.status: must be one or several of Waiting/)],
  ],
  [{ action: "cancel", tasks: { status: ["Pending,Running"] } }, [expect.stringMatching(/^tasks.status: must be/)]],
  [{ action: "cancel", tasks: { status: "running" } }, [expect.stringMatching(/^tasks.status: .*not "running"$/)]],
  [{ action: "cancel", tasks: { kind: 1 } }, ["tasks.kind: must be a text without NUL, not 1"]],
  [{ action: "cancel", tasks: { kind: "a".repeat(1_001) } }, ["tasks.kind: must be a text of at most 1000 characters"]],
  [{ action: "cancel", tasks: { metadata: [1] } }, ["tasks.metadata: must be a JSON object, not an array"]],
  [{ action: "cancel", tasks: { metadata: "{" } }, ['tasks.metadata: must be a JSON object, not "{"']],
  [{ action: "cancel", tasks: { metadata: '{"a":1e999}' } }, [expect.stringMatching(/^tasks.metadata: /)]],
  [
    { action: "cancel", tasks: { metadata: { a: "b".repeat(65_536) } } },
    [expect.stringMatching(/^tasks.metadata: must take at most/)],
  ],
  [{ action: "cancel", tasks: { timeout: 1.5 } }, ["tasks.timeout: must be an integer from 0 to 2147483647, not 1.5"]],
  [
    { action: "cancel", tasks: { timeout: true } },
    ["tasks.timeout: must be an integer from 0 to 2147483647, not true"],
  ],
  [{ action: "cancel", tasks: { batch_id: "x" } }, ['tasks.batch_id: must be a UUID, not "x"']],
  [
    { action: "cancel", tasks: { kind: "a" }, batches: { kind: "a" } },
    ["batches: must not be given together with tasks"],
  ],
  [{ action: "rerun", tasks: { kind: "a" } }, ["tasks: rerun takes batches"]],
  [{ action: "replay", batches: { kind: "a" } }, ["batches: replay takes deliveries"]],
  [{ action: "pause", deliveries: { receiver: "a:1" } }, ["deliveries: pause takes tasks or batches"]],
  [
    { action: "cancel", tasks: { kind: "a" }, reason: "x".repeat(1_001) },
    [`reason: must be a text of at most 1000 characters, not "${"x".repeat(60)}…"`],
  ],
  [{ action: "cancel", tasks: { kind: "a" }, dry_run: "1" }, ['dry_run: must be true or false, not "1"']],
  [{ action: "cancel", tasks: { kind: "a" }, only: "all" }, ["only: is not a known field"]],
  [{ action: "cancel", tasks: "a" }, ['tasks: must be an object, not "a"']],
])("refuses %j", (body, details) => {
  expect(read(body)).toEqual([undefined, details]);
});

it("documents the filters of the listings, and no others", () => {
  for (const kind of bulkKinds) {
    const { schema } = Bulk.fields[kind] as unknown as { schema: { members: readonly { fields: object }[] } };
    expect(Object.keys(schema.members[0]?.fields ?? {}).toSorted()).toEqual(filtersOf(kind).toSorted());
  }
});

it("takes its own example", () => {
  expect(read(bulkOperations.createBulk.body?.example)[1]).toEqual([]);
});
