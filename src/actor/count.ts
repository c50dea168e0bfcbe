// Which counter updates count, on which sums, and what each is told. Pure, but that it adds to the sums of the rows.
import { isInTime } from "#actor/bundles";
import type { Answer, Progress } from "#domain/command";
import { type Bundle, beyond, countsOf } from "#domain/counts";
import type { CountRow } from "#store/counters";

export interface CounterItem {
  readonly update: Progress;
  readonly bundle: Bundle;
  readonly place: number;
  /** Counts only if it was stored (ms) before the task ended; null: it was accepted already. */
  readonly storedAt: number | null;
  readonly settle: (answer: Answer | null) => void;
}

export interface Verdict {
  readonly answer: Answer;
  readonly outcome: "done" | "duplicate" | "rejected";
}

export interface Judged {
  readonly verdicts: ReadonlyMap<CounterItem, Verdict>;
  readonly changed: readonly CountRow[];
  /** Ids that must not be kept: what they stand for was refused. */
  readonly refused: readonly string[];
}

/** What the table knows: which of these it counts from now on, and what keys stand for that it has kept before. */
export interface Known {
  readonly fresh: ReadonlySet<CounterItem>;
  readonly before: ReadonlyMap<string, { readonly counts: string | null }>;
}

export type Rows = ReadonlyMap<string, CountRow>;

export function judge(items: readonly CounterItem[], rows: Rows, { fresh, before }: Known): Judged {
  const verdicts = new Map<CounterItem, Verdict>();
  const changed = new Set<CountRow>();
  const refused = new Map<string, Verdict>();
  const taken = new Map<string, { readonly counts: string | null }>();
  for (const item of items) {
    const { update, bundle } = item;
    const row = rows.get(update.task);
    const first = bundle.isKey ? (taken.get(bundle.id) ?? before.get(bundle.id)) : undefined;
    if (row === undefined) verdicts.set(item, no({ status: 404, id: update.task, error: "Task not found" }));
    else if (fresh.has(item)) {
      const verdict = add(row, update);
      verdicts.set(item, verdict);
      const isDone = verdict.outcome === "done";
      if (isDone) changed.add(row);
      if (bundle.isKey && isDone) taken.set(bundle.id, { counts: countsOf(update) });
      if (bundle.isKey && !isDone) refused.set(bundle.id, verdict);
    } else if (first !== undefined) verdicts.set(item, again(item, row, first.counts));
    else if (!isInTime(item, row)) verdicts.set(item, no(tooLate(row)));
    else verdicts.set(item, refused.get(bundle.id) ?? again(item, row, null));
  }
  return { verdicts, changed: [...changed], refused: [...refused.keys()] };
}

const no = (answer: Answer): Verdict => ({ answer, outcome: "rejected" });

function add(row: CountRow, update: Progress): Verdict {
  const details = beyond(row, update);
  if (details.length > 0) return no({ status: 400, id: row.id, error: "Validation failed", details });
  row.success += update.success;
  row.failures += update.failures;
  return { answer: counted(row), outcome: "done" };
}

/** It was counted before: the first answer again, unless its id stood for something else. */
function again({ update }: CounterItem, row: CountRow, counts: string | null): Verdict {
  if (counts !== null && counts !== countsOf(update))
    return no({ status: 422, id: row.id, error: "This idempotency key was used with another request" });
  return { answer: counted(row), outcome: "duplicate" };
}

const counted = ({ id, status, attempt }: CountRow): Answer => ({ status: 202, id, state: status, attempt });

const tooLate = ({ id, status, attempt }: CountRow): Answer => ({
  ...{ status: 409, id, state: status, attempt, allowed: [] },
  error: `A task that is ${status} does not accept progress`,
});
