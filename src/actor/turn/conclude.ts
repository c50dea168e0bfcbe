// The end of every transaction that decides: which batches are complete, what is left as work in portions, which deliveries
// and slots follow; then the writes, which go out together with the commit. A turn and a portion end alike.
import type { Action } from "#domain/action";
import { reasonOf } from "#domain/propagation/edges";
import { answerOf, type Step, type Work } from "#domain/propagation/work";
import type { BatchRow } from "#domain/row";
import { advanceBatch } from "#domain/turn/batch-step";
import { addBatchDeliveries, addTaskDeliveries } from "#domain/turn/outbox";
import { rateChanges, slotChanges } from "#domain/turn/slot-changes";
import type { TurnState } from "#domain/turn/state";
import type { Sql } from "#store/pg/pool";
import type { SendWrite } from "#store/pg/transaction";
import { writeRateChanges } from "#store/rules/rates";
import { writeSlotChanges } from "#store/rules/slots";
import { completeActions, laterActions, localIds } from "#store/turn/load";
import { writeUnsent } from "#store/turn/unsent";
import { endWorks, writeSteps, writeWorks } from "#store/turn/works";
import { write } from "#store/turn/write";

/** Subtracts the tasks that ended from the open tasks of their batches. Returns the batches that are complete now, with no work left in them. */
export function completeBatches(state: TurnState): BatchRow[] {
  for (const [id, count] of state.endedIn)
    advanceBatch(state, state.batches.get(id) as BatchRow, { type: "tasks_ended", count });
  for (const batch of state.completed) {
    state.steps.clear(batch.id);
    for (const work of state.worksOf(batch.id)) endWork(state, batch, work);
  }
  return [...state.completed];
}

/** A work is done: from now on its row only keeps the answer until that is sent. */
export function endWork(state: TurnState, batch: BatchRow, work: Work): void {
  if (work.done) return;
  work.done = true;
  batch.works--;
  state.changedBatches.add(batch);
  state.changedWorks.add(work);
}

/**
 * Reads what the decided changes need, and issues all writes. `steps`: those that are left to be taken; none of a portion, which
 * writes its own before it asks what is outstanding. Returns the works whose answers are due.
 */
export async function conclude(
  sql: Sql,
  send: SendWrite,
  state: TurnState,
  complete: readonly BatchRow[],
  steps: readonly Step[] = [],
): Promise<Work[]> {
  await nameLosses(sql, state);
  await fillOutbox(sql, state, complete);
  const slots = slotChanges(state);
  write(sql, changesOf(state), send);
  writeUnsent(sql, state.changedUnsent, send);
  writeSteps(sql, { added: steps, moved: [], gone: [] }, send);
  const ended = writeWorkChanges(sql, send, state, complete);
  const signaled = (signals: Promise<{ readonly count: number }>) =>
    send(signals.then(({ count }) => noteSignals(state, count)));
  writeSlotChanges(sql, slots, send, signaled);
  writeRateChanges(sql, rateChanges(state), state.now, send, signaled, (at) => {
    state.opensAt = at;
    state.foundOpens = true;
  });
  return ended;
}

async function fillOutbox(sql: Sql, state: TurnState, complete: readonly BatchRow[]): Promise<void> {
  const tasks = state.pendingDeliveries.map(({ row }) => row.id);
  if (tasks.length > 0) addTaskDeliveries(state, await laterActions(sql, tasks));
  const batches = complete.map(({ id }) => id);
  const actions = batches.length > 0 ? await completeActions(sql, batches) : new Map<string, Action[]>();
  for (const batch of complete) addBatchDeliveries(state, batch, actions.get(batch.id) ?? []);
}

/** Reasons name parents by their local ids. */
async function nameLosses(sql: Sql, state: TurnState): Promise<void> {
  if (state.namedLosses.length === 0) return;
  const names = await localIds(sql, [...new Set(state.namedLosses.map(({ by }) => by.parent))]);
  for (const { row, event, as, by } of state.namedLosses) {
    const reason = reasonOf({ as, by }, names.get(by.parent) ?? by.parent);
    row.failureReason = reason;
    event.reason = reason;
  }
}

function writeWorkChanges(sql: Sql, send: SendWrite, state: TurnState, complete: readonly BatchRow[]): Work[] {
  const added = new Set(state.addedWorks);
  const changed = [...state.changedWorks].filter((work) => !added.has(work));
  const ended = [...state.changedWorks].filter(({ done }) => done);
  const final = (work: Work): Work =>
    work.done ? { ...work, answer: answerOf(work, state.batches.get(work.batchId)?.total ?? 0) } : work;
  const answered = changed
    .filter(({ done, commandId, answer }) => done && commandId !== null && answer !== null)
    .map(final);
  writeWorks(
    sql,
    {
      added: state.addedWorks.filter(({ done }) => !done),
      changed: changed.map(final),
      answers: answered.map(({ commandId, answer }) => ({ id: commandId as string, answer })),
      waiting: state.waiting,
      now: state.now,
    },
    send,
  );
  const had = complete.filter(({ id }) => state.worksOf(id).some((work) => !added.has(work)));
  if (had.length > 0)
    endWorks(
      sql,
      had.map(({ id }) => id),
      send,
    );
  return ended.filter((work) => !added.has(work)).map(final);
}

function noteSignals(state: TurnState, signals: number): void {
  if (signals > 0) state.signaled = true;
}

/** Only what has changed is written. */
const withBefore =
  <Row extends { readonly id: string }>(read: ReadonlyMap<string, Row>) =>
  (row: Row) => {
    const before = read.get(row.id);
    if (before === undefined) throw new Error(`${row.id} is to be written and was not read`);
    return { row, before };
  };

const changesOf = (state: TurnState) => ({
  rows: [...state.changed].map(withBefore(state.before)),
  batches: [...state.changedBatches].map(withBefore(state.batchesBefore)),
  events: state.events,
  deliveries: state.deliveries,
  specs: [...state.specs.values()],
  ruled: state.ruled,
  releasedDeliveries: [...state.releasedDeliveries],
  answers: state.answers,
  now: state.now,
});
