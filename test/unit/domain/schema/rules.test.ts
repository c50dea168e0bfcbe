// A list of rules as it is sent: what a Rate has to say, each fault with its place.
import { expect, it } from "vitest";
import { Faults } from "#domain/faults";
import { readRules } from "#domain/schema/rules";

const rate = (more: object = {}) => ({
  type: "Rate",
  max_starts: 1,
  per_secs: 1,
  matcher: { kind: "k", fields: [] },
  ...more,
});
function judge(rule: object) {
  const faults = new Faults();
  const read = readRules({ kind: "k", rules: [rule] }, faults);
  return { read, said: faults.list };
}

it.each([
  {},
  { max_starts: 2 ** 40, per_secs: 86_400 },
  { matcher: { kind: "k", status: "Running", fields: ["a"] } },
  { matcher: { kind: "k", status: null, fields: [] } },
])("takes a Rate with %j", (more) => {
  expect(judge(rate(more)).read?.rules).toEqual([rate(more)]);
});

it.each<[object, string]>([
  [{ max_starts: 0 }, "rules[0].max_starts: must be an integer from 1"],
  [{ max_starts: 1.5 }, "rules[0].max_starts: must be an integer from 1"],
  [{ max_starts: undefined }, "rules[0].max_starts: is required"],
  [{ per_secs: 0 }, "rules[0].per_secs: must be an integer from 1 to 86400, not 0"],
  [{ per_secs: 86_401 }, "rules[0].per_secs: must be an integer from 1 to 86400, not 86401"],
  [{ max_concurrency: 1 }, "rules[0].max_concurrency: is not a known field"],
  [{ matcher: { kind: "k", status: "Pending", fields: [] } }, "rules[0].matcher.status: must be Running"],
  [{ matcher: { kind: "k" } }, "rules[0].matcher.fields: is required"],
])("refuses a Rate with %j", (more, said) => {
  expect(judge(rate(more))).toMatchObject({ read: undefined, said: [expect.stringContaining(said)] });
});
