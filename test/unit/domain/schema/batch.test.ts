// What POST /task accepts: a table of bad bodies, each naming its path, and the proof that no fault hides another.
import { describe, expect, it } from "vitest";
import { Faults } from "#domain/faults";
import { readBatch } from "#domain/schema/batch";
import { strict } from "#test/policy";

const limits = { tasksMax: 5, dependenciesMax: 2, linksMax: 4, actionsMax: 3, policy: strict };
const now = Date.parse("2026-11-23T12:00:00Z");

function judge(sent: unknown) {
  const text = JSON.stringify(sent ?? null);
  const faults = new Faults();
  const batch = readBatch(JSON.parse(text), text.length, limits, now, faults);
  return { batch, faults: faults.list };
}
const task = (more: object = {}) => ({ id: "a", name: "A", kind: "k", ...more });
const hook = (params: object = {}) => ({ kind: "Webhook", params: { url: "http://h/x", verb: "Post", ...params } });
const rule = (more: object = {}) => ({
  type: "Concurrency",
  max_concurrency: 1,
  matcher: { kind: "k", status: "Running", fields: [] },
  ...more,
});
const long = (n: number) => "😀".repeat(n);

describe("a task that is wrong at one place", () => {
  it.each<[string, object, string]>([
    ["no name", { name: undefined }, "tasks[0].name: is required"],
    ["blank id", { id: " \t" }, "tasks[0].id: must be a text of 1 to 255 characters that is not blank"],
    ["long name", { name: long(256) }, "tasks[0].name: must be a text of 1 to 255"],
    ["long kind", { kind: long(101) }, "tasks[0].kind: must be a text of 1 to 100"],
    ["number as a text", { timeout: "1" }, "tasks[0].timeout: must be an integer from 1 to 31536000"],
    ["true as a number", { timeout: true }, "tasks[0].timeout: must be an integer from 1 to 31536000"],
    ["a fraction", { priority: 1.5 }, "tasks[0].priority: must be an integer from -1000 to 1000"],
    ["too small", { timeout: 0 }, "tasks[0].timeout: must be an integer"],
    ["too large", { timeout: 31_536_001 }, "tasks[0].timeout: must be an integer"],
    [
      "negative count",
      { expected_count: -1 },
      "tasks[0].expected_count: must be an integer from 0 to 9007199254740991",
    ],
    ["inexact count", { expected_count: 2 ** 53 }, "tasks[0].expected_count: must be an integer"],
    ["an unknown field", { timeouts: 5 }, "tasks[0].timeouts: is not a known field"],
    ["metadata as an array", { metadata: [] }, "tasks[0].metadata: must be an object"],
    ["large metadata", { metadata: { a: "x".repeat(65_529) } }, "tasks[0].metadata: must take at most 65536 bytes"],
    ["an unknown join", { join: "some" }, 'tasks[0].join: must be one of all, any, not "some"'],
    ["an unknown dead end", { dead_end: true }, "tasks[0].dead_end: must be one of cancel, keep, not true"],
    ["barrier as a text", { dead_end_barrier: "yes" }, "tasks[0].dead_end_barrier: must be true or false"],
    ["an action of no kind", { on_start: { params: {} } }, "tasks[0].on_start.kind: is required"],
    [
      "an action of another kind",
      { on_start: { kind: "Mail", params: {} } },
      "tasks[0].on_start.kind: must be one of Webhook, Nats",
    ],
    ["an action as a text", { on_start: "x" }, "tasks[0].on_start: must be an object"],
    [
      "another scheme",
      { on_start: hook({ url: "ftp://h/" }) },
      "tasks[0].on_start.params.url: must be a URL that starts with",
    ],
    [
      "a password",
      { on_start: hook({ url: "http://u:p@h/" }) },
      "tasks[0].on_start.params.url: must not hold a user name",
    ],
    ["a backslash", { on_start: hook({ url: "http:\\\\h/" }) }, "tasks[0].on_start.params.url: must not hold blanks"],
    [
      "a verb in capitals",
      { on_start: hook({ verb: "POST" }) },
      "tasks[0].on_start.params.verb: must be one of Get, Post",
    ],
    ["an unknown parameter", { on_start: hook({ uri: "" }) }, "tasks[0].on_start.params.uri: is not a known field"],
    ["a line break in a header", { on_start: hook({ headers: { a: "x\r\ny: z" } }) }, "headers.a: must hold printable"],
    [
      "a header name with a blank",
      { on_start: hook({ headers: { "a b": "x" } }) },
      'headers["a b"]: is not a header name',
    ],
    [
      "a number as a header",
      { on_start: hook({ headers: { a: 1 } }) },
      "tasks[0].on_start.params.headers.a: must be a text",
    ],
    [
      "an end body that is no object",
      { on_success: [hook({ body: [1] })] },
      "tasks[0].on_success[0].params.body: must be an object",
    ],
    [
      "a subject elsewhere",
      { on_start: { kind: "Nats", params: { subject: "work.x" } } },
      "tasks[0].on_start.params.subject: must be a subject under baton.work.",
    ],
    [
      "a subject with a wildcard",
      { on_cancel: [{ kind: "Nats", params: { subject: "baton.work.*" } }] },
      "tasks[0].on_cancel[0].params.subject: must be",
    ],
    [
      "too many actions",
      { on_start: hook(), on_success: [hook(), hook()], on_cancel: [hook()] },
      "tasks[0]: must have at most 3 actions, has 4",
    ],
    [
      "an unknown dependency",
      { dependencies: [{ id: "z" }] },
      'tasks[0].dependencies[0].id: no task of this call has the id "z"',
    ],
    [
      "itself as a dependency",
      { dependencies: [{ id: "a" }] },
      "tasks[0].dependencies[0].id: must not name the task itself",
    ],
    [
      "an unknown condition",
      { dependencies: [{ id: "z", condition: "never" }] },
      "tasks[0].dependencies[0].condition: must be one of always, on_success, on_failure, none_failed, not",
    ],
    [
      "condition and requires_success",
      { dependencies: [{ id: "z", condition: "always", requires_success: false }] },
      "tasks[0].dependencies[0].condition: must not be given together",
    ],
    [
      "too many dependencies",
      { dependencies: [{ id: "x" }, { id: "y" }, { id: "z" }] },
      "tasks[0].dependencies: must have at most 2 entries, has 3",
    ],
    [
      "run_at and delay_secs",
      { run_at: "2026-11-24T00:00:00Z", delay_secs: 5 },
      "tasks[0].delay_secs: must not be given together with run_at",
    ],
    ["a time without offset", { run_at: "2026-11-24T00:00:00" }, "tasks[0].run_at: must be an RFC 3339 time"],
    ["the 30th of February", { run_at: "2026-02-30T00:00:00Z" }, "tasks[0].run_at: must be an RFC 3339 time"],
    [
      "a time in the year 0 of UTC",
      { run_at: "0001-01-01T00:00:00+10:00" },
      "tasks[0].run_at: must be an RFC 3339 time",
    ],
    [
      "a time in two years",
      { run_at: "2028-11-24T00:00:00Z" },
      "tasks[0].run_at: must be at most one year (365 days) ahead",
    ],
    [
      "a delay of over a year",
      { delay_secs: 31_536_001 },
      "tasks[0].delay_secs: must be an integer from 0 to 31536000",
    ],
    ["retry without a number", { retry: {} }, "tasks[0].retry.max_retries: is required"],
    [
      "retry on an unknown cause",
      { retry: { max_retries: 1, retry_on: ["rain"] } },
      "tasks[0].retry.retry_on[0]: must be one of timeout, start_failure, explicit",
    ],
    [
      "a rule of another type",
      { rules: [rule({ type: "Speed" })] },
      'tasks[0].rules[0].type: must be one of Concurrency, Capacity, Rate, not "Speed"',
    ],
    [
      "a limit of zero",
      { rules: [rule({ max_concurrency: 0 })] },
      "tasks[0].rules[0].max_concurrency: must be an integer from 1",
    ],
    [
      "a rule about another status",
      { rules: [rule({ matcher: { kind: "k", status: "Pending", fields: [] } })] },
      'tasks[0].rules[0].matcher.status: must be "Running"',
    ],
    [
      "Capacity without expected_count",
      { rules: [{ type: "Capacity", max_capacity: 1, matcher: { kind: "k", status: "Running", fields: [] } }] },
      "tasks[0].rules[0]: needs expected_count",
    ],
    [
      "dedupe by an unknown status",
      { dedupe_strategy: [{ kind: "k", status: "Done", fields: [] }] },
      "tasks[0].dedupe_strategy[0].status: must be one of Waiting",
    ],
  ])("%s", (_what, more, fault) => {
    const { batch, faults } = judge([task(more)]);
    expect(batch).toBeUndefined();
    expect(faults.filter((line) => line.includes(fault))).toHaveLength(1);
  });
});

describe("a batch that is wrong", () => {
  it.each<[string, unknown, string]>([
    ["a text", "x", "body: must be an array of tasks, or an object with tasks"],
    ["nothing", undefined, "body: must be an array of tasks"],
    ["no tasks", { scope: "x" }, "tasks: is required"],
    ["tasks that are none", [5, null], "tasks[1]: must be an object"],
    ["an unknown field", { tasks: [], scopes: 1 }, "scopes: is not a known field"],
    ["an unknown dead end", { tasks: [], dead_end: "stop" }, 'dead_end: must be one of cancel, keep, not "stop"'],
    ["a blank scope", { tasks: [], scope: "" }, "scope: must be a text"],
    [
      "too many tasks",
      Array.from({ length: 6 }, (_, i) => task({ id: `t${i}` })),
      "tasks: must have at most 5 entries, has 6",
    ],
    [
      "a wrong batch action",
      { tasks: [], on_batch_complete: [hook({ url: "x" })] },
      "on_batch_complete[0].params.url: must be a URL",
    ],
    [
      "a wrong single batch action",
      { tasks: [], on_batch_complete: hook({ url: "x" }) },
      "on_batch_complete.params.url: must be a URL",
    ],
    ["one id twice", [task(), task()], 'tasks[1].id: "a" is already the id of tasks[0]'],
    [
      "a dependency twice",
      [task(), task({ id: "b", dependencies: [{ id: "a" }, { id: "a" }] })],
      'tasks[1].dependencies[1].id: names "a" twice',
    ],
  ])("%s", (_what, body, fault) => {
    expect(judge(body).faults.join("\n")).toContain(fault);
  });
});

it("lists every fault at once, those between tasks included", () => {
  const { faults } = judge({
    scopes: 1,
    tasks: [
      { id: "", name: 5, zzz: 1, on_start: hook({ url: "x", verb: "post" }), dependencies: [{ id: "q" }] },
      task({
        id: "b",
        run_at: "soon",
        delay_secs: -1,
        rules: [{ type: "Capacity", max_capacity: 0, matcher: { kind: "k", status: "Running", fields: [] } }],
      }),
      task({ id: "b", dependencies: [{ id: "b" }] }),
    ],
  });
  expect(faults.map((line) => line.slice(0, line.indexOf(": "))).sort()).toEqual(
    // biome-ignore format: many short ones
    [
      "scopes", "tasks[0].dependencies[0].id", "tasks[0].id", "tasks[0].kind", "tasks[0].name", "tasks[0].on_start.params.url",
      "tasks[0].on_start.params.verb", "tasks[0].zzz", "tasks[1].delay_secs", "tasks[1].delay_secs", "tasks[1].rules[0]",
      "tasks[1].rules[0].max_capacity", "tasks[1].run_at", "tasks[2].dependencies[0].id", "tasks[2].id",
    ].sort(),
  );
});

describe("takes", () => {
  it.each<[string, object]>([
    ["the longest words, counted in code points", { name: long(255), kind: long(100) }],
    [
      "every optional field as null",
      Object.fromEntries(
        "timeout max_duration_secs expires_secs metadata on_start on_success on_failure on_cancel dependencies rules dedupe_strategy expected_count priority dead_end_barrier dead_end join retry run_at delay_secs"
          .split(" ")
          .map((key) => [key, null]),
      ),
    ],
    [
      "ArcRun's spelling",
      { rules: [{ type: "Concurency", max_concurency: 1, matcher: { kind: "k", status: "Running", fields: ["a"] } }] },
    ],
    ["metadata of exactly 64 KB", { metadata: { a: "x".repeat(65_528) } }],
    ["any JSON as a start body", { on_start: hook({ body: [1, "x", null] }) }],
    ["a content type", { on_start: hook({ headers: { "Content-Type": "text/plain" } }) }],
    ["a time with another offset", { run_at: "2026-11-24t00:00:00.123456+02:00" }],
    ["names that are properties of every object", { id: "constructor", name: "__proto__" }],
  ])("%s", (_what, more) => {
    expect(judge([task(more)])).toMatchObject({ faults: [], batch: { tasks: [{}] } });
  });

  it("both forms, and an empty batch", () => {
    expect(judge([]).batch).toEqual({
      ...{ tasks: [], onComplete: [], scope: null, metadata: null, paused: false, open: false },
      ...{ deadlineSecs: null, deadEnd: null },
    });
    const { batch } = judge({
      tasks: [task()],
      on_batch_complete: hook({ body: null }),
      scope: "s",
      metadata: { a: 1 },
      deadline_secs: 31_536_000,
      dead_end: "keep",
      open: true,
    });
    expect(batch).toMatchObject({
      scope: "s",
      open: true,
      deadEnd: "keep",
      metadata: { a: 1 },
      deadlineSecs: 31_536_000,
      onComplete: [{ kind: "Webhook", params: { url: "http://h/x", verb: "Post" } }],
    });
    expect(batch?.onComplete[0]?.params).not.toHaveProperty("body");
  });
});
