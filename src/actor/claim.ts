// The claim is the take: a worker claims only what it can send at once, and the process that commits the claim makes the
// call. What is best is decided here, at the last moment: priority, then creation, then position.

import type { Scene } from "#actor/scene";
import { advance } from "#actor/step";
import { admitted, blockOf, loadOf, slackOf } from "#domain/admit";
import type { Claimed } from "#domain/claimed";
import type { TaskRow } from "#domain/row";
import { type Claimable, claimable, type Rooms, startsOf } from "#store/claim";
import type { Sql } from "#store/client";
import { openLanes } from "#store/lanes";

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

  /** After the look: what it means that so many are taken, by receiver. */
  judge(found: readonly Pick<Claimable, "row">[]): void {
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
  // A shape is being made: that takes milliseconds.
  if (!scene.mayHold) {
    round.moreHere = true;
    return [];
  }
  const { lanes, usage } = scene.awake ? await openLanes(sql, round.limit) : noLanes;
  const terms = new Map(lanes.map((lane) => [lane.id, lane.terms]));
  const open = lanes
    .map(({ id, terms }) => ({ lane: id, room: Math.min(round.limit, slackOf(terms, usage)) }))
    .filter(({ room }) => room > 0);
  // Lanes that share a key may come with more than that admits.
  const wanted = open.length === 0 ? round.limit : 2 * round.limit + spareCandidates;
  const found = await claimable(sql, wanted, round.rooms, [{ lane: 0, room: round.limit }, ...open]);
  // What this turn has already changed is written from the row in hand; it is taken the next time.
  const fresh = found.filter(({ row }) => !scene.rows.has(row.id));
  const candidates = fresh.map((one) => ({ ...one, lane: one.row.lane, load: loadOf(one.row) }));
  const after = admitted(candidates, terms, usage, round.limit);
  round.judge(after.chosen);
  const isCut = found.length === wanted && after.chosen.length < round.limit;
  if (fresh.length < found.length || isCut) round.moreHere = true;
  scene.judged = lanes.map(({ id, terms }) => ({ id, waitsFor: blockOf(terms, after.usage) }));
  scene.add(after.chosen.map(({ row }) => row));
  return after.chosen.map((chosen) => claim(scene, round, chosen.row, chosen));
}

const spareCandidates = 64;
const noLanes = { lanes: [], usage: new Map() } as const;

/**
 * Claims tasks that this very turn made ready, sparing them a turn of their own. Only where nothing is left behind: a task
 * that waits already, here or elsewhere, would be overtaken.
 */
export async function admitReady(sql: Sql, scene: Scene, round: ClaimRound): Promise<Claimed[]> {
  // Where tasks with rules may start, they compete: that is for a round of the row lane.
  if (!scene.mayHold || scene.awake) return [];
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
  const starts = await startsOf(
    sql,
    chosen.map(({ id }) => id),
  );
  return chosen.map((row) => claim(scene, round, row, starts.get(row.id) ?? noStart));
}

const becamePending = (scene: Scene, row: TaskRow): boolean =>
  row.status === "Pending" && scene.before.get(row.id)?.status !== "Pending";

const noStart = { action: null, keys: [] };

function claim(scene: Scene, round: ClaimRound, row: TaskRow, { action, keys }: Omit<Claimable, "row">): Claimed {
  if (!advance(scene, row, { type: "claim" })) throw new Error(`task ${row.id} is ${row.status}: not claimable`);
  const { owner, claimId } = round.take();
  row.owner = owner;
  row.claimId = claimId;
  row.startedAt = scene.now;
  scene.keys.set(row.id, keys);
  const { id: task, batchId: batch, attempt, receiver, timeout: timeoutSecs, retry } = row;
  return { task, batch, attempt, claimId, hasRetry: retry !== null, timeoutSecs, receiver, action };
}
