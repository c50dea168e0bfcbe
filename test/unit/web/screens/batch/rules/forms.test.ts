// Rules as texts that a person types, and back.
import { expect, it } from "vitest";
import { formOf, newForm, ruleOf, wrongOf } from "#web/screens/batch/rules/forms";
import type { Rule } from "../../../../../../src/sdk/client.ts";

const matcher = { kind: "etl.load", status: "Running" as const, fields: ["customer", "region"] };
const rules: readonly Rule[] = [
  { type: "Concurrency", max_concurrency: 4, matcher },
  { type: "Capacity", max_capacity: 1_000, matcher: { ...matcher, fields: [] } },
  { type: "Rate", max_starts: 10, per_secs: 60, matcher: { kind: "mail", fields: ["host"] } },
];

it.each(rules)("gives back the rule that it took: $type", (rule) => {
  expect(ruleOf(formOf(rule))).toEqual(rule);
  expect(wrongOf(formOf(rule))).toBeUndefined();
});

it("says what is wrong, with the value and what is allowed", () => {
  const form = newForm("etl.load");
  expect(wrongOf(form)).toBeUndefined();
  for (const limit of ["", "0", "-1", "1.5", "many"]) expect(wrongOf({ ...form, limit })).toContain(`not “${limit}”`);
  expect(wrongOf({ ...form, type: "Rate", perSecs: "86401" })).toContain("1 to 86,400 seconds");
  expect(wrongOf({ ...form, perSecs: "nonsense" })).toBeUndefined();
  expect(wrongOf({ ...form, kind: " " })).toContain("name one");
});
