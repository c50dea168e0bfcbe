// The text of the playground, in both forms.
import { describe, expect, it } from "vitest";
import { readJson, warningAt } from "#web/screens/playground/reading";
import { readYaml, writeYaml } from "#web/screens/playground/yaml-text";

const batch = {
  scope: "ci",
  tasks: [
    { id: "a", name: "a: b", kind: "k" },
    { id: "b", name: "yes", kind: "k", dependencies: [{ id: "a" }], rules: [{ matcher: { kind: "none" } }] },
  ],
};

describe.each([
  ["JSON", readJson, (value: unknown) => JSON.stringify(value, null, 2)],
  ["YAML", readYaml, writeYaml],
])("%s", (_name, read, write) => {
  it("is read as it was written", () => expect(read(write(batch)).batch).toEqual(batch));

  it("names the line of each part, or of the nearest thing round it", () => {
    const text = write(batch);
    const { lineOf } = read(text);
    const lines = text.split("\n");
    expect(lines[lineOf("/scope") - 1]).toContain("ci");
    expect(lines[lineOf("/tasks/1/name") - 1]).toContain("yes");
    expect(lines[lineOf("/tasks/1/rules/0/matcher/kind") - 1]).toContain("none");
    expect(lineOf("/tasks/1/rules/0/matcher/fields")).toBe(lineOf("/tasks/1/rules/0/matcher"));
    expect(lineOf("/nowhere")).toBe(1);
  });

  it("takes a bare array, whose faults the server names below /tasks", () => {
    const text = write(batch.tasks);
    const { lineOf, batch: found } = read(text);
    expect(found).toEqual({ tasks: batch.tasks });
    expect(text.split("\n")[lineOf("/tasks/1/name") - 1]).toContain("yes");
  });

  it("says where it cannot be read", () => {
    const { wrong, batch: found } = read(_name === "JSON" ? '{\n  "a": 1,\n  "b" }' : "a: 1\nb: [1\nc: 2");
    expect(found).toBeUndefined();
    expect(wrong?.line).toBeGreaterThan(1);
  });

  it("puts a warning at its place", () => {
    const text = write(batch);
    const { line } = warningAt("tasks[1].rules[0].matcher.kind: no task has it", read(text).lineOf);
    expect(text.split("\n")[line - 1]).toContain("none");
    expect(warningAt("something else", read(text).lineOf)).toEqual({ line: 1, said: "something else" });
  });
});

it("refuses a name that is there twice in YAML, and follows an anchor", () => {
  expect(readYaml("a: 1\na: 2").wrong?.said).toContain("unique");
  const text = "base: &base\n  kind: k\ntasks:\n  - *base\n";
  expect(readYaml(text).lineOf("/tasks/0/kind")).toBe(2);
});
