// Rules as a person edits them: texts that may be wrong while they are typed, and what is wrong with them. Pure.
import type { Rule } from "../../../../sdk/client.ts";

export type RuleType = Rule["type"];

export interface RuleForm {
  readonly type: RuleType;
  readonly limit: string;
  /** Of a Rate. */
  readonly perSecs: string;
  readonly kind: string;
  /** Names of metadata fields, comma-separated. */
  readonly fields: string;
}

export const ruleTypes = ["Concurrency", "Capacity", "Rate"] as const satisfies readonly RuleType[];

export const limitWords: Readonly<Record<RuleType, string>> = {
  Concurrency: "at most so many at once",
  Capacity: "less work left than",
  Rate: "at most so many starts",
};

export const newForm = (kind: string): RuleForm => ({
  ...{ type: "Concurrency", limit: "10", perSecs: "1", kind, fields: "" },
});

export function formOf(rule: Rule): RuleForm {
  const { kind, fields } = rule.matcher;
  const perSecs = rule.type === "Rate" ? String(rule.per_secs) : "1";
  return { type: rule.type, limit: String(limitOf(rule)), perSecs, kind, fields: fields.join(", ") };
}

function limitOf(rule: Rule): number {
  if (rule.type === "Concurrency") return rule.max_concurrency;
  return rule.type === "Capacity" ? rule.max_capacity : rule.max_starts;
}

export function ruleOf({ type, limit, perSecs, kind, fields }: RuleForm): Rule {
  const names = fields
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  const matcher = { kind: kind.trim(), status: "Running" as const, fields: names };
  if (type === "Concurrency") return { type, max_concurrency: Number(limit), matcher };
  if (type === "Capacity") return { type, max_capacity: Number(limit), matcher };
  return { type, max_starts: Number(limit), per_secs: Number(perSecs), matcher: { kind: kind.trim(), fields: names } };
}

const isCount = (text: string, most = Number.MAX_SAFE_INTEGER): boolean =>
  /^\d+$/.test(text.trim()) && Number(text) >= 1 && Number(text) <= most;

/** What is wrong with it, in a sentence; undefined: nothing. */
export function wrongOf({ type, limit, perSecs, kind }: RuleForm): string | undefined {
  if (!isCount(limit)) return `The limit is a whole number from 1, not “${limit}”.`;
  if (type === "Rate" && !isCount(perSecs, 86_400)) return `The window is 1 to 86,400 seconds, not “${perSecs}”.`;
  return kind.trim() === "" ? "A rule counts tasks of some kind: name one." : undefined;
}
