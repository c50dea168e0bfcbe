// The table of shapes, asked of the pure step.
import { expect, it } from "vitest";
import { cases, seen } from "#test/graphs";
import { Harness } from "../harness.ts";

it.each(cases)("$name", async ({ tasks, command: [verb, id], expected }) => {
  const harness = new Harness(tasks, true);
  if (verb !== "cancel") await harness.tell("claim", id);
  await harness.tell(verb, id);
  expect(Object.fromEntries([...harness.rows].map(([name, row]) => [name, seen(row.status)]))).toEqual(expected);
});
