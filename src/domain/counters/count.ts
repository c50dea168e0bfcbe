// Which counter updates count, on which sums, and the answer to each. Pure, but that it adds to the sums of the rows.
import { type Answer, invalidAnswer, keyReusedAnswer, staleness } from "#domain/command";
import { beyond, countsOf } from "#domain/counters/counts";
import { type CounterItem, isAccepted, isInTime, type Rows } from "#domain/counters/messages";
import type { CountRow } from "#domain/counters/rows";
import type { CommandOutcome } from "#domain/outcome";
import { acceptedVerbsOf } from "#domain/turn/step";

export interface Verdict {
  readonly answer: Answer;
  readonly outcome: Extract<CommandOutcome, "done" | "stale" | "rejected">;
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

export function judge(items: readonly CounterItem[], rows: Rows, { fresh, before }: Known): Judged {
  const verdicts = new Map<CounterItem, Verdict>();
  const changed = new Set<CountRow>();
  const refused = new Map<string, Verdict>();
  const taken = new Map<string, { readonly counts: string | null }>();
  for (const item of items) {
    const { update, bundle } = item;
    const row = rows.get(update.task);
    const first = bundle.isKey ? (taken.get(bundle.id) ?? before.get(bundle.id)) : undefined;
    if (row === undefined)
      verdicts.set(item, no({ status: 404, id: update.task, error: "No such task", code: "unknown_task" }));
    else if (fresh.has(item)) {
      const verdict = add(row, item);
      verdicts.set(item, verdict);
      const { outcome } = verdict;
      if (outcome === "done") changed.add(row);
      if (bundle.isKey && outcome !== "rejected") taken.set(bundle.id, { counts: countsOf(update) });
      if (bundle.isKey && outcome === "rejected") refused.set(bundle.id, verdict);
    } else if (first !== undefined) verdicts.set(item, again(item, row, first.counts));
    else if (!isInTime(item, row) && !isAccepted(item)) verdicts.set(item, no(tooLate(row)));
    else verdicts.set(item, refused.get(bundle.id) ?? again(item, row, null));
  }
  return { verdicts, changed: [...changed], refused: [...refused.keys()] };
}

const no = (answer: Answer): Verdict => ({ answer, outcome: "rejected" });

function add(row: CountRow, item: CounterItem): Verdict {
  const { update, acceptedMs } = item;
  if (!isInTime(item, row)) return { answer: counted(row), outcome: "stale" };
  if (update.attempt !== undefined && update.attempt !== row.attempt) {
    // What was accepted speaks of an attempt that is over by now: it is done with.
    if (isAccepted(item)) return { answer: counted(row), outcome: "stale" };
    return no(wrongAttempt(row, update.attempt));
  }
  const faults = beyond(row, update);
  if (!faults.none) return no(invalidAnswer(row.id, faults));
  row.success += update.success;
  row.failures += update.failures;
  row.heardMs = Math.max(row.heardMs ?? acceptedMs, acceptedMs);
  return { answer: counted(row), outcome: "done" };
}

/** It was counted before: the first answer again, unless its id stood for something else. */
function again({ update }: CounterItem, row: CountRow, counts: string | null): Verdict {
  if (counts !== null && counts !== countsOf(update)) return no(keyReusedAnswer(row.id));
  return { answer: counted(row), outcome: "stale" };
}

const counted = ({ id, status, attempt }: CountRow): Answer => ({ status: 202, id, state: status, attempt });

const wrongAttempt = ({ id, status, attempt, inDoubt }: CountRow, named: number): Answer => ({
  ...{ status: 409, id, state: status, attempt, allowed: acceptedVerbsOf({ status, inDoubt }) },
  ...{ error: staleness(attempt, named), code: "wrong_attempt" },
});

const tooLate = ({ id, status, attempt }: CountRow): Answer => ({
  ...{ status: 409, id, state: status, attempt, allowed: [] },
  ...{ error: `A task that is ${status} does not accept progress`, code: "not_in_this_state" },
});
