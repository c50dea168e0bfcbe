// Commands for a whole batch. Each is a sweep, which asks every unfinished task itself, so nothing propagates between them: a stopped
// parent is no failed parent. A small batch is swept at once. Of a large one only the flag changes, and the sweep is written down as
// work; from then on claims check for it. Pure: fills the state.

import type { Origin } from "#domain/actor";
import type { Answer, BatchVerb, ClientCommand } from "#domain/command";
import { visit } from "#domain/portions/visit";
import { answerOf, isSweep, type SweepKind, type Work } from "#domain/propagation/work";
import type { BatchRow } from "#domain/row";
import { acceptsOfBatch, advanceBatch } from "#domain/turn/batch-step";
import type { TurnState } from "#domain/turn/state";
import { limits } from "#limits";
import type { BatchEvent } from "#machines/batch";

const sweepOf = {
  stop_batch: "stop",
  pause_batch: "pause",
  resume_batch: "resume",
  set_rules: "rules",
  // Asks nothing of the tasks.
  close_batch: null,
} as const satisfies Record<BatchVerb, SweepKind | null>;

/** Whether a command of a client asks something of every unfinished task of the batch. */
export const beginsSweep = ({ verb }: Pick<ClientCommand, "verb">): boolean => sweepOf[verb as BatchVerb] !== null;

/** Whether a sweep of this batch is done at once: it is small, and no other one is under way. */
export const isAtOnce = (state: Pick<TurnState, "worksOf">, batch: BatchRow): boolean =>
  batch.total <= limits.portionTasksMax && !state.worksOf(batch.id).some((work) => isSweep(work) && !work.done);

/** What a command that begins a sweep is remembered and answered by. */
export interface Asker extends Origin {
  readonly commandId: string | null;
  readonly replies: readonly string[];
}

/** An answer, or what is known of it so far while the work goes on. */
export interface DecidedBatch {
  readonly answer: Answer;
  readonly work: Work | null;
}

/** Decides a command for a batch; where it is swept at once, all its unfinished tasks are in hand. */
export function decideBatch(
  state: TurnState,
  { target: id, verb, rules, states }: ClientCommand,
  asker: Asker,
): DecidedBatch {
  const batch = state.batches.get(id);
  if (!batch) return { answer: { status: 404, id, error: "No such batch", code: "unknown_batch" }, work: null };
  if (states !== undefined && !states.includes(shownState(batch))) return { answer: notIn(batch, verb), work: null };
  const kind = sweepOf[verb as BatchVerb];
  if (kind === null) return close(state, batch);
  const sweep = { ...{ kind, args: rules ?? null }, ...{ answer: { status: 200, id }, ...asker } };
  return begin(state, batch, sweep, kind === "rules" ? null : { type: kind });
}

/** As clients see it, while it is not complete. */
const shownState = ({ completedAt, paused }: BatchRow): string =>
  completedAt !== null ? "complete" : paused ? "paused" : "running";

const notIn = (batch: BatchRow, verb: string): Answer => ({
  ...{ status: 409, id: batch.id, state: shownState(batch), code: "not_in_this_state", allowed: [] },
  error: `A batch that is ${shownState(batch)} does not take this ${verb}`,
});

/** Nothing more can be added once all has ended. A batch that was never open, or is complete, is closed already. */
function close(state: TurnState, batch: BatchRow): DecidedBatch {
  const wasOpen = batch.open;
  advanceBatch(state, batch, { type: "close" });
  if (wasOpen) state.closed.set(batch.id, state.cause);
  return { answer: { status: 200, id: batch.id }, work: null };
}

/** The deadline of a batch has passed: it is stopped, as by a client, for another reason. `false`: too late, the batch has ended or has another deadline. */
export function passDeadline(state: TurnState, id: string): boolean {
  const batch = state.batches.get(id);
  if (batch === undefined || !acceptsOfBatch(batch, { type: "deadline" })) return false;
  const args = { reason: "Batch deadline passed" };
  const noAsker: Asker = { ...state.origin, commandId: null, replies: [] };
  begin(state, batch, { kind: "stop", args, answer: null, ...noAsker }, { type: "deadline" });
  return true;
}

type Sweep = Pick<Work, "args" | "answer" | keyof Asker> & { readonly kind: SweepKind };

function begin(state: TurnState, batch: BatchRow, sweep: Sweep, event: BatchEvent | null): DecidedBatch {
  const { id } = batch;
  const atOnce = isAtOnce(state, batch);
  if (event !== null) advanceBatch(state, batch, event);
  const work: Work = {
    ...{ batchId: id, seq: state.cause, upto: batch.total - 1, reached: -1, done: false },
    ...{ counts: none[sweep.kind], ...sweep },
  };
  if (batch.unfinished === 0 || atOnce) {
    for (const row of state.rows.values()) if (row.batchId === id) visit(state, work, row);
    state.changedWorks.delete(work);
    return { answer: answerOf(work, batch.total) as Answer, work: null };
  }
  addWork(state, batch, work);
  return { answer: answerOf(work, batch.total) as Answer, work };
}

const none = {
  stop: {},
  pause: { paused: 0 },
  resume: { resumed: 0 },
  rules: { updated_count: 0 },
} as const satisfies Record<SweepKind, Record<string, number>>;

/** Writes a work down. */
export function addWork(state: TurnState, batch: BatchRow, work: Work): Work {
  state.addedWorks.push(work);
  state.works.set(batch.id, [...state.worksOf(batch.id), work]);
  batch.works++;
  state.changedBatches.add(batch);
  return work;
}
