// What has become of schedules, decided and written under the locks of their rows: the one way in which anything about the life
// of a schedule changes, whether its time has come or a person asks.
import type { AskedPlan } from "#domain/create/batch";
import { dueAt, type Settled, type Snapshot, type Span, settle } from "#domain/schedules/settle";
import { bounded, type Times, timesOf } from "#domain/schedules/times";
import type { Sql } from "#store/pg/pool";
import {
  type Around,
  loadAlive,
  loadAround,
  type ScheduleAfter,
  type ScheduleRow,
  skippedStates,
  type TimeRow,
} from "#store/schedules/rows";

/** A schedule in one turn. */
export interface InHand {
  readonly row: ScheduleRow;
  readonly around: Around;
  times: Times;
  readonly now: number;
  nextAt: number | null;
  snapshot: Snapshot;
  /** The batches that it made, by their time. */
  readonly made: Map<number, AskedPlan>;
}

/** Up to `until`, which is included. */
export const timesOfRow = (row: Pick<ScheduleRow, "cron" | "every_secs" | "timezone" | "anchor" | "until">): Times =>
  bounded(timesOf({ ...row, anchor: row.anchor.getTime() }), row.until?.getTime() ?? null);

/** Locked schedules with all that decides about them; what has come since the last look has come to each. `witness`: beside what workers said. */
export async function takeInHand(
  sql: Sql,
  rows: readonly ScheduleRow[],
  witness: readonly Span[] = [],
): Promise<InHand[]> {
  if (rows.length === 0) return [];
  const from = rows.map((row) => (row.next_at ?? row.now).getTime());
  const [around, alive] = await Promise.all([loadAround(sql, rows), loadAlive(sql, new Date(Math.min(...from)))]);
  return rows.map((row) => inHand(row, around.get(row.id) as Around, [...alive, ...witness]));
}

function inHand(row: ScheduleRow, around: Around, alive: readonly Span[]): InHand {
  const now = row.now.getTime();
  const times = timesOfRow(row);
  const facts = {
    ...{ overlap: row.overlap, catchUp: row.catch_up, paused: row.paused },
    ...{ waiting: around.waiting, done: around.done, unfinished: around.unfinished.length },
    nextAt: row.next_at?.getTime() ?? null,
  };
  return { ...{ row, around, times, now, made: new Map() }, ...settle(facts, times, alive, now) };
}

/** What is to be written of it. */
export function outcomeOf({ row, around, now, made, ...settled }: InHand): { after: ScheduleAfter; times: TimeRow[] } {
  const { snapshot, nextAt } = settled;
  const { waiting, skipped } = snapshot.context;
  const date = (ms: number | null) => (ms === null ? null : new Date(ms));
  const before = new Map(around.waiting.map(({ at, refused }) => [at, refused]));
  const time = (at: number, state: TimeRow["state"], batch_id: string | null = null): TimeRow => ({
    ...{ schedule_id: row.id, at: new Date(at), state, batch_id },
  });
  const times = [
    ...waiting
      .filter(({ at, refused }) => before.get(at) !== refused)
      .map(({ at, refused }) => time(at, refused ? "refused" : "waiting")),
    ...skipped.map(({ at, reason }) => time(at, skippedStates[reason])),
    ...[...made].map(([at, plan]) => time(at, "made", plan.id)),
  ];
  const due = dueAt(settled as Settled, now);
  return {
    after: { id: row.id, paused: snapshot.value === "paused", next_at: date(nextAt), due_at: date(due) },
    times,
  };
}
