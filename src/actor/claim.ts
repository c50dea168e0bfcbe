// The claim is the take: a worker claims only what it can send at once, and the process that commits the claim makes the
// call. What is best is decided here, at the last moment: priority, then creation, then position.

import type { Scene } from "#actor/scene";
import { advance } from "#actor/step";
import type { Claimed } from "#domain/claimed";
import type { TaskRow } from "#domain/row";
import type { Sql } from "#store/client";
import * as load from "#store/load";

/** Room for calls in this process: in all, and to each receiver. */
export interface Slots {
  free(): number;
  room(receiver: string | null): number;
  fullReceivers(): string[];
}

/** One look for work: counts what it plans against the room there is. Planning takes nothing; the calls do. */
export class ClaimRound {
  readonly limit: number;
  readonly full: string[];
  readonly #slots: Slots;
  readonly #token: () => { owner: number; claimId: number };
  readonly #planned = new Map<string, number>();
  /** Fencing tokens given out. */
  readonly tokens: number[] = [];
  /** Whether there may be more to claim than this round took. */
  leftBehind = false;
  /** How many to look at the next time: looking further than there is room for locks rows in vain. */
  nextLook = Number.POSITIVE_INFINITY;

  constructor(slots: Slots, max: number, token: () => { owner: number; claimId: number }) {
    this.#slots = slots;
    this.#token = token;
    this.limit = Math.min(slots.free(), max);
    this.full = slots.fullReceivers();
  }

  /** Owner and fencing token for one more call to this receiver; `null` if there is no room for it. */
  take(receiver: string | null): { owner: number; claimId: number } | null {
    if (receiver !== null) {
      const planned = this.#planned.get(receiver) ?? 0;
      if (this.#slots.room(receiver) <= planned) return null;
      this.#planned.set(receiver, planned + 1);
    }
    const token = this.#token();
    this.tokens.push(token.claimId);
    return token;
  }
}

const lookMin = 16;

/** Claims what the round has room for, in the scene; the calls are made after the commit. */
export async function admit(sql: Sql, scene: Scene, round: ClaimRound): Promise<Claimed[]> {
  const { limit } = round;
  if (limit <= 0) return [];
  const found = await load.claimable(sql, limit, round.full);
  const claimed: Claimed[] = [];
  for (const { action, ...row } of found) {
    // What this turn has already changed is written from the row in hand; it is taken the next time.
    if (scene.rows.has(row.id)) continue;
    const token = round.take(row.receiver);
    if (token === null) continue;
    const task: TaskRow = row;
    scene.add([task]);
    if (!advance(scene, task, { type: "claim" })) throw new Error(`task ${task.id} is ${task.status}: not claimable`);
    task.owner = token.owner;
    task.claimId = token.claimId;
    task.startedAt = scene.now;
    claimed.push({
      task: task.id,
      batch: task.batchId,
      attempt: task.attempt,
      claimId: token.claimId,
      hasRetry: task.retry !== null,
      timeoutSecs: task.timeout,
      receiver: task.receiver,
      action,
    });
  }
  round.leftBehind = found.length === limit;
  if (round.leftBehind && claimed.length < found.length) round.nextLook = Math.max(lookMin, claimed.length * 2);
  return claimed;
}
