// Body of PATCH /batch/{id}/rules, and what is wrong with a list of rules beyond its shape. Pure; lists every fault.
import * as Schema from "effect/Schema";
import type { Faults, Path } from "#domain/faults";
import { matcherFieldsMax, Rule, rulesMax } from "#domain/rules/rule";
import { decoder } from "#domain/schema/decode";
import { field, name } from "#domain/schema/text";

export const RulesPatch = Schema.Struct({
  kind: field(name(100), "The unfinished tasks of exactly this kind.", { example: "resize" }),
  rules: field(Schema.Array(Rule), "The rules that these tasks have from now on, at most 50.", { example: [] }),
}).annotate({ identifier: "RulesPatch", description: "New rules for the unfinished tasks of one kind." });
export type RulesPatch = (typeof RulesPatch)["Type"];

const decode = decoder(RulesPatch);

/** Undefined when there were faults. */
export function readRules(body: unknown, faults: Faults): RulesPatch | undefined {
  const sent = decode(body, [], faults);
  const rules = (body as { rules?: unknown } | null)?.rules;
  if (Array.isArray(rules)) rulesFaults(rules, ["rules"], faults);
  return faults.none ? sent : undefined;
}

/** Lists that are too long. */
export function rulesFaults(rules: readonly unknown[], path: Path, faults: Faults): void {
  lengthFault(rules, rulesMax, path, faults);
  for (const [n, rule] of rules.entries()) {
    const matcher = (rule as { matcher?: { fields?: unknown } | null } | null)?.matcher;
    fieldsFault(matcher?.fields, [...path, n, "matcher", "fields"], faults);
  }
}

export function fieldsFault(fields: unknown, path: Path, faults: Faults): void {
  if (Array.isArray(fields)) lengthFault(fields, matcherFieldsMax, path, faults);
}

export function lengthFault(list: readonly unknown[], max: number, path: Path, faults: Faults): void {
  if (list.length > max) faults.add(path, "too_many", `must have at most ${max} entries, has ${list.length}`);
}
