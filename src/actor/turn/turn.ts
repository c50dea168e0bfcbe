// One turn: a set of commands becomes one transaction. Lock and load, decide, propagate, complete batches, note what is too large for
// this turn, admit, answer, write; this is the whole flow.
// Until the commit nothing has happened: a turn that fails leaves no trace, and its commands come again.
import { admit, admitReady, type ClaimRound } from "#actor/claim/round";
import { propagate } from "#actor/propagation/propagate";
import { relativesOf } from "#actor/propagation/relatives";
import { completeBatches, conclude } from "#actor/turn/conclude";
import { lockAndLoad } from "#actor/turn/lock-and-load";
import { limits } from "#config";
import type { Claimed } from "#domain/calls/claimed";
import { answerNow, decide, type Settled } from "#domain/commands/decide";
import { writeDown } from "#domain/portions/write-down";
import { isSweep, type Work } from "#domain/propagation/work";
import type { Item, TurnKind } from "#domain/turn/items";
import type { TurnEnv, TurnState } from "#domain/turn/state";
import type { Db } from "#store/pg/pool";

export interface Decided {
  readonly state: TurnState;
  /** One for each command that was decided, in their order. A local command has no answer. */
  readonly settled: readonly Settled[];
  /** Commands that wait for a batch turn of their own, by batch: it is locked, or a sweep has to come to their task first. */
  readonly waiting: ReadonlyMap<string, readonly Item[]>;
  /** Commands beyond the bounds of one turn, for the next one. */
  readonly left: readonly Item[];
  readonly claimed: readonly Claimed[];
  /** Works of earlier turns that this turn has finished, as where its batch is complete: their answers are due. */
  readonly finishedWorks: readonly Work[];
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
  // Statements that are given to `send` go to Postgres together with the commit.
  return db.tx(async (sql, send) => {
    const { state, items, waiting, left } = await lockAndLoad(sql, env, kind, commands, wait);
    const decided = items.map((item) => decide(state, item));
    await propagate(state, relativesOf(sql), budgetOf(state));
    const complete = completeBatches(state);
    const { steps, works: begun } = writeDown(
      state,
      decided.flatMap(({ command }) => command ?? []),
    );
    const claimed = round === null || !mayClaim(state, kind) ? [] : await admitFor[kind](sql, state, round);
    const settled = decided.map((one) => answerNow(state, one, begun));
    const finishedWorks = await conclude(sql, send, state, complete, steps);
    return { state, settled, waiting, left, claimed, finishedWorks };
  }, limits.workTimeoutMs);
  // After the commit, worker.ts replies, acknowledges and acts.
}

const admitFor = { task: admit, batch: admitReady } as const satisfies Record<TurnKind, unknown>;

/**
 * A batch turn claims nothing while a sweep of its batches goes on, or where it has changed rules: `admitReady` asks Postgres
 * for sweeps and limit keys, and does not see there what this turn has yet to write.
 */
const mayClaim = ({ works, ruled }: TurnState, kind: TurnKind): boolean =>
  kind === "task" || (ruled.size === 0 && ![...works.values()].flat().some((work) => isSweep(work) && !work.done));

const budgetOf = (state: TurnState) => {
  return {
    linksMax: limits.turnLinksMax,
    tasksMax: state.changed.size + limits.portionTasksMax,
    rankMax: Number.POSITIVE_INFINITY,
    rankMin: 0,
    // Whether parents may be found to be dead ends: not while a child may still hear of something that an earlier turn left.
    mayClimb: (batch: string) => !state.isPropagating(batch),
  };
};
