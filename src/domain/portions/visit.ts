// What a sweep does to one task: stop, pause, resume or other rules. A sweep that is written down reaches its tasks in
// portions; a transaction that changes a task before that visits it itself, so that to every command it is as if the sweep
// had happened when it was committed. Pure: fills the state.
import { isAhead, type SweepKind, type Work } from "#domain/propagation/work";
import { isFinal, type TaskRow } from "#domain/row";
import type { TurnState } from "#domain/turn/state";
import { advance } from "#domain/turn/step";

/** Brings rows up to date with the sweeps of their batches that have not come to them. */
export function visitOutstanding(state: TurnState, rows: readonly TaskRow[]): void {
  for (const row of rows)
    for (const work of state.worksOf(row.batchId)) {
      if (!isAhead(work, row)) continue;
      visit(state, work, row);
      row.swept = work.seq;
      state.changed.add(row);
    }
}

/** The sweep visits this task. Its events name the client that asked, whichever worker does it. */
export function visit(state: TurnState, work: Work, row: TaskRow): void {
  if (isFinal(row.status)) return;
  const counted = state.by(work, () => visits[work.kind as SweepKind](state, row, work));
  if (counted === null) return;
  work.counts = { ...work.counts, [counted]: (work.counts[counted] ?? 0) + 1 };
  state.changedWorks.add(work);
}

/** Under which name the visit counts; null: it does not. */
const visits: Record<SweepKind, (state: TurnState, row: TaskRow, work: Work) => string | null> = {
  stop(state, row, { args }) {
    const name = `canceled_${row.status.toLowerCase()}`;
    state.quiet.add(row.id);
    const reason = args !== null && "reason" in args ? args.reason : "Batch stopped";
    return advance(state, row, { type: "cancel" }, { reason, name: "stop_batch" }) ? name : null;
  },
  // Claimed and Running tasks go on; they are paused if they come back before the resume.
  pause(state, row) {
    if (advance(state, row, { type: "pause", byBatch: true }, { name: "pause_batch" })) return "paused";
    advance(state, row, { type: "request_pause" });
    return null;
  },
  resume(state, row) {
    if (advance(state, row, { type: "resume", byBatch: true }, { name: "resume_batch" })) return "resumed";
    advance(state, row, { type: "withdraw_pause" });
    return null;
  },
  // Takes effect with the next claim round: a task that has slots keeps them.
  rules(state, row, { args }) {
    if (args === null || !("kind" in args) || row.kind !== args.kind) return null;
    state.ruled.set(row.id, args.rules);
    state.touch(row);
    return "updated_count";
  },
};
