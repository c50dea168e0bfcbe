// How faults of a batch are given to programs, and what is wrong with dependencies.
import { describe, expect, it } from "vitest";
import { Faults } from "#domain/faults";
import { readBatch } from "#domain/schema/batch";
import { strict } from "#test/policy";

const limits = { tasksMax: 5, dependenciesMax: 2, linksMax: 99, actionsMax: 3, policy: strict };
const now = Date.parse("2026-11-23T12:00:00Z");

function judge(sent: unknown) {
  const text = JSON.stringify(sent ?? null);
  const faults = new Faults();
  const batch = readBatch(JSON.parse(text), text.length, limits, now, faults);
  return { batch, faults: faults.list };
}
const task = (more: object = {}) => ({ id: "a", name: "A", kind: "k", ...more });
const hook = (params: object = {}) => ({ kind: "Webhook", params: { url: "http://h/x", verb: "Post", ...params } });
const long = (n: number) => "😀".repeat(n);

describe("faults for programs", () => {
  const faultsOf = (body: unknown) => {
    const faults = new Faults();
    readBatch(body, JSON.stringify(body).length, limits, now, faults);
    return { list: faults.list, faults: faults.faults };
  };
  const wrong = [task(), task({ id: "host", name: undefined }), task({ id: "c", dependencies: [{ id: "ghost" }] })];

  it("point into the body in the form that was sent, and say the same", () => {
    const messages = ['no task of this call has the id "ghost"; did you mean "host"?', "is required"];
    for (const [body, at] of [
      [wrong, ""],
      [{ tasks: wrong }, "/tasks"],
    ] as const) {
      const { list, faults } = faultsOf(body);
      expect(list.toSorted()).toEqual([`tasks[1].name: ${messages[1]}`, `tasks[2].dependencies[0].id: ${messages[0]}`]);
      expect(faults).toEqual(
        expect.arrayContaining([
          { path: `${at}/1/name`, code: "required", message: messages[1] },
          { path: `${at}/2/dependencies/0/id`, code: "dependency_unknown", message: messages[0] },
        ]),
      );
    }
  });

  it.each<[string, object, string, string]>([
    ["a type", { timeout: "1" }, "/0/timeout", "wrong_type"],
    ["a range", { timeout: 0 }, "/0/timeout", "out_of_range"],
    ["a length", { name: long(256) }, "/0/name", "out_of_range"],
    ["a choice", { retry: { max_retries: 1, retry_on: ["x"] } }, "/0/retry/retry_on/0", "not_allowed"],
    ["a tag", { on_start: { kind: "Mail", params: {} } }, "/0/on_start/kind", "not_allowed"],
    ["a format", { run_at: "soon" }, "/0/run_at", "invalid_format"],
    ["a name", { zzz: 1 }, "/0/zzz", "unknown_field"],
    ["a name with signs", { "a/b~": 1 }, "/0/a~1b~0", "unknown_field"],
    ["bytes", { metadata: { a: "x".repeat(65_529) } }, "/0/metadata", "too_large"],
    ["null", { id: null }, "/0/id", "required"],
    ["null for a word", { on_start: { ...hook(), kind: null } }, "/0/on_start/kind", "required"],
    ["null for an object", { on_start: { kind: "Webhook", params: null } }, "/0/on_start/params", "required"],
    ["null for an entry", { dependencies: [null] }, "/0/dependencies/0", "wrong_type"],
    ["entries", { on_success: [hook(), hook(), hook(), hook()] }, "/0", "too_many"],
    ["a pair", { run_at: "2026-11-24T00:00:00Z", delay_secs: 5 }, "/0/delay_secs", "conflict"],
    ["an expiry that comes too soon", { expires_secs: 1, delay_secs: 5 }, "/0/expires_secs", "conflict"],
    ["itself", { dependencies: [{ id: "a" }] }, "/0/dependencies/0/id", "dependency_self"],
    ["a receiver", { on_start: hook({ url: "http://10.0.0.1/" }) }, "/0/on_start/params/url", "receiver_blocked"],
    ["a host", { on_start: hook({ url: "http:///x" }) }, "/0/on_start/params/url", "invalid_format"],
    ["a port", { on_start: hook({ url: "http://h:0/" }) }, "/0/on_start/params/url", "invalid_format"],
    ["a header", { on_start: hook({ headers: { Host: "x" } }) }, "/0/on_start/params/headers/Host", "header_reserved"],
  ])("say what kind of fault it is: %s", (_what, more, path, code) => {
    expect(faultsOf([task(more)]).faults).toEqual([expect.objectContaining({ path, code })]);
  });

  it("never quote a header's value, and cut what is long", () => {
    const { list } = faultsOf([task({ kind: "y".repeat(500), on_start: hook({ headers: { a: 12345 } }) })]);
    expect(list.join()).not.toContain("12345");
    expect(Math.max(...list.map((line) => line.length))).toBeLessThan(160);
  });
});

describe("dependencies", () => {
  const chain = (...edges: [id: string, ...parents: string[]][]) =>
    edges.map(([id, ...parents]) => task({ id, dependencies: parents.map((parent) => ({ id: parent })) }));

  it("may name a task that comes later", () => {
    expect(judge(chain(["a", "b"], ["b"])).faults).toEqual([]);
  });

  it("in a circle are refused, with the tasks of each", () => {
    const { faults } = judge(chain(["a", "c"], ["b", "a"], ["c", "b"], ["d", "c"], ["e", "d"]));
    expect(faults).toEqual(['tasks[0].dependencies[0].id: closes a cycle of 3 tasks: "a" → "b" → "c" → "a"']);
    const two = judge(chain(["a", "b"], ["b", "a"], ["c", "d"], ["d", "c"]));
    expect(two.faults).toEqual([
      'tasks[0].dependencies[0].id: closes a cycle of 2 tasks: "a" → "b" → "a"',
      'tasks[2].dependencies[0].id: closes a cycle of 2 tasks: "c" → "d" → "c"',
    ]);
  });
});
