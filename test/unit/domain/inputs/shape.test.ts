// What `inputs` may look like, and beside what they may stand.
import { describe, expect, it } from "vitest";
import { Faults } from "#domain/faults";
import { readAction } from "#domain/schema/action";
import { readBatch } from "#domain/schema/batch";
import { strict } from "#test/policy";

const limits = { tasksMax: 5, dependenciesMax: 5, linksMax: 9, actionsMax: 3, policy: strict };

function judge(params: object, kind = "Webhook") {
  const faults = new Faults();
  const own = kind === "Nats" ? { subject: "baton.work.x" } : { url: "https://h.example.com/", verb: "Post" };
  const on_start = { kind, params: { ...own, ...params } };
  const dependencies = [{ id: "a" }];
  const sent = [
    { id: "a", name: "A", kind: "k" },
    { id: "b", name: "B", kind: "k", dependencies, on_start },
  ];
  readBatch(sent, 100, limits, Date.now(), faults);
  return faults.list.map((line) => line.replace("tasks[1].on_start.params.", ""));
}
const of = (input: object) => ({ inputs: { x: { task: "a", ...input } } });

describe("inputs", () => {
  it.each([
    { inputs: "parents" },
    { inputs: null },
    { inputs: {} },
    of({}),
    of({ pointer: "", default: null }),
    of({ pointer: "/a~0b/~1/0", default: { any: [1] } }),
    { ...of({}), body: { mine: 1 } },
    { ...of({}), body: null },
  ])("are taken as %j", (params) => {
    expect([judge(params), judge(params, "Nats")]).toEqual([[], []]);
  });

  it.each<[object, string[]]>([
    [{ inputs: "all" }, ['inputs: must be "parents", or an object of inputs by name, not "all"']],
    [{ inputs: [] }, ['inputs: must be "parents", or an object of inputs by name, not an array']],
    [{ inputs: { x: "a" } }, ['inputs.x: must be an object, not "a"']],
    [{ inputs: { x: {} } }, ["inputs.x.task: is required"]],
    [of({ pointer: "a" }), [expect.stringMatching(/^inputs\.x\.pointer: must be an RFC 6901 pointer.*, not "a"$/)]],
    [of({ pointer: "/~2" }), [expect.stringMatching(/^inputs\.x\.pointer: /)]],
    [of({ pointer: "/a~" }), [expect.stringMatching(/^inputs\.x\.pointer: /)]],
    [of({ defaults: 1 }), ['inputs.x.defaults: is not a known field; did you mean "default"?']],
    [{ inputs: { "": { task: "a" } } }, ['inputs[""]: its name must have 1 to 100 characters']],
    [
      { inputs: { ["ü".repeat(101)]: { task: "a" } } },
      [expect.stringMatching(/: its name must have 1 to 100 characters$/)],
    ],
    [
      { inputs: Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`x${i}`, { task: "a" }])) },
      ["inputs: must have at most 50 entries, has 51"],
    ],
  ])("are refused as %j", (params, faults) => {
    expect([judge(params), judge(params, "Nats")]).toEqual([faults, faults]);
  });

  it("need a body that is an object, or none, and a verb that sends one; a message carries them beside any body", () => {
    const given = { inputs: "parents" };
    expect(judge({ ...given, verb: "Get" })).toEqual([
      "inputs: must not be given with the verb Get, which sends no body",
    ]);
    for (const [body, named] of [
      ["a text", '"a text"'],
      [[1], "an array"],
      [7, "7"],
    ] as const) {
      expect(judge({ ...given, body })).toEqual([
        `body: must be an object, or left out, where inputs are given, not ${named}`,
      ]);
      expect(judge({ ...given, body }, "Nats")).toEqual([]);
    }
  });

  it("belong to a start alone", () => {
    const faults = new Faults();
    const params = { url: "https://h.example.com/", verb: "Post", inputs: "parents" };
    readAction({ kind: "Webhook", params }, strict, faults);
    readAction({ kind: "Nats", params: { subject: "baton.work.x", inputs: "parents" } }, strict, faults);
    expect(faults.list).toEqual(["params.inputs: is not a known field"]);
    expect(judge({ prompt: "go?", inputs: "parents" }, "Wait")).toContain("inputs: is not a known field");
  });
});
