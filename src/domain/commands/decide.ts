// Decides one command of a turn, and what its caller is answered now. Pure: the rows are in the state, under their locks.
import type { Origin } from "#domain/actor";
import type { Answer } from "#domain/command";
import { decideBatch, passDeadline } from "#domain/commands/batch-commands";
import { expired, isPast } from "#domain/commands/expiry";
import { answerBefore, keyOf, remember } from "#domain/commands/idempotency";
import { decideTask, settle } from "#domain/commands/task-commands";
import type { DecidedCommand } from "#domain/portions/write-down";
import { answerOf, goesOn, type Work } from "#domain/propagation/work";
import { type Item, isOfBatch, targetOf } from "#domain/turn/items";
import type { TurnState } from "#domain/turn/state";

export interface Settled {
  readonly item: Item;
  readonly answer: Answer | null;
  /** An outcome or timer that came too late: its task has moved on. */
  readonly isStale?: boolean;
}

export interface DecidedItem extends Settled {
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

export const decide = (state: TurnState, item: Item): DecidedItem =>
  state.by(originOf(item, state), () => decideAs(state, item));

function decideAs(state: TurnState, item: Item): DecidedItem {
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
export function answerNow(state: TurnState, one: DecidedItem, works: ReadonlyMap<DecidedCommand, Work>): Settled {
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
