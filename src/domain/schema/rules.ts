// Body of PATCH /batch/{id}/rules, and what is wrong with a list of rules beyond its shape. Pure; lists every fault.
import * as Schema from "effect/Schema";
import { matcherFieldsMax, Rule, rulesMax } from "#domain/rule";
import { decoder, type Faults } from "#domain/schema/decode";
import { name } from "#domain/schema/text";

export const RulesPatch = Schema.Struct({ kind: name(100), rules: Schema.Array(Rule) });
export type RulesPatch = (typeof RulesPatch)["Type"];

const decode = decoder(RulesPatch);

/** Undefined when there were faults. */
export function readRules(body: unknown, faults: Faults): RulesPatch | undefined {
  const sent = decode(body, "", faults);
  const rules = (body as { rules?: unknown } | null)?.rules;
  if (Array.isArray(rules)) rulesFaults(rules, "rules", faults);
  return faults.none ? sent : undefined;
}

/** Lists that are too long. */
export function rulesFaults(rules: readonly unknown[], path: string, faults: Faults): void {
  if (rules.length > rulesMax) faults.add(path, `must have at most ${rulesMax} entries`);
  for (const [n, rule] of rules.entries()) {
    const matcher = (rule as { matcher?: { fields?: unknown } | null } | null)?.matcher;
    fieldsFault(matcher?.fields, `${path}[${n}].matcher.fields`, faults);
  }
}

export function fieldsFault(fields: unknown, path: string, faults: Faults): void {
  if (Array.isArray(fields) && fields.length > matcherFieldsMax)
    faults.add(path, `must have at most ${matcherFieldsMax} entries`);
}
