// The claim is the take: a worker claims only what it can send at once, and the process that commits the claim makes the
// call. What is best is decided here, at the last moment: priority, then creation, then position.

import type { Scene } from "#actor/scene";
import { advance } from "#actor/step";
import type { Claimed } from "#domain/claimed";
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
    for (const { receiver } of found)
      if (receiver !== null) room.set(receiver, (room.get(receiver) ?? this.rooms.roomMax) - 1);
    this.moreElsewhere = filled || [...room.values()].some((left) => left <= 0);
  }
}

/** Claims what the round has room for, in the scene; the calls are made after the commit. */
export async function admit(sql: Sql, scene: Scene, round: ClaimRound): Promise<Claimed[]> {
  if (round.limit <= 0) return [];
  const found = await load.claimable(sql, round.limit, round.rooms);
  round.judge(found);
  const claimed: Claimed[] = [];
  for (const { action, ...task } of found) {
    // What this turn has already changed is written from the row in hand; it is taken the next time.
    if (scene.rows.has(task.id)) {
      round.moreHere = true;
      continue;
    }
    scene.add([task]);
    if (!advance(scene, task, { type: "claim" })) throw new Error(`task ${task.id} is ${task.status}: not claimable`);
    const { owner, claimId } = round.take();
    task.owner = owner;
    task.claimId = claimId;
    task.startedAt = scene.now;
    claimed.push({
      task: task.id,
      batch: task.batchId,
      attempt: task.attempt,
      claimId,
      hasRetry: task.retry !== null,
      timeoutSecs: task.timeout,
      receiver: task.receiver,
      action,
    });
  }
  return claimed;
}
