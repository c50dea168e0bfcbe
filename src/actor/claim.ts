// The claim is the take: a worker claims only what it can send at once, and the process that commits the claim makes the
// call. What is best is decided here, at the last moment: priority, then creation, then position.

import { leaveProbes, takeProbes } from "#actor/circuits";
import { gather } from "#actor/gather";
import type { Scene } from "#actor/scene";
import { advance } from "#actor/step";
import type { Action } from "#domain/action";
import { admitted, blockOf, loadOf } from "#domain/admit";
import type { Claimed } from "#domain/claimed";
import { byRank, isReady, type TaskRow } from "#domain/row";
import { keysOf, type Rooms, startActions } from "#store/claim";
import type { Sql } from "#store/client";
import type { Lane } from "#store/lanes";

/** Room for calls in this process: in all, and to each receiver. */
export interface Slots {
  free(): number;
  /** `gated`: its circuit is not closed, and no free slot changes that. */
  rooms(): readonly { readonly receiver: string; readonly room: number; readonly gated: boolean }[];
  readonly roomMax: number;
  /** To one receiver, once so many calls are made to others. */
  room(receiver: string, others: number): number;
}

/** One look for work, with the room there is now. Looking takes no slot; the calls do. */
export class ClaimRound {
  readonly limit: number;
  readonly rooms: Rooms;
  readonly #slots: Slots;
  readonly #gated: ReadonlySet<string>;
  readonly #token: () => { owner: number; claimId: number };
  /** Fencing tokens given out. */
  readonly tokens: number[] = [];
  /** There may be more to claim, and room for it here. */
  moreHere = false;
  /** There may be more to claim, for others: here a receiver, or this process, is full now. */
  moreElsewhere = false;
  /** It could not look at everything, for reasons that are gone in some milliseconds. */
  soon = false;
  /** It was told that tasks with rules may start. */
  woke = false;
  /** Of lanes, where the round before stopped; then where this one did. */
  reached: Lane | null = null;

  constructor(slots: Slots, max: number, token: () => { owner: number; claimId: number }) {
    this.limit = Math.min(slots.free(), max);
    this.#slots = slots;
    const rooms = slots.rooms();
    this.rooms = { rooms, roomMax: slots.roomMax };
    this.#gated = new Set(rooms.filter(({ gated }) => gated).map(({ receiver }) => receiver));
    this.moreHere = slots.free() > max;
    this.#token = token;
  }

  /** How many more calls may be made to a receiver, once so many are made to others. */
  roomOf = (receiver: string, others: number): number => this.#slots.room(receiver, others);

  /** Its circuit is not closed: a call to it has to be the probe. */
  isGated = (receiver: string | null): boolean => receiver !== null && this.#gated.has(receiver);

  take(): { owner: number; claimId: number } {
    const token = this.#token();
    this.tokens.push(token.claimId);
    return token;
  }

  /** After the look: what it means that so many are taken, out of those that were found. */
  judge(chosen: readonly Receiving[], found: readonly Receiving[]): void {
    const filled = chosen.length === this.limit;
    this.moreHere = this.moreHere && filled;
    const calls = new Map(this.rooms.rooms.map(({ receiver }) => [receiver, 0]));
    for (const { receiver } of found) if (receiver !== null) calls.set(receiver, 0);
    for (const { receiver } of chosen) if (receiver !== null) calls.set(receiver, (calls.get(receiver) ?? 0) + 1);
    // By the room that the look began with: what became free meanwhile was not looked for.
    const room = new Map(this.rooms.rooms.map((one) => [one.receiver, one.room]));
    const isFull = ([receiver, made]: [string, number]) =>
      !this.isGated(receiver) &&
      made >= Math.min(room.get(receiver) ?? this.rooms.roomMax, this.roomOf(receiver, chosen.length - made));
    this.moreElsewhere = filled || [...calls].some(isFull);
  }
}

interface Receiving {
  readonly receiver: string | null;
}

/** Claims what the round has room for, in the scene; the calls are made after the commit. */
export async function admit(sql: Sql, scene: Scene, round: ClaimRound): Promise<Claimed[]> {
  if (round.limit <= 0) return [];
  if (!scene.mayHold) {
    round.soon = true;
    return [];
  }
  const looked = await gather(sql, round.limit, round.rooms, scene, round.reached);
  const { found, keys, lanes, usage, more, reached, busy } = looked;
  // What this turn has already changed is written from the row in hand; it is taken the next time.
  const fresh = found.filter(({ row }) => !scene.rows.has(row.id));
  const candidates = fresh.map((one) => ({
    ...one,
    lane: one.row.lane,
    receiver: one.row.receiver,
    keys: keys.get(one.row.id) ?? [],
    load: loadOf(one.row),
  }));
  const {
    chosen,
    usage: after,
    probes,
  } = await probed(sql, candidates, round, (some) => admitted(some, lanes, usage, round));
  round.judge(chosen, candidates);
  scene.judged = [...lanes].map(([id, terms]) => ({ id, waitsFor: blockOf(terms, after) }));
  // What is left behind is looked at at once where this look changed something; else there is time to go on where it stopped.
  const isProgress = chosen.length > 0 || scene.judged.some(({ waitsFor }) => waitsFor !== null);
  const goesOn = reached !== null && chosen.length < round.limit;
  if (fresh.length < found.length || (more && chosen.length < round.limit) || (goesOn && isProgress))
    round.moreHere = true;
  round.soon = busy || goesOn;
  if (!busy) round.reached = reached;
  round.woke = scene.awake;
  scene.add(chosen.map(({ row }) => row));
  return chosen.map((one) => claim(scene, round, one.row, { ...one, isProbe: probes.has(one.receiver ?? "") }));
}

/**
 * Claims tasks that this very turn made ready, sparing them a turn of their own. Only where nothing is left behind: a task
 * that waits already, here or elsewhere, would be overtaken.
 */
export async function admitReady(sql: Sql, scene: Scene, round: ClaimRound): Promise<Claimed[]> {
  // Where tasks with rules may start, they compete: that is for a round of the row lane.
  if (!scene.mayHold || scene.awake) return [];
  const ready = [...scene.changed].filter((row) => row.lane === 0 && isReady(row) && becamePending(scene, row));
  if (ready.length === 0 || round.limit <= 0) return [];
  const candidates = ready.sort(byRank).map((row) => ({ row, lane: 0, receiver: row.receiver, keys: [], load: 0 }));
  const { chosen, probes } = await probed(sql, candidates, round, (some) =>
    admitted(some, new Map(), new Map(), round),
  );
  const ids = chosen.map(({ row }) => row.id);
  if (ids.length === 0) return [];
  const [actions, keys] = await Promise.all([
    startActions(sql, ids),
    scene.shaped ? keysOf(sql, ids) : new Map<string, readonly string[]>(),
  ]);
  return chosen.map(({ row, receiver }) =>
    claim(scene, round, row, {
      action: actions.get(row.id) ?? null,
      keys: keys.get(row.id) ?? [],
      isProbe: probes.has(receiver ?? ""),
    }),
  );
}

/**
 * Admits, and takes the probes that this needs: a candidate without the probe of its receiver stays where it is. Probes are of
 * those that are chosen in the end, and of no others.
 */
async function probed<C extends Receiving, A extends { readonly chosen: readonly C[] }>(
  sql: Sql,
  candidates: readonly C[],
  { isGated }: ClaimRound,
  admit: (some: readonly C[]) => A,
): Promise<A & { readonly probes: ReadonlySet<string> }> {
  const first = admit(candidates);
  const wanted = new Set(
    first.chosen.flatMap(({ receiver }) => (receiver !== null && isGated(receiver) ? [receiver] : [])),
  );
  if (wanted.size === 0) return { ...first, probes: wanted };
  const probes = await takeProbes(sql, [...wanted]);
  if (probes.size === wanted.size) return { ...first, probes };
  // Others come in their places, and may be in the way of one that had a place before; they must not need a probe as well.
  const second = admit(candidates.filter(({ receiver }) => !isGated(receiver) || probes.has(receiver ?? "")));
  const unused = probes.difference(new Set(second.chosen.map(({ receiver }) => receiver)));
  if (unused.size > 0) await leaveProbes(sql, [...unused]);
  return { ...second, probes };
}

const becamePending = (scene: Scene, row: TaskRow): boolean => scene.before.get(row.id)?.status !== "Pending";

interface Start {
  readonly action: Action | null;
  readonly keys: readonly string[];
  readonly isProbe: boolean;
}

function claim(scene: Scene, round: ClaimRound, row: TaskRow, { action, keys, isProbe }: Start): Claimed {
  if (!advance(scene, row, { type: "claim" })) throw new Error(`task ${row.id} is ${row.status}: not claimable`);
  const { owner, claimId } = round.take();
  row.owner = owner;
  row.claimId = claimId;
  row.startedAt = scene.now;
  scene.keys.set(row.id, keys);
  const { id: task, batchId: batch, attempt, receiver, timeout: timeoutSecs, retry } = row;
  return { task, batch, attempt, claimId, hasRetry: retry !== null, timeoutSecs, receiver, action, isProbe };
}
