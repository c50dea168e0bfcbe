// What a turn could not do itself: each of its commands that something is left of, or that has to wait for what is older,
// becomes a work, and is answered when that is done. Pure: fills the state.
import type { Answer } from "#domain/command";
import { type Asker, addWork } from "#domain/commands/batch-commands";
import { bounded, type Step, type Work } from "#domain/propagation/work";
import type { TurnState } from "#domain/turn/state";

/** A command that a turn has decided. */
export interface DecidedCommand extends Asker {
  readonly batchId: string;
  /** Its number in the batch. */
  readonly cause: number;
  readonly answer: Answer | null;
}

/** Returns the steps to write, and the works by their command. */
export function writeDown(
  state: TurnState,
  commands: readonly DecidedCommand[],
): { readonly steps: Step[]; readonly works: ReadonlyMap<DecidedCommand, Work> } {
  const left = Map.groupBy(state.steps.left(), ({ batchId }) => batchId);
  const works = new Map<DecidedCommand, Work>();
  if (left.size === 0 && state.awaiting.size === 0) return { steps: [], works };
  for (const command of commands) {
    const { batchId, cause } = command;
    const batch = state.batches.get(batchId);
    if (batch === undefined || batch.completedAt !== null) continue;
    const isLeft = left.get(batchId)?.some((step) => step.cause === cause) === true;
    const awaits =
      state.awaiting.get(batchId)?.has(cause) === true && (left.has(batchId) || state.isPropagating(batchId));
    if (isLeft || awaits) works.set(command, addWork(state, batch, propagationOf(command, awaits)));
  }
  return {
    steps: [...left.values()].flat().map((step) => bounded(step, state.batches.get(step.batchId)?.total ?? 0)),
    works,
  };
}

const propagationOf = ({ batchId, cause, answer, ...asker }: DecidedCommand, awaits: boolean): Work => ({
  ...{ batchId, seq: cause, kind: "propagation", args: awaits ? { awaits } : null, reached: -1, upto: -1 },
  ...{ counts: {}, ...asker, answer, done: false },
});
