// One turn: a set of commands becomes one transaction. Lock and load, decide, propagate, admit, write; this is the whole flow.
// Until the commit nothing has happened: a turn that fails leaves no trace, and its commands come again.
import { admit, admitReady, type ClaimRound } from "#actor/claim/round";
import { propagate } from "#actor/propagation/propagate";
import { relativesOf } from "#actor/propagation/relatives";
import { completeBatches, conclude } from "#actor/turn/conclude";
import { lockAndLoad } from "#actor/turn/lock-and-load";
import { limits } from "#config";
import type { Origin } from "#domain/actor";
import type { Claimed } from "#domain/calls/claimed";
import type { Answer } from "#domain/command";
import { type DecidedCommand, writeDown } from "#domain/portions/write-down";
import { answerOf, goesOn, isSweep, type Work } from "#domain/propagation/work";
import { decideBatch, passDeadline } from "#domain/turn/batch-commands";
import { answerBefore, keyOf, remember } from "#domain/turn/idempotency";
import { type Item, isOfBatch, type TurnKind, targetOf } from "#domain/turn/items";
import type { TurnEnv, TurnState } from "#domain/turn/state";
import { decideTask, settle } from "#domain/turn/task-commands";
import type { Db } from "#store/pg/pool";

export interface Decided {
  readonly state: TurnState;
  /** In the order of the commands; null for outcomes and timers of this process. */
  readonly settled: readonly Settled[];
  /** Commands that wait for a lock, by batch. */
  readonly locked: ReadonlyMap<string, readonly Item[]>;
  /** Commands beyond the bounds of one turn, for the next one. */
  readonly left: readonly Item[];
  readonly claimed: readonly Claimed[];
  /** Works of earlier turns that this turn has finished: their answers are due. */
  readonly ended: readonly Work[];
}

export interface Settled {
  readonly item: Item;
  readonly answer: Answer | null;
  /** An outcome or timer that came too late: its task has moved on. */
  readonly isStale?: boolean;
}

/** `round`: what the turn may also claim. `wait`: waits for the lock of the one batch that all commands are of. */
export function turn(
  db: Db,
  env: TurnEnv,
  kind: TurnKind,
  commands: readonly Item[],
  round: ClaimRound | null,
  wait = false,
): Promise<Decided> {
  return db.tx(async (sql, last) => {
    const { state, items, locked, left } = await lockAndLoad(sql, env, kind, commands, wait);
    const decided = items.map((item) => state.by(originOf(item, state), () => decide(state, item)));
    await propagate(state, relativesOf(sql), budgetOf(state));
    const complete = completeBatches(state);
    const { steps, works } = writeDown(
      state,
      decided.flatMap(({ command }) => command ?? []),
    );
    const claimed = round === null || !mayClaim(state, kind) ? [] : await claim[kind](sql, state, round);
    const settled = decided.map((one) => answered(state, one, works));
    const ended = await conclude(sql, last, state, complete, steps);
    return { state, settled, locked, left, claimed, ended };
  }, limits.workTimeoutMs);
  // After the commit, worker.ts replies, acknowledges and acts.
}

const claim = { task: admit, batch: admitReady } as const satisfies Record<TurnKind, unknown>;

/**
 * A batch turn claims nothing while a sweep of its batches goes on, or where it has changed rules: `admitReady` asks Postgres
 * for sweeps and rules, and does not see there what this turn has yet to write.
 */
const mayClaim = ({ works, ruled }: TurnState, kind: TurnKind): boolean =>
  kind === "task" || (ruled.size === 0 && ![...works.values()].flat().some((work) => isSweep(work) && !work.done));

interface DecidedItem extends Settled {
  /** Null where its answer waits for nothing that follows. */
  readonly command: DecidedCommand | null;
  /** The sweep that it began, where that goes on in portions. */
  readonly work?: Work | null;
  /** The id of the command that this one repeats: its answer waits for the work of that command, if there is one. */
  readonly repeats?: string;
}

/** Outcomes and timers have the worker as their origin; a client's command has the client. */
const originOf = (item: Item, { origin }: TurnState): Origin =>
  item.from === "local" ? origin : { actor: item.command.actor, reason: item.command.reason ?? null };

function decide(state: TurnState, item: Item): DecidedItem {
  const batchId = isOfBatch(item) ? targetOf(item) : (state.rows.get(targetOf(item))?.batchId ?? "");
  const batch = state.batches.get(batchId);
  state.cause = batch === undefined ? 0 : ++batch.seq;
  if (item.from === "local") {
    if (item.command.type === "deadline")
      return { item, answer: null, isStale: !passDeadline(state, item.command.batch), command: null };
    const isStale = !settle(state, item.command);
    const command = { batchId, cause: state.cause, answer: null, commandId: null, replies: [], ...state.origin };
    return { item, answer: null, isStale, command };
  }
  const replies = item.replyTo === null ? [] : [item.replyTo];
  const key = keyOf(item, state);
  const before = key && answerBefore(state.remembered, key);
  if (before) return { item, answer: before.answer, command: null, ...(before.isSame ? { repeats: key.id } : {}) };
  if (item.expires && isPast(item.storedAt, state.now))
    return { item, answer: expired(item.command.target), command: null };
  const asker = { commandId: key?.id ?? null, replies, ...state.origin };
  const { answer, work } = isOfBatch(item)
    ? decideBatch(state, item.command, asker)
    : { answer: decideTask(state, item.command, item.storedAt), work: null };
  if (key) remember(state, key, answer);
  const command = isOfBatch(item) ? null : { ...asker, batchId, cause: state.cause, answer };
  return { item, answer, command, work };
}

/** The work of a command that was decided before, in this turn or an earlier one. */
function workBefore(state: TurnState, id: string): Work | undefined {
  const { batchId = null, seq } = state.remembered.get(id) ?? {};
  return batchId === null ? undefined : state.worksOf(batchId).find((one) => one.seq === seq);
}

/** The answer as it can be given now: while its work goes on it is 202 with what is known so far. */
function answered(state: TurnState, one: DecidedItem, works: ReadonlyMap<DecidedCommand, Work>): Settled {
  const { item, answer, isStale, repeats, command } = one;
  const begun = one.work ?? (command === null ? undefined : works.get(command));
  const work = repeats === undefined ? begun : workBefore(state, repeats);
  if (work === undefined || answer === null) return { item, answer, ...(isStale ? { isStale } : {}) };
  const soFar = answerOf(work, state.batches.get(work.batchId)?.total ?? 0) ?? answer;
  for (const kept of state.answers)
    if (kept.id === work.commandId)
      Object.assign(kept, work.done ? { answer: soFar } : { batchId: work.batchId, seq: work.seq });
  if (work.done) return { item, answer: soFar };
  if (repeats !== undefined && item.from === "client" && item.replyTo !== null)
    state.waiting.push({ batchId: work.batchId, seq: work.seq, reply: item.replyTo });
  return { item, answer: goesOn(soFar) };
}

const budgetOf = (state: TurnState) => {
  return {
    linksMax: limits.turnLinksMax,
    tasksMax: state.changed.size + limits.portionTasksMax,
    rankMax: Number.POSITIVE_INFINITY,
    rankMin: 0,
    // Not where an earlier transaction has left steps: some task has still to hear of a parent.
    mayClimb: (batch: string) => !state.isPropagating(batch),
  };
};

/** Whether a command waited too long to be begun; both times by the clock of Postgres. */
export const isPast = (storedAt: number, now: Date): boolean => now.getTime() > storedAt + limits.commandBeginMs;

/** The answer to a command that waited too long, in case its caller still waits. */
export const expired = (id: string): Answer => ({
  status: 503,
  id,
  error: "The command waited too long and was not begun; repeating it is safe",
  code: "busy",
});
