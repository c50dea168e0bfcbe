// A claim round: which tasks this worker starts now. A worker claims only what it can send at once, and the process that commits the
// claim makes the call. So the best task is chosen at the last moment: by priority, then creation, then position.
import { type Candidates, candidates, lockedCandidates, type Reached } from "#actor/claim/candidates";
import { readInputs } from "#actor/claim/inputs";
import { freeUnused, probed, type Receiving } from "#actor/claim/probes";
import type { Claimed } from "#domain/calls/claimed";
import { claim } from "#domain/commands/claim";
import type { StartInputs } from "#domain/inputs/starts";
import { holdsBack, isSweep } from "#domain/propagation/work";
import { byUrgency, isReady, type TaskRow, unruledQueue } from "#domain/row";
import { admitted, blockOf, loadOf } from "#domain/rules/admit";
import { windowsOf } from "#domain/rules/rate";
import { keysFor, leavesPlaces, noUses, type Uses } from "#domain/rules/uses";
import type { TurnEnv, TurnState } from "#domain/turn/state";
import { nextLook } from "#flow/next-look";
import type { Capacity, ReceiverCapacity } from "#flow/receiver-capacity";
import type { Found, Look } from "#store/claim/candidates";
import { type Claimable, lockClaimable, startActions, usesOf } from "#store/claim/take";
import type { Sql } from "#store/pg/pool";
import { worksOf } from "#store/turn/works";

/** The free call slots of this process: in all, and to each receiver. */
export type CallSlots = Pick<ReceiverCapacity, "free" | "limited" | "freeMax" | "freeFor">;

/** One look for tasks to claim, with the call slots that are free now. The round takes no call slots; the calls do. */
export class ClaimRound {
  readonly limit: number;
  readonly capacity: Capacity;
  readonly #slots: CallSlots;
  readonly #gated: ReadonlySet<string>;
  readonly #token: () => { owner: number; claimId: number };
  /** Fencing tokens given out. */
  readonly tokens: number[] = [];
  /** How many tasks were claimed, those included for which nothing is called; `claim` counts. */
  claims = 0;
  /** This process has more free call slots than one round may fill. */
  readonly hasMoreCallSlots: boolean;
  /** There may be more to claim, and free call slots for it here. */
  moreHere = false;
  /** There may be more to claim for other workers: here a receiver, or the whole process, has no free call slot. */
  moreElsewhere = false;
  /** It could not look at everything, for reasons that are gone in some milliseconds. */
  soon = false;
  /** There were admission queues to look at: signaled, or left by a round before. */
  signaled = false;
  /** Where the round before stopped; after this round, where it stopped. */
  reached: Reached | null = null;

  /** Tasks that are passed over, in doubt: their start call has its response after all, which is not decided yet. */
  readonly isStarted: (task: string) => boolean;

  constructor(
    slots: CallSlots,
    max: number,
    token: () => { owner: number; claimId: number },
    isStarted: ClaimRound["isStarted"] = () => false,
  ) {
    this.isStarted = isStarted;
    this.limit = Math.min(slots.free(), max);
    this.#slots = slots;
    const limited = slots.limited();
    this.capacity = { receivers: limited, freeMax: slots.freeMax };
    this.#gated = new Set(limited.filter(({ gated }) => gated).map(({ receiver }) => receiver));
    this.hasMoreCallSlots = slots.free() > max;
    this.#token = token;
  }

  /** How many more calls may be made to a receiver, once so many are made to others. */
  freeFor = (receiver: string, others: number): number => this.#slots.freeFor(receiver, others);

  /** Whether its circuit is not closed, so that a call to it has to be the probe. */
  isGated = (receiver: string | null): boolean => receiver !== null && this.#gated.has(receiver);

  newToken(): { owner: number; claimId: number } {
    const token = this.#token();
    this.tokens.push(token.claimId);
    return token;
  }

  /** By the tasks that were chosen out of those that were found: whether call slots leave something to claim here, and for others. */
  leftBy(
    chosen: readonly Receiving[],
    found: readonly Receiving[],
  ): { readonly here: boolean; readonly elsewhere: boolean } {
    const filled = chosen.length === this.limit;
    const calls = new Map(this.capacity.receivers.map(({ receiver }) => [receiver, 0]));
    for (const { receiver } of found) if (receiver !== null) calls.set(receiver, 0);
    for (const { receiver } of chosen) if (receiver !== null) calls.set(receiver, (calls.get(receiver) ?? 0) + 1);
    // By the call slots that were free when the look began, or that are free now, if these are fewer: what became free meanwhile was
    // not looked for.
    const free = new Map(this.capacity.receivers.map((one) => [one.receiver, one.free]));
    const isFull = ([receiver, made]: [string, number]) =>
      !this.isGated(receiver) &&
      made >= Math.min(free.get(receiver) ?? this.capacity.freeMax, this.freeFor(receiver, chosen.length - made));
    return { here: this.hasMoreCallSlots && filled, elsewhere: filled || [...calls].some(isFull) };
  }
}

/** Claims what the round has free call slots for, in the state. Returns those for which a call is made after the commit. */
export async function admit(sql: Sql, state: TurnState, round: ClaimRound): Promise<Claimed[]> {
  if (round.limit <= 0) return [];
  // A key template is being made, and all active tasks get slots for it: none may become active meanwhile.
  if (!state.mayBecomeActive) {
    round.soon = true;
    return [];
  }
  const look: Look = { limit: round.limit, capacity: round.capacity, hasBatchWork: state.hasBatchWork };
  const looked = await candidates(sql, look, state, round.reached);
  // The turn writes its rows from memory: what it has loaded is left to the next round.
  const isFresh = ({ id }: Found) => !state.rows.has(id) && !round.isStarted(id);
  const fresh = looked.found.filter(isFresh);
  const wanted = await wantedOf(sql, looked, fresh, round, state.env);
  const mayCall = ({ receiver }: Receiving) => !round.isGated(receiver) || wanted.probes.has(receiver ?? "");
  let taken = await lockAndRead(sql, state, looked, wanted.chosen);
  if (taken.isThwarted) {
    const others = await lockedCandidates(sql, look, looked.searched, round.reached);
    taken = await lockAndRead(sql, state, looked, others.filter(isFresh).filter(mayCall));
  }
  const { chosen, usage } = admitted(taken.candidates, looked.queues, looked.usage, round);
  await freeUnused(sql, wanted.probes, chosen);
  const callsLeave = round.leftBy(chosen, fresh);
  state.openedWindows = looked.openedWindows;
  state.judged = [...looked.queues].map(([id, terms]) => ({ id, waitsFor: blockOf(terms, usage) }));
  const { more: moreQueues, hasRival, reached } = looked;
  const isProgress = chosen.length > 0 || state.judged.some(({ waitsFor }) => waitsFor !== null);
  const left = { isShort: chosen.length < round.limit, hasPassed: fresh.length < looked.found.length, isProgress };
  const hasPlaces = leavesPlaces(looked.searched, chosen, state.judged, round.limit);
  const search = { moreQueues, hasStopped: reached !== null, hasLost: taken.hasLost, hasPlaces, hasRival };
  const next = nextLook({ ...left, ...search, moreHere: callsLeave.here });
  round.moreHere = next === "now";
  round.moreElsewhere = callsLeave.elsewhere;
  round.soon = next === "soon";
  if (!hasRival) round.reached = reached;
  round.signaled = state.hasQueuesToSee;
  state.add(chosen.map(({ row }) => row));
  return chosen.flatMap(
    (one) =>
      claim(state, round, one.row, {
        ...one,
        isProbe: wanted.probes.has(one.receiver ?? ""),
        // The task was in its queue already when that was found to wait for a rule, so it has waited itself.
        hasWaited: (looked.waited.get(one.queue)?.getTime() ?? 0) >= one.row.lastUpdated.getTime(),
      }) ?? [],
  );
}

/** The candidates that the round would take if none were locked and their metadata stayed the same. Only these are locked at first. */
async function wantedOf(
  sql: Sql,
  { queues, usage }: Candidates,
  found: readonly Found[],
  round: ClaimRound,
  env: TurnEnv,
): Promise<{ readonly chosen: readonly Found[]; readonly probes: ReadonlySet<string> }> {
  const ruled = found.filter(({ queue }) => queue !== unruledQueue).map(({ id }) => id);
  // A single one competes with none: what it uses is read once it is locked.
  const uses = ruled.length > 1 ? await usesOf(sql, ruled) : noUses;
  const windows = windowsOf(queues.values());
  const some = found.map((one) => ({ ...one, keys: keysFor(one, uses.get(one.id), windows) }));
  return probed(sql, some, round, env, (some) => admitted(some, queues, usage, round));
}

interface Candidate extends Claimable, Receiving {
  readonly queue: number;
  readonly keys: readonly string[];
  readonly uses: Uses | undefined;
  readonly load: number;
  readonly inputs: StartInputs | undefined;
}

interface Taken {
  /** Best first; their rows are locked. */
  readonly candidates: readonly Candidate[];
  /** Other transactions had locked or changed some of them, or the inputs of better ones already took all the bytes of a round. */
  readonly hasLost: boolean;
  /** So many were locked, or one with rules, that the search has to go on past them. */
  readonly isThwarted: boolean;
}

/** Locks these tasks and reads again what must be exact; they cannot change from here on. */
async function lockAndRead(sql: Sql, state: TurnState, looked: Candidates, found: readonly Found[]): Promise<Taken> {
  if (found.length === 0) return { candidates: [], hasLost: false, isThwarted: false };
  const locked = new Map(
    (
      await lockClaimable(
        sql,
        found.map(({ id }) => id),
      )
    ).map((one) => [one.row.id, one]),
  );
  const ids = [...locked.keys()];
  const best = found.flatMap(({ id }) => locked.get(id) ?? []);
  const [works, uses, inputs] = await Promise.all([
    // Always: a stop or a pause may have been committed since the turn began.
    worksOf(sql, batchesOf(best.map(({ row }) => row))),
    state.hasKeyTemplates ? usesOf(sql, ids) : noUses,
    readInputs(sql, state, best),
  ]);
  const isLooked = ({ row }: Claimable) =>
    !works.some((work) => holdsBack(work, row)) &&
    !inputs.passedOver.has(row.id) &&
    (row.queue === unruledQueue || looked.queues.has(row.queue));
  const claimable = best.filter(isLooked);
  const windows = windowsOf(looked.queues.values());
  const candidates = claimable.map(({ row, action }) => ({
    ...{ row, action, queue: row.queue, receiver: row.receiver, load: loadOf(row) },
    ...{ keys: keysFor(row, uses.get(row.id), windows), uses: uses.get(row.id), inputs: inputs.of.get(row.id) },
  }));
  // Of a queue with rules, this may be the only task that the round looks at.
  const isThwarted =
    locked.size * 2 < found.length || found.some(({ id, queue }) => queue !== unruledQueue && !locked.has(id));
  return { candidates, hasLost: locked.size < found.length || inputs.passedOver.size > 0, isThwarted };
}

/**
 * Claims tasks that this turn made ready, which saves a turn of their own. `Claims.roundFor` gives a batch turn a round only where this
 * process knows of no other task that waits, and `mayClaim` (turn.ts) where no sweep is under way. A waiting task that only another worker
 * knows of may start later than these.
 */
export async function admitReady(sql: Sql, state: TurnState, round: ClaimRound): Promise<Claimed[]> {
  // Where tasks with rules may start, they compete with these: that is left to the round of a task turn.
  if (!state.mayBecomeActive || state.hasQueuesToSee) return [];
  const ready = [...state.changed].filter(
    (row) => row.queue === unruledQueue && !row.inDoubt && isReady(row) && becamePending(state, row),
  );
  if (ready.length === 0 || round.limit <= 0) return [];
  // A sweep of its batch may have to reach it first.
  const works = state.hasBatchWork ? await worksOf(sql, batchesOf(ready)) : [];
  const underSweep = new Set(works.filter(isSweep).map(({ batchId }) => batchId));
  const some = ready
    .filter(({ batchId }) => !underSweep.has(batchId))
    .sort(byUrgency)
    .map((row) => ({ row, queue: unruledQueue, receiver: row.receiver, attempt: row.attempt, keys: [], load: 0 }));
  const { chosen, probes } = await probed(sql, some, round, state.env, (some) =>
    admitted(some, new Map(), new Map(), round),
  );
  const ids = chosen.map(({ row }) => row.id);
  if (ids.length === 0) return [];
  const [actions, uses] = await Promise.all([
    actionsOf(sql, state, ids),
    state.hasKeyTemplates ? usesOf(sql, ids) : noUses,
  ]);
  const inputs = await readInputs(
    sql,
    state,
    chosen.map(({ row }) => ({ row, action: actions.get(row.id) ?? null })),
  );
  const fitting = inputs.passedOver.size === 0 ? chosen : chosen.filter(({ row }) => !inputs.passedOver.has(row.id));
  await freeUnused(sql, probes, fitting);
  return fitting.flatMap(
    ({ row, receiver }) =>
      claim(state, round, row, {
        action: actions.get(row.id) ?? null,
        uses: uses.get(row.id),
        isProbe: probes.has(receiver ?? ""),
        inputs: inputs.of.get(row.id),
      }) ?? [],
  );
}

/** Those that were not read along with their rows are read here. */
async function actionsOf(
  sql: Sql,
  { startActions: known }: TurnState,
  ids: readonly string[],
): Promise<TurnState["startActions"]> {
  const unread = ids.filter((id) => !known.has(id));
  return unread.length === 0 ? known : new Map([...known, ...(await startActions(sql, unread))]);
}

const batchesOf = (rows: readonly TaskRow[]): string[] => [...new Set(rows.map(({ batchId }) => batchId))];
const becamePending = (state: TurnState, row: TaskRow): boolean => state.before.get(row.id)?.status !== "Pending";
