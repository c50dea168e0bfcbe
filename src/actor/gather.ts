// Collects the candidates of a claim round: those without rules, and those of lanes that were woken, page by page until there
// are enough. Reads and locks; who is admitted is decided by `admitted`.
import { slackOf, type Term, type Usage, type UsageByKey } from "#domain/admit";
import { byRank } from "#domain/row";
import { type Claimable, claimable, keysOf, type Rooms } from "#store/claim";
import type { Sql } from "#store/client";
import { areOverranked, isRankOf, type Lane, type LanePage, openLanes, readyLanes, usageOf } from "#store/lanes";

export interface Candidates {
  /** Best first. */
  readonly found: readonly Claimable[];
  /** What each of them would hold. */
  readonly keys: ReadonlyMap<string, readonly string[]>;
  /** The lanes that were looked at. */
  readonly lanes: ReadonlyMap<number, readonly Term[]>;
  readonly usage: UsageByKey;
  /** More lanes were woken than it opened, or some of those came too soon. */
  readonly more: boolean;
  /** Where a round stopped that did not come to the last lane. */
  readonly reached: Lane | null;
  /** Another round with rules is under way: only those without were looked at. */
  readonly busy: boolean;
}

/** More than so many pages of lanes that cannot start anything are left to another round, which gives them half of its own. */
const pagesMax = 20;
/** A round that has got something done does not look any further after this time: others wait for the next one. */
const roundMs = 8;
const spare = 64;
/** Each receiver that is looked for by name costs a look, whether it has tasks or not. */
const knownMax = 16;

/** `awake`: there are lanes to look at. `shaped`: tasks hold keys. `beyond`: where the round before stopped. */
export async function gather(
  sql: Sql,
  limit: number,
  rooms: Rooms,
  { awake, shaped }: { readonly awake: boolean; readonly shaped: boolean },
  beyond: Lane | null,
): Promise<Candidates> {
  const known = rooms.rooms.slice(0, knownMax).map(({ receiver }) => receiver);
  const free = await claimable(sql, limit, rooms, [{ lane: 0, room: limit }], known);
  const ruled = awake ? await gatherRuled(sql, limit, rooms, beyond) : nothing;
  if (ruled.isFalse) return { ...ruled, keys: new Map() };
  const found = ruled.found.length === 0 ? free : [...free, ...ruled.found].sort((a, b) => byRank(a.row, b.row));
  const ids = found.map(({ row }) => row.id);
  // In a statement after the rows were locked: from then on their metadata stay as they are.
  const keys = shaped && ids.length > 0 ? await keysOf(sql, ids) : new Map<string, readonly string[]>();
  return { ...ruled, found, keys };
}

/** `isFalse`: lanes came in an order that is not theirs any more. */
type Ruled = Omit<Candidates, "keys"> & { readonly isFalse?: true };
const nothing: Ruled = { found: [], lanes: new Map(), usage: new Map(), more: false, reached: null, busy: false };

async function gatherRuled(sql: Sql, limit: number, rooms: Rooms, beyond: Lane | null): Promise<Ruled> {
  const woken = await openLanes(sql, limit);
  if (woken === null) return { ...nothing, busy: true };
  const usage = new Map<string, Usage>();
  /** Of which keys it is known how many hold them; of which of these, how much work they have left. */
  const asked: Record<Term["type"], Set<string | null>> = { Concurrency: new Set(), Capacity: new Set() };
  const lanes = new Map<number, readonly Term[]>();
  const found: Claimable[] = [];
  // Lanes that share a key may come with more than that admits.
  const enough = 2 * limit + spare;
  const shut = rooms.rooms.filter(({ room }) => room <= 0).map(({ receiver }) => receiver);
  const began = performance.now();
  let isProgress = false;
  let last: Lane | null = null;
  for (let page = 0; page < pagesMax; page++) {
    if (page === pagesMax / 2 && beyond !== null && isBefore(last, beyond)) last = beyond;
    const { lanes: here, last: next }: LanePage = await readyLanes(sql, last, shut);
    const terms = here.flatMap((lane) => lane.terms).filter(({ type, key }) => !asked[type].has(key));
    for (const [key, used] of await usageOf(sql, terms)) usage.set(key, used);
    for (const { type, key } of terms) {
      asked[type].add(key);
      asked.Concurrency.add(key);
    }
    const open = here
      .map(({ id, terms }) => ({ lane: id, room: Math.min(limit, slackOf(terms, usage)) }))
      .filter(({ room }) => room > 0);
    for (const { id, terms } of here) lanes.set(id, terms);
    const some = open.length > 0 ? await claimable(sql, enough, rooms, open) : [];
    if (await isFalselyFirst(sql, here, some)) return { ...nothing, lanes, usage, more: true, isFalse: true };
    found.push(...some);
    last = next;
    if (last === null) return { found, lanes, usage, more: woken.more, reached: null, busy: false };
    isProgress ||= found.length > 0 || open.length < here.length;
    if (found.length >= enough || (isProgress && performance.now() - began > roundMs)) break;
  }
  return { found, lanes, usage, more: woken.more, reached: last, busy: false };
}

/**
 * Whether a lane came before others by a rank that is no longer its own: better ones may still be waiting. Nothing is taken
 * then; this round ranks anew whom it has looked at, and the next one has the others beside them.
 */
async function isFalselyFirst(sql: Sql, lanes: readonly Lane[], found: readonly Claimable[]): Promise<boolean> {
  const best = new Map(found.toReversed().map(({ row }) => [row.lane, row]));
  const isSuspect = (lane: Lane) => {
    const row = best.get(lane.id);
    return row !== undefined && !isRankOf(lane, row);
  };
  const suspects = lanes.filter(isSuspect).map(({ id }) => id);
  return suspects.length > 0 && (await areOverranked(sql, suspects));
}

/** In the order in which lanes are looked at; times as Postgres writes them sort as texts. */
function isBefore(a: Lane | null, b: Lane): boolean {
  if (a === null || a.priority !== b.priority) return a === null || a.priority > b.priority;
  if (a.since !== b.since) return a.since < b.since;
  return a.pos - b.pos < 0 || (a.pos === b.pos && a.id < b.id);
}
