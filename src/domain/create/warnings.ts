// What is sound and surely not meant: the caller hears of it beside the answer. Pure.

import { quoted } from "#domain/faults";
import type { NewBatch } from "#domain/schema/batch";
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
      const { kind, fields } = matcher;
      if (!kinds.has(kind))
        note(`rules[${r}].matcher.kind`, `no task of this call has the kind ${quoted(kind)}${didYouMean(kind, kinds)}`);
      const names = Object.keys(metadata ?? {});
      for (const [f, name] of fields.entries())
        if (!Object.hasOwn(metadata ?? {}, name))
          note(
            `rules[${r}].matcher.fields[${f}]`,
            `the metadata of the task has no ${quoted(name)}, so this rule never lets it start${didYouMean(name, names)}`,
          );
    }
  }
  return [...found.values()].map(({ at, text, tasks }) => `${at}: ${text}${more(tasks - 1)}`);
}

const more = (n: number): string => (n === 0 ? "" : ` (and ${n} more task${n === 1 ? "" : "s"})`);
