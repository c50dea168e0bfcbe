// Takes what a turn needs: the locks and the rows of its commands, the works of their batches, and the answers that were given
// before. A command whose row or batch another transaction has locked waits with its batch, and so does one whose task a sweep of
// its batch has still to visit. A turn has a limit: commands
// beyond it are left for the next one. A command for a task or batch that does not exist gets no row, and is answered 404.
import { limits } from "#config";
import { isAtOnce } from "#domain/commands/batch-commands";
import { isSweeping, withinBounds } from "#domain/commands/bounds";
import { idsOf as idsOfKey, keyOf } from "#domain/commands/idempotency";
import { visitOutstanding } from "#domain/portions/visit";
import { isAhead, type Work } from "#domain/propagation/work";
import type { BatchRow, TaskRow } from "#domain/row";
import { type Item, isOfBatch, type TurnKind, targetOf } from "#domain/turn/items";
import { type TurnEnv, TurnState } from "#domain/turn/state";
import type { Sql } from "#store/pg/pool";
import { limitLockWait } from "#store/pg/transaction";
import * as load from "#store/turn/load";
import { unsentOf } from "#store/turn/unsent";
import { worksOf } from "#store/turn/works";

export interface Loaded {
  readonly state: TurnState;
  readonly items: readonly Item[];
  /** Commands for a later batch turn, by the batch that they wait for. */
  readonly waiting: ReadonlyMap<string, readonly Item[]>;
  /** Commands beyond the bounds of one turn, for the next one. */
  readonly left: readonly Item[];
}

/** `wait`: all commands are of one batch, and the turn waits for its lock. It holds no other lock meanwhile. */
export async function lockAndLoad(
  sql: Sql,
  env: TurnEnv,
  kind: TurnKind,
  items: readonly Item[],
  wait: boolean,
): Promise<Loaded> {
  const tasks = idsOf(items, (item) => !isOfBatch(item));
  const batches = idsOf(items, isOfBatch);
  const { state, passed } =
    kind === "batch" ? await loadBatches(sql, env, { tasks, batches, wait }) : await loadTasks(sql, env, tasks);
  const waitsFor = await lockedOnes(sql, state, tasks, batches);
  for (const { id, batchId } of passed) waitsFor.set(id, batchId);
  const mine: Item[] = [];
  const waiting = new Map<string, Item[]>();
  for (const item of items) {
    const batch = waitsFor.get(targetOf(item));
    if (batch === undefined) mine.push(item);
    else waiting.set(batch, [...(waiting.get(batch) ?? []), item]);
  }
  const { taken, left } = withinBounds(state, mine);
  await loadSwept(sql, state, taken);
  const keys = taken.map((item) => keyOf(item, state)).flatMap((key) => (key === null ? [] : idsOfKey(key)));
  if (keys.length > 0) state.remembered = await load.answered(sql, keys);
  const unsent = state.hasUnsent ? idsOf(taken, isUnsent) : [];
  if (unsent.length > 0) state.unsent = await unsentOf(sql, unsent);
  return { state, items: taken, waiting, left };
}

const isUnsent = ({ from, command }: Item) => from === "local" && command.type === "start_unsent";

const idsOf = (items: readonly Item[], which: (item: Item) => boolean): string[] => [
  ...new Set(items.filter(which).map(targetOf)),
];

/** Targets that exist but are locked by another transaction, each with its batch. */
async function lockedOnes(
  sql: Sql,
  state: TurnState,
  tasks: readonly string[],
  batches: readonly string[],
): Promise<Map<string, string>> {
  const noRow = tasks.filter((id) => !state.rows.has(id));
  const noBatch = batches.filter((id) => !state.batches.has(id));
  const [locked, lockedBatches] = await Promise.all([
    noRow.length > 0 ? load.batchesOf(sql, noRow) : new Map<string, string>(),
    noBatch.length > 0 ? load.existingBatches(sql, noBatch) : [],
  ]);
  for (const id of lockedBatches) locked.set(id, id);
  return locked;
}

interface Rows {
  readonly state: TurnState;
  /** Rows that a task turn may not decide, since a sweep of their batch has not visited them yet. */
  readonly passed: readonly TaskRow[];
}

async function loadTasks(sql: Sql, env: TurnEnv, tasks: readonly string[]): Promise<Rows> {
  const [rows, moment] = await Promise.all([
    tasks.length === 0 ? [] : load.rowsUnlessLocked(sql, tasks),
    load.moment(sql),
  ]);
  const state = new TurnState(env, moment);
  if (!moment.hasBatchWork) {
    state.add(rows);
    return { state, passed: [] };
  }
  const works = await worksOf(sql, [...new Set(rows.map(({ batchId }) => batchId))]);
  const isPassed = (row: TaskRow) => works.some((work) => work.batchId === row.batchId && isAhead(work, row));
  state.add(rows.filter((row) => !isPassed(row)));
  return { state, passed: rows.filter(isPassed) };
}

async function loadBatches(
  sql: Sql,
  env: TurnEnv,
  asked: { readonly tasks: readonly string[]; readonly batches: readonly string[]; readonly wait: boolean },
): Promise<Rows> {
  const { tasks, batches, wait } = asked;
  if (wait) await limitLockWait(sql, limits.batchLockWaitMs);
  // Sent together, and in this order: a round trip is a large part of a small turn, and the clock is read after the locks.
  const [found, rows, moment] = await Promise.all([
    load.lockBatches(sql, tasks, batches, wait),
    tasks.length > 0 ? load.rowsOf(sql, tasks, wait) : [],
    load.moment(sql),
  ]);
  const ids = new Set(found.map(({ id }) => id));
  const works = found.some((batch) => batch.works > 0) ? await worksOf(sql, [...ids]) : [];
  const state = new TurnState(env, moment);
  holdBatches(state, found, works);
  // A batch that was let go of between the two statements is not in hand.
  visitOutstanding(state, state.add(rows.filter(({ batchId }) => ids.has(batchId))));
  return { state, passed: [] };
}

/** Batches whose rows are locked, with what is outstanding in them. */
export function holdBatches(state: TurnState, batches: readonly BatchRow[], works: readonly Work[]): void {
  for (const batch of batches) state.addBatch(batch);
  for (const work of works) state.works.set(work.batchId, [...state.worksOf(work.batchId), work]);
}

/** The tasks of small batches that are swept in this turn. */
async function loadSwept(sql: Sql, state: TurnState, items: readonly Item[]): Promise<void> {
  for (const id of idsOf(items, isSweeping)) {
    const batch = state.batches.get(id);
    if (batch === undefined || !isAtOnce(state, batch)) continue;
    visitOutstanding(state, state.add(await load.unfinishedRanks(sql, id, -1, batch.total - 1)));
  }
}
