// The reference model is the judge of what cannot run: a rerun of what failed is the old batch in which everything that
// succeeded has just done so again. Ends are random, also such as no batch comes to.
import fc from "fast-check";
import { expect, it } from "vitest";
import type { KeptTask } from "#domain/rerun";
import { Reference } from "#test/reference";
import { batchOf, type Needs, needs, plan } from "./sketch.ts";

it("failed: agrees with the reference model about random batches", () => {
  const ends = ["Success", "Success", "Failure", "Canceled", "Skipped"] as const;
  // Of a task that is lost in both ways, in the model the one that comes first decides; all at once, it fails. So each task
  // can be lost in one way only, and a test of its own asks for both.
  const kinds = (Object.keys(needs) as Needs[]).filter((what) => what !== "always");
  const [conditions, required] = [kinds.filter((what) => what !== "required"), ["required"] as const];
  const edges = (ways: readonly Needs[]) =>
    fc.array(fc.tuple(fc.nat(), fc.constantFrom<Needs>("always", ...ways)), { maxLength: 3 });
  const sketches = fc
    .array(fc.tuple(fc.constantFrom(...ends), fc.oneof(edges(conditions), edges(required))), {
      minLength: 1,
      maxLength: 9,
    })
    .map((all) =>
      all.map(([end, edges], n): [KeptTask["status"], Record<string, Needs>] => [
        end,
        Object.fromEntries(n === 0 ? [] : edges.map(([parent, what]) => [`t${parent % n}`, what])),
      ]),
    );
  fc.assert(
    fc.property(sketches, (all) => {
      const named = all.map(([end, parents], n) => ({ id: `t${n}`, end, parents }));
      const model = new Reference(
        named.map(({ id: name, end, parents }) => ({
          id: name,
          dependencies:
            end === "Success" ? [] : Object.entries(parents).map(([parent, what]) => ({ id: parent, ...needs[what] })),
        })),
        { deadEnds: false },
      );
      for (const { id: name, end } of named)
        if (end === "Success") for (const step of ["claim", "started", "succeed"] as const) model.tell(step, name);
      const wanted = [...model.tasks.values()]
        .filter(({ status }) => status === "Pending" || status === "Waiting")
        .map((left) => [left.id, left.status, left.wait_finished, left.wait_success]);
      const { tasks, specs } = plan(
        batchOf(Object.fromEntries(named.map(({ id: name, end, parents }) => [name, [end, parents]]))),
        "failed",
        false,
      );
      expect(tasks.map((t, n) => [specs[n]?.local_id, t.status, t.wait_finished, t.wait_success])).toEqual(wanted);
    }),
    { numRuns: 500 },
  );
});
