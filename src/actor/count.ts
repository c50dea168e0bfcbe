// Which counter updates count, on which sums, and what each is told. Pure, but that it adds to the sums of the rows.
import type { Answer, Progress } from "#domain/command";
import { beyond, countsOf } from "#domain/counts";
import type { CountRow } from "#store/counters";

export interface CounterItem {
  readonly update: Progress;
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

/** What the table knows of ids: those that it keeps from now on, and what it has kept for others. */
export interface Known {
  readonly isFresh: (id: string) => boolean;
  readonly before: ReadonlyMap<string, string | null>;
}

export type Rows = ReadonlyMap<string, CountRow>;

export function isInTime({ storedAt }: CounterItem, row: CountRow | undefined): boolean {
  if (row === undefined) return false;
  return storedAt === null || row.endedAt === null || storedAt <= row.endedAt.getTime();
}

export function judge(items: readonly CounterItem[], rows: Rows, { isFresh, before }: Known): Judged {
  const verdicts = new Map<CounterItem, Verdict>();
  const changed = new Set<CountRow>();
  const refused = new Map<string, Verdict>();
  const taken = new Map<string, string>();
  for (const item of items) {
    const { update } = item;
    const { id, task } = update;
    const row = rows.get(task);
    const isKnown = taken.has(id) || before.has(id);
    if (row === undefined) verdicts.set(item, no({ status: 404, id: task, error: "Task not found" }));
    else if (isKnown) verdicts.set(item, again(item, row, taken.get(id) ?? before.get(id) ?? null));
    else if (!isInTime(item, row)) verdicts.set(item, no(tooLate(row)));
    else if (!isFresh(id)) verdicts.set(item, again(item, row, null));
    else {
      const verdict = refused.get(id) ?? add(row, update);
      if (verdict.outcome === "done") {
        taken.set(id, countsOf(update));
        changed.add(row);
      } else refused.set(id, verdict);
      verdicts.set(item, verdict);
    }
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

/** It was counted before, under this id: the first answer again, unless the id stood for something else. */
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
