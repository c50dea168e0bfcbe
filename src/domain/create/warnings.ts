// What is sound and surely not meant: the caller hears of it beside the answer. Pure.

import { quoted } from "#domain/faults";
import { holdsSlots, isFinal } from "#domain/row";
import type { Rule } from "#domain/rules/rule";
import type { NewBatch } from "#domain/schema/batch";
import type { RulesPatch } from "#domain/schema/rules";
import { taskStates } from "#domain/state";
import { didYouMean } from "#domain/values/nearest";

/**
 * One text for each matcher field that metadata lacks and each matcher kind that no task of the call has. Where several tasks
 * share it, it names the first place and counts the rest. `omitted`: positions that are not created. `others`: kinds of tasks
 * that the batch has already.
 */
export function warningsOf(
  { tasks }: Pick<NewBatch, "tasks">,
  omitted: ReadonlySet<number>,
  others: readonly string[] = [],
): string[] {
  const found = new Map<string, { readonly at: string; readonly text: string; last: number; tasks: number }>();
  const kinds = new Set([...others, ...tasks.map(({ kind }) => kind)]);
  for (const [n, { metadata, rules }] of tasks.entries()) {
    if (!rules || omitted.has(n)) continue;
    const note = (at: string, text: string) => {
      const known = found.get(text);
      if (known === undefined) found.set(text, { at: `tasks[${n}].${at}`, text, last: n, tasks: 1 });
      else if (known.last !== n) Object.assign(known, { last: n, tasks: known.tasks + 1 });
    };
    for (const [r, { matcher }] of rules.entries()) {
      const { kind } = matcher;
      if (!kinds.has(kind))
        note(`rules[${r}].matcher.kind`, `no task of this call has the kind ${quoted(kind)}${didYouMean(kind, kinds)}`);
      for (const { at, text } of lackedOf(r, matcher, metadata ?? {})) note(at, text);
    }
  }
  return [...found.values()].map(({ at, text, tasks }) => `${at}: ${text}${more(tasks - 1)}`);
}

/** Whether rules may still hold up a task that an answer says is in this state. */
export const isBeforeStart = (state: string | undefined): boolean =>
  taskStates.some((one) => one === state && !isFinal(one) && !holdsSlots({ status: one, inDoubt: false }));

/** The same of metadata that a task with these rules gets. */
export const metadataWarnings = (metadata: Metadata, rules: readonly Rule[]): string[] =>
  rules.flatMap(({ matcher }, r) => lackedOf(r, matcher, metadata).map(({ at, text }) => `${at}: ${text}`));

type Metadata = Readonly<Record<string, unknown>>;

/** The fields of the rule at place `r` that the metadata of its task lacks. */
function lackedOf(r: number, { fields }: Rule["matcher"], metadata: Metadata): { at: string; text: string }[] {
  const names = Object.keys(metadata);
  return fields.flatMap((name, f) => {
    if (Object.hasOwn(metadata, name)) return [];
    const text = `the metadata of the task has no ${quoted(name)}, so this rule never lets it start${didYouMean(name, names)}`;
    return [{ at: `rules[${r}].matcher.fields[${f}]`, text }];
  });
}

/** What is known of the tasks that get new rules. */
export interface GivenRules {
  readonly kinds: readonly string[];
  readonly tasks: number;
  readonly uncounted: number;
  readonly fields: ReadonlyMap<string, { readonly tasks: number; readonly names: readonly string[] }>;
}

/** The same of rules that unfinished tasks of a kind get: what they ask for, and the tasks of the batch lack. */
export function rulesWarnings({ kind, rules }: RulesPatch, { kinds, tasks, uncounted, fields }: GivenRules): string[] {
  const noneHas = (of: string) => `no task of the batch has the kind ${quoted(of)}${didYouMean(of, kinds)}`;
  const found = kinds.includes(kind) ? [] : [`kind: ${noneHas(kind)}`];
  for (const [r, { type, matcher }] of rules.entries()) {
    if (matcher.kind !== kind && !kinds.includes(matcher.kind))
      found.push(`rules[${r}].matcher.kind: ${noneHas(matcher.kind)}`);
    for (const [f, name] of matcher.fields.entries()) {
      const lack = fields.get(name);
      if (lack === undefined) continue;
      const said = `${few(lack.tasks, tasks)} has no ${quoted(name)}${never(lack.tasks)}${didYouMean(name, lack.names)}`;
      found.push(`rules[${r}].matcher.fields[${f}]: the metadata of ${said}`);
    }
    if (type === "Capacity" && uncounted > 0)
      found.push(`rules[${r}]: ${few(uncounted, tasks)} lacks expected_count${never(uncounted)}`);
  }
  return found;
}

const few = (n: number, of: number): string => `${n} of ${of} unfinished task${of === 1 ? "" : "s"} of the kind`;
const never = (n: number): string => `, so this rule never lets ${n === 1 ? "it" : "them"} start`;
const more = (n: number): string => (n === 0 ? "" : ` (and ${n} more task${n === 1 ? "" : "s"})`);
