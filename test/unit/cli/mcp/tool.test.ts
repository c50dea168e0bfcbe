// That the tools of `baton mcp` say no less than they do: what they call decides whether they only read.
import { expect, it } from "vitest";
import { toolsOf } from "../../../../src/cli/mcp/server.ts";
import { parameter, parametersOf, readsOnly } from "../../../../src/cli/mcp/tool.ts";
import { operations } from "../../../../src/http/operations/table.ts";

const all = toolsOf(true);

it("has at most twelve, and without --write only such as read", () => {
  expect(all.length).toBeLessThanOrEqual(12);
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  expect(toolsOf(false).every(readsOnly)).toBe(true);
  expect(all.filter((tool) => !toolsOf(false).includes(tool)).some(readsOnly)).toBe(false);
});

it.each(all.map((tool) => [tool.name, tool] as const))(
  "%s only reads if the table says that all its calls do",
  (_, tool) => {
    const rights = tool.operations.map((id) => operations[id].right);
    const writes = rights.some((right) => right !== "read" && right !== "open");
    expect(readsOnly(tool)).toBe(!writes || tool.rehearses === true);
    if (tool.rehearses) expect(tool.operations.map((id) => parametersOf(id).includes("dry_run"))).toEqual([true]);
    const deletes = tool.operations.some((id) => operations[id].method === "delete");
    expect(tool.isDestructive ?? false).toBe(deletes);
  },
);

it("describes each argument, and those of the API in its words", () => {
  for (const { name, description, input } of all) {
    expect(description.length, name).toBeGreaterThan(50);
    for (const [argument, property] of Object.entries(input.properties))
      if (!("enum" in property)) expect(property.description, `${name}.${argument}`).toEqual(expect.any(String));
    for (const required of input.required ?? []) expect(Object.keys(input.properties)).toContain(required);
  }
  expect(parameter("search", "q")).toMatchObject({ type: "string", description: operations.search.query?.q.what });
  expect(() => parameter("search", "nothing")).toThrow("search has no parameter nothing");
});
