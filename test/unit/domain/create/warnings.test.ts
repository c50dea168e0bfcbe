// What is sound and surely not meant.
import { expect, it } from "vitest";
import { warningsOf } from "#domain/create/warnings";
import type { NewTask } from "#domain/schema/task";

const rule = (kind: string, ...fields: string[]) => ({
  ...{ type: "Concurrency" as const, max_concurrency: 1 },
  matcher: { kind, status: "Running" as const, fields },
});
const task = (id: string, more: Partial<NewTask>): NewTask => ({ id, name: id, kind: "k", ...more });
const warn = (tasks: NewTask[], ...omitted: number[]) => warningsOf({ tasks }, new Set(omitted));

it("says nothing of rules that can admit", () => {
  expect(warn([task("a", { metadata: { x: null }, rules: [rule("k", "x"), rule("k")] }), task("b", {})])).toEqual([]);
});

it("names the field that metadata lacks, and the one that may have been meant", () => {
  expect(warn([task("a", { metadata: { tenant: 1 }, rules: [rule("k", "tenant", "tennant")] })])).toEqual([
    'tasks[0].rules[0].matcher.fields[1]: the metadata of the task has no "tennant", so this rule never lets it start; did you mean "tenant"?',
  ]);
  expect(warn([task("a", { rules: [rule("k", "toString")] })])).toEqual([
    'tasks[0].rules[0].matcher.fields[0]: the metadata of the task has no "toString", so this rule never lets it start',
  ]);
  expect(warn([task("a", { metadata: { a: 1 }, rules: [rule("k", "toString")] })])).toHaveLength(1);
});

it("names a matcher kind that no task of the call has", () => {
  expect(warn([task("a", {}), task("b", { rules: [rule("kk")] })])).toEqual([
    'tasks[1].rules[0].matcher.kind: no task of this call has the kind "kk"; did you mean "k"?',
  ]);
});

it("says what several tasks share once, and nothing of tasks that are left out", () => {
  const some = ["a", "b", "c"].map((id) => task(id, { rules: [rule("k", "x")] }));
  const text = 'rules[0].matcher.fields[0]: the metadata of the task has no "x", so this rule never lets it start';
  expect(warn(some)).toEqual([`tasks[0].${text} (and 2 more tasks)`]);
  expect(warn(some, 0)).toEqual([`tasks[1].${text} (and 1 more task)`]);
  expect(warn(some, 0, 1, 2)).toEqual([]);
});
