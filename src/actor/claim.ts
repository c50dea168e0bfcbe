// The claim is the take: a worker claims only what it can send at once, and the process that commits the claim makes the
// call. What is best is decided here, at the last moment: priority, then creation, then position.

import type { Scene } from "#actor/scene";
import { advance } from "#actor/step";
import type { Action } from "#domain/action";
import type { Claimed } from "#domain/claimed";
import type { TaskRow } from "#domain/row";
import type { Sql } from "#store/client";
import * as load from "#store/load";

/** Room for calls in this process: in all, and to each receiver. */
export interface Slots {
  free(): number;
  rooms(): load.Rooms["rooms"];
  readonly roomMax: number;
}

/** One look for work, with the room there is now. Looking takes no slot; the calls do. */
export class ClaimRound {
  readonly limit: number;
  readonly rooms: load.Rooms;
  readonly #token: () => { owner: number; claimId: number };
  /** Fencing tokens given out. */
  readonly tokens: number[] = [];
  /** There may be more to claim, and room for it here. */
  moreHere = false;
  /** There may be more to claim, for others: here a receiver, or this process, is full now. */
  moreElsewhere = false;

  constructor(slots: Slots, max: number, token: () => { owner: number; claimId: number }) {
    this.limit = Math.min(slots.free(), max);
    this.rooms = { rooms: slots.rooms(), roomMax: slots.roomMax };
    this.moreHere = slots.free() > max;
    this.#token = token;
  }

  take(): { owner: number; claimId: number } {
    const token = this.#token();
    this.tokens.push(token.claimId);
    return token;
  }

  /** After the look: what it means that so many were found, by receiver. */
  judge(found: readonly load.Claimable[]): void {
    const filled = found.length === this.limit;
    this.moreHere = this.moreHere && filled;
    const room = new Map(this.rooms.rooms.map(({ receiver, room }) => [receiver, room]));
    for (const { receiver } of found.map(({ row }) => row))
      if (receiver !== null) room.set(receiver, (room.get(receiver) ?? this.rooms.roomMax) - 1);
    this.moreElsewhere = filled || [...room.values()].some((left) => left <= 0);
  }
}

/** Claims what the round has room for, in the scene; the calls are made after the commit. */
export async function admit(sql: Sql, scene: Scene, round: ClaimRound): Promise<Claimed[]> {
  if (round.limit <= 0) return [];
  const found = await load.claimable(sql, round.limit, round.rooms);
  round.judge(found);
  // What this turn has already changed is written from the row in hand; it is taken the next time.
  const fresh = found.filter(({ row }) => !scene.rows.has(row.id));
  if (fresh.length < found.length) round.moreHere = true;
  scene.add(fresh.map(({ row }) => row));
  return fresh.map(({ row, action }) => claim(scene, round, row, action));
}

/**
 * Claims tasks that this very turn made ready, sparing them a turn of their own. Only where nothing is left behind: a task
 * that waits already, here or elsewhere, would be overtaken.
 */
export async function admitReady(sql: Sql, scene: Scene, round: ClaimRound): Promise<Claimed[]> {
  const ready = [...scene.changed].filter((row) => becamePending(scene, row) && row.dueAt === null && row.lane === 0);
  if (ready.length === 0 || round.limit <= 0) return [];
  const rooms = new Map(round.rooms.rooms.map(({ receiver, room }) => [receiver, room]));
  const chosen = ready
    .sort((a, b) => b.priority - a.priority || a.createdAt.getTime() - b.createdAt.getTime() || a.pos - b.pos)
    .slice(0, round.limit)
    .filter(({ receiver }) => {
      if (receiver === null) return true;
      const room = rooms.get(receiver) ?? round.rooms.roomMax;
      rooms.set(receiver, room - 1);
      return room > 0;
    });
  if (chosen.length === 0) return [];
  const actions = await load.startActions(
    sql,
    chosen.map(({ id }) => id),
  );
  return chosen.map((row) => claim(scene, round, row, actions.get(row.id) ?? null));
}

const becamePending = (scene: Scene, row: TaskRow): boolean =>
  row.status === "Pending" && scene.before.get(row.id)?.status !== "Pending";

function claim(scene: Scene, round: ClaimRound, row: TaskRow, action: Action | null): Claimed {
  if (!advance(scene, row, { type: "claim" })) throw new Error(`task ${row.id} is ${row.status}: not claimable`);
  const { owner, claimId } = round.take();
  row.owner = owner;
  row.claimId = claimId;
  row.startedAt = scene.now;
  const { id: task, batchId: batch, attempt, receiver, timeout: timeoutSecs, retry } = row;
  return { task, batch, attempt, claimId, hasRetry: retry !== null, timeoutSecs, receiver, action };
}
