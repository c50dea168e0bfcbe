// How many dependencies a call may have, over all its tasks.
import { expect, it } from "vitest";
import { Faults } from "#domain/faults";
import { readBatch } from "#domain/schema/batch";
import { strict } from "#test/policy";

const limits = { tasksMax: 5, dependenciesMax: 2, linksMax: 4, actionsMax: 3, policy: strict };

/** A task for each number, with so many dependencies on the first ones. */
function judge(counts: number[]) {
  const faults = new Faults();
  const dependencies = (n: number) => Array.from({ length: n }, (_, j) => ({ id: `${j}` }));
  const sent = counts.map((n, i) => ({ id: `${i}`, name: "A", kind: "k", dependencies: dependencies(n) }));
  readBatch(sent, 100, limits, Date.now(), faults);
  return faults.list;
}

it("counts the dependencies of all tasks together, and looks at none where there are too many", () => {
  expect(judge([0, 1, 2, 1])).toEqual([]);
  expect(judge([0, 1, 2, 2])).toEqual(["tasks: must have at most 4 dependencies in all, have 5"]);
});
