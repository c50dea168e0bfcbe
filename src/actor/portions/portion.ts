// The next portion of what is outstanding in a batch: a part of the oldest sweep, or some steps of propagation, in one
// transaction under the lock of the batch. There is no owner and no lease: the lock is the lease, and ends with its
// connection. What is set aside is passed over. The protocol is checked by the model in test/model; the two change together.
import { propagate, type Relatives } from "#actor/propagation/propagate";
import { relativesOf } from "#actor/propagation/relatives";
import { completeBatches, conclude, endWork } from "#actor/turn/conclude";
import { holdBatches } from "#actor/turn/lock-and-load";
import { limits } from "#config";
import { nextSweep, type StepChanges, stepChanges } from "#domain/portions/outstanding";
import type { Part } from "#domain/portions/part";
import { visit } from "#domain/portions/visit";
import { countEnded } from "#domain/propagation/rules";
import { isAhead, isSweep, keyOf, type Step, type Work } from "#domain/propagation/work";
import type { BatchRow, TaskRow } from "#domain/row";
import { type TurnEnv, TurnState } from "#domain/turn/state";
import type { Db, Sql } from "#store/pg/pool";
import { limitLockWait, type SendWrite } from "#store/pg/transaction";
import { lockBatches, moment, unfinishedRanks } from "#store/turn/load";
import { type Causes, causesOf, nextSteps, worksOf, writeSteps } from "#store/turn/works";

export interface Portion {
  readonly state: TurnState;
  readonly ended: readonly Work[];
  /** Something is still outstanding in the batch that may be done now. */
  readonly isMore: boolean;
  /** How long the lock of the batch was held, ms. */
  readonly heldMs: number;
}

/** A portion could not be done; `cause`: the error. */
export class PortionFailed extends Error {
  /** What it was about to do; null: it failed before that was known. */
  readonly part: Part | null;

  constructor(part: Part | null, cause: unknown) {
    super("a portion failed", { cause });
    this.part = part;
  }
}

/** A pool of one connection cannot renew the lease while it waits for a lock, so it waits no longer than this part of the lease. */
const lockShare = 1 / 6;

/**
 * `size`: the part of a whole portion that is to be done. `waitMs`: for the lock of the batch. Throws PortionFailed, also where
 * the lock is not to be had. Null: nothing is outstanding.
 */
export async function portion(
  db: Db,
  env: TurnEnv,
  batchId: string,
  size = 1,
  waitMs: number = limits.portionLockWaitMs,
): Promise<Portion | null> {
  let began = 0;
  let part: Part | null = null;
  const work = db.tx(async (sql, send) => {
    await limitLockWait(sql, Math.min(waitMs, env.leaseMs * lockShare));
    const [batch] = await lockBatches(sql, [], [batchId], true);
    began = performance.now();
    if (batch === undefined || batch.works === 0) return null;
    // In statements after the lock, which see what other transactions have committed.
    const [works, now] = await Promise.all([worksOf(sql, [batchId]), moment(sql)]);
    const state = new TurnState(env, now);
    holdBatches(state, [batch], works);
    const before = batch.works;
    await take(outstandingOf(sql, send, batchId), state, batch, size, (one) => {
      part = one;
    });
    const complete = completeBatches(state);
    const ended = await conclude(sql, send, state, complete);
    return { state, ended, isMore: batch.works > 0 && (part !== null || batch.works < before) };
  }, limits.workTimeoutMs);
  const done = await work.catch((error) => {
    throw new PortionFailed(part, error);
  });
  // The lock is held until the commit, which the writes go out with.
  return done && { ...done, heldMs: performance.now() - began };
}

/** What is outstanding in a locked batch, as a portion reads it; the steps are written before it asks what is left. */
export interface Outstanding {
  readonly relatives: Relatives;
  nextSteps(max: number): Promise<Step[]>;
  unfinishedRanks(after: number, upto: number): Promise<TaskRow[]>;
  writeSteps(changes: StepChanges): void;
  causes(): Promise<Causes>;
}

const outstandingOf = (sql: Sql, send: SendWrite, batch: string): Outstanding => ({
  relatives: relativesOf(sql),
  nextSteps: (max) => nextSteps(sql, batch, max),
  unfinishedRanks: (after, upto) => unfinishedRanks(sql, batch, after, upto),
  writeSteps: (changes) => writeSteps(sql, changes, send),
  causes: () => causesOf(sql, batch),
});

/**
 * A sweep and propagation take turns, so that neither starves; while the sweep is a stop, it alone goes on. `choose` hears
 * what is about to be done.
 */
export async function take(
  from: Outstanding,
  state: TurnState,
  batch: BatchRow,
  size: number,
  choose: (part: Part) => void = () => {},
): Promise<void> {
  const sweep = nextSweep(state.worksOf(batch.id));
  const isAlone = sweep?.kind === "stop";
  const tasksMax = Math.ceil(limits.portionTasksMax * size);
  const linksMax = Math.ceil(limits.portionLinksMax * size);
  const steps = isAlone || (sweep !== undefined && !batch.lastWasSweep) ? [] : await from.nextSteps(tasksMax);
  batch.lastWasSweep = sweep !== undefined && steps.length === 0;
  state.changedBatches.add(batch);
  if (sweep !== undefined && batch.lastWasSweep) {
    choose({ sweep: sweep.seq, kind: sweep.kind });
    return sweepOn(from, state, batch, sweep, tasksMax);
  }
  const [first] = steps;
  if (first !== undefined) choose({ step: first });
  from.writeSteps(await propagateOn(from, state, batch, { steps, tasksMax, linksMax }));
  await endPropagation(from, state, batch);
}

async function sweepOn(from: Outstanding, state: TurnState, batch: BatchRow, work: Work, max: number): Promise<void> {
  const upto = Math.min(work.reached + max, work.upto);
  const rows = await from.unfinishedRanks(work.reached, upto);
  for (const row of state.add(rows)) if (isAhead(work, row)) visit(state, work, row);
  // Tasks that a stop ended count in their batch, but no relative hears of them.
  countEnded(state);
  work.reached = upto;
  state.changedWorks.add(work);
  if (work.reached >= work.upto) endWork(state, batch, work);
}

interface Taken {
  readonly steps: readonly Step[];
  readonly tasksMax: number;
  readonly linksMax: number;
}

async function propagateOn(
  { relatives }: Outstanding,
  state: TurnState,
  batch: BatchRow,
  { steps, tasksMax, linksMax }: Taken,
): Promise<StepChanges> {
  const before = new Map(steps.map((step) => [keyOf(step), { ...step }]));
  for (const step of steps) state.steps.add(step);
  const isPart = steps.length >= tasksMax;
  const isUp = steps[0]?.step === "up";
  const lastRank = steps.at(-1)?.rank ?? 0;
  await propagate(state, relatives, {
    linksMax,
    tasksMax,
    rankMax: isPart && !isUp ? lastRank : Number.POSITIVE_INFINITY,
    rankMin: isPart && isUp ? lastRank : 0,
    mayClimb: () => isUp,
  });
  return stepChanges(before, state.steps.left(), batch.total);
}

/** A propagation is done when no step is left that it, or an older one, waits for; of those set aside only its own count, unless it awaits all. */
async function endPropagation(from: Outstanding, state: TurnState, batch: BatchRow): Promise<void> {
  const { lowest, aside } = await from.causes();
  const works = state.worksOf(batch.id).filter(({ done }) => !done);
  const isLeft = ({ seq, args }: Work) =>
    (lowest !== null && lowest <= seq) || aside.some(({ from, to }) => from <= seq && (args !== null || seq <= to));
  for (const work of works) if (!isSweep(work) && !isLeft(work)) endWork(state, batch, work);
  // At least one row is written, so that others see when the batch was served.
  const [first] = works;
  if (first) state.changedWorks.add(first);
}
