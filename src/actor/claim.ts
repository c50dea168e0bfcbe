// The claim is the take: a worker claims only what it can send at once, and the process that commits the claim makes the
// call. What is best is decided here, at the last moment: priority, then creation, then position.

import { gather } from "#actor/gather";
import type { Scene } from "#actor/scene";
import { advance } from "#actor/step";
import type { Action } from "#domain/action";
import { admitted, blockOf, loadOf } from "#domain/admit";
import type { Claimed } from "#domain/claimed";
import { byRank, isReady, type TaskRow } from "#domain/row";
import { type Claimable, keysOf, type Rooms, startActions } from "#store/claim";
import type { Sql } from "#store/client";
import type { Lane } from "#store/lanes";

/** Room for calls in this process: in all, and to each receiver. */
export interface Slots {
  free(): number;
  rooms(): Rooms["rooms"];
  readonly roomMax: number;
}

/** One look for work, with the room there is now. Looking takes no slot; the calls do. */
export class ClaimRound {
  readonly limit: number;
  readonly rooms: Rooms;
  readonly #token: () => { owner: number; claimId: number };
  readonly #roomOf: ReadonlyMap<string, number>;
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
    this.rooms = { rooms: slots.rooms(), roomMax: slots.roomMax };
    this.#roomOf = new Map(this.rooms.rooms.map(({ receiver, room }) => [receiver, room]));
    this.moreHere = slots.free() > max;
    this.#token = token;
  }

  /** How many more calls may be made to a receiver. */
  roomOf = (receiver: string): number => this.#roomOf.get(receiver) ?? this.rooms.roomMax;

  take(): { owner: number; claimId: number } {
    const token = this.#token();
    this.tokens.push(token.claimId);
    return token;
  }

  /** After the look: what it means that so many are taken, by receiver. */
  judge(found: readonly Pick<Claimable, "row">[]): void {
    const filled = found.length === this.limit;
    this.moreHere = this.moreHere && filled;
    const room = new Map(this.#roomOf);
    for (const { receiver } of found.map(({ row }) => row))
      if (receiver !== null) room.set(receiver, (room.get(receiver) ?? this.rooms.roomMax) - 1);
    this.moreElsewhere = filled || [...room.values()].some((left) => left <= 0);
  }
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
  const { chosen, usage: after } = admitted(candidates, lanes, usage, round);
  round.judge(chosen);
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
  return chosen.map((one) => claim(scene, round, one.row, one));
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
  const ids = admitted(candidates, new Map(), new Map(), round).chosen.map(({ row }) => row.id);
  if (ids.length === 0) return [];
  const [actions, keys] = await Promise.all([
    startActions(sql, ids),
    scene.shaped ? keysOf(sql, ids) : new Map<string, readonly string[]>(),
  ]);
  return ids.map((id) =>
    claim(scene, round, scene.rows.get(id) as TaskRow, { action: actions.get(id) ?? null, keys: keys.get(id) ?? [] }),
  );
}

const becamePending = (scene: Scene, row: TaskRow): boolean => scene.before.get(row.id)?.status !== "Pending";

interface Start {
  readonly action: Action | null;
  readonly keys: readonly string[];
}

function claim(scene: Scene, round: ClaimRound, row: TaskRow, { action, keys }: Start): Claimed {
  if (!advance(scene, row, { type: "claim" })) throw new Error(`task ${row.id} is ${row.status}: not claimable`);
  const { owner, claimId } = round.take();
  row.owner = owner;
  row.claimId = claimId;
  row.startedAt = scene.now;
  scene.keys.set(row.id, keys);
  const { id: task, batchId: batch, attempt, receiver, timeout: timeoutSecs, retry } = row;
  return { task, batch, attempt, claimId, hasRetry: retry !== null, timeoutSecs, receiver, action };
}
