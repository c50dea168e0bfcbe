// Collects the candidates of a claim round: those without rules, and those of admission queues that were signaled or left by a round
// before, page by page until there are enough. It locks no task: the round locks those that it wants, and where too many of these were locked by
// others, searches once more with locks. For admission queues it takes the lock of which there is one in the cluster (`lockAndOpenQueues`).
import { byUrgency, unruledQueue } from "#domain/row";
import { type RuleType, slackOf, type Term, type Usage, type UsageByKey } from "#domain/rules/admit";
import { type Found, find, findAmongMany, type Look, merged, type QueueSlack } from "#store/claim/candidates";
import type { Sql } from "#store/pg/pool";
import {
  type AdmissionQueue,
  areTooEarly,
  beginsWith,
  lockAndOpenQueues,
  type QueuePage,
  readyQueues,
  usageOf,
} from "#store/rules/queues";

export interface Candidates {
  /** Best first. */
  readonly found: readonly Found[];
  /** The queues that were looked at. */
  readonly queues: ReadonlyMap<number, readonly Term[]>;
  /** By queue: when a round last found that it has to wait for a rule. */
  readonly waited: ReadonlyMap<number, Date>;
  /** The queues that were searched, with what each could start at most. */
  readonly searched: readonly QueueSlack[];
  readonly usage: UsageByKey;
  /** The windows of Rates that were looked at because they may have opened. */
  readonly openedWindows: readonly string[];
  /** There are more signals than it took, or a queue came earlier than its best task would. */
  readonly more: boolean;
  /** Where the round stopped, if it did not come to the end. */
  readonly reached: Reached | null;
  /** Another round with rules is under way: only those without were looked at. */
  readonly hasRival: boolean;
}

/** Where a round stopped. */
export interface Reached {
  /** Of queues; null: it came to the last one. */
  readonly queue: AdmissionQueue | null;
  /** Of the receivers, where queues have tasks for too many to look at each; empty: it came to the last one. */
  readonly receiver: string;
}

/**
 * A round looks at no more than this many pages of queues. The next round looks at the first ones again with half of its pages; with
 * the other half it goes on where this one stopped.
 */
const pagesMax = 20;
/** A round that found a task, or a queue that has to wait, stops looking after this time: no other round sees tasks with rules meanwhile. */
const roundMs = 8;
const spare = 64;
/** Each receiver that is looked for by name costs an index look-up, whether it has tasks or not. */
const knownMax = 16;

/** `hasQueuesToSee`: there are queues to look at, as of `now`. `beyond`: where the round before stopped. */
export async function candidates(
  sql: Sql,
  look: Look,
  { hasQueuesToSee, now }: { readonly hasQueuesToSee: boolean; readonly now: Date },
  beyond: Reached | null,
): Promise<Candidates> {
  const receivers = new Receivers(beyond?.receiver ?? "");
  const unruled = await receivers.search(sql, look, [{ queue: unruledQueue, slack: look.limit }]);
  const ruled = hasQueuesToSee ? await ruledCandidates(sql, look, now, beyond?.queue ?? null, receivers) : nothing;
  // The queues came in a wrong order, so this round takes nothing, and tasks without rules must not profit from that.
  const found = ruled.isFalse ? [] : merged(unruled, ruled.found);
  const searched = [{ queue: unruledQueue, slack: look.limit }, ...ruled.searched];
  const { reached: receiver } = receivers;
  const reached = ruled.reached === null && receiver === "" ? null : { queue: ruled.reached, receiver };
  return { ...ruled, found, searched, reached };
}

/** Where the search among many receivers stands; one for all queues. */
class Receivers {
  readonly #after: string;
  reached = "";

  constructor(after: string) {
    this.#after = after;
  }

  async search(sql: Sql, look: Look, queues: readonly QueueSlack[]): Promise<readonly Found[]> {
    // Only for tasks without rules: they come and go so fast that the index is full of dead entries, which a search by name passes.
    const known = queues[0]?.queue === unruledQueue ? look.capacity.receivers.slice(0, knownMax) : [];
    const names = known.map(({ receiver }) => receiver);
    const { found, crowded } = await find(sql, look, queues, names);
    if (crowded.length === 0) return found;
    const many = queues.filter(({ queue }) => crowded.includes(queue));
    const { found: others, reached } = await findAmongMany(sql, look, many, this.#after);
    if (reached !== "" && (this.reached === "" || reached < this.reached)) this.reached = reached;
    return merged(found, others);
  }
}

/** The same search again, with locks, for when other transactions have locked what was found without. */
export const lockedCandidates = (
  sql: Sql,
  look: Look,
  searched: readonly QueueSlack[],
  beyond: Reached | null,
): Promise<readonly Found[]> => new Receivers(beyond?.receiver ?? "").search(sql, { ...look, locks: true }, searched);

/** `isFalse`: the queues came in a wrong order, since one came earlier than its best task would. */
type Ruled = Omit<Candidates, "reached"> & { readonly reached: AdmissionQueue | null; readonly isFalse?: true };
const nothing: Ruled = {
  found: [],
  queues: new Map(),
  waited: new Map(),
  searched: [],
  usage: new Map(),
  openedWindows: [],
  more: false,
  reached: null,
  hasRival: false,
};

async function ruledCandidates(
  sql: Sql,
  look: Look,
  now: Date,
  beyond: AdmissionQueue | null,
  receivers: Receivers,
): Promise<Ruled> {
  const { limit, capacity } = look;
  const signaled = await lockAndOpenQueues(sql, limit, now);
  if (signaled === null) return { ...nothing, hasRival: true };
  const { more, windows: openedWindows } = signaled;
  const usage = new Map<string, Usage>();
  /** Keys whose use was read already: how many tasks use them, (Capacity) how much work these have left, (Rate) how many started. */
  const asked: Record<RuleType, Set<string | null>> = { Concurrency: new Set(), Capacity: new Set(), Rate: new Set() };
  const queues = new Map<number, readonly Term[]>();
  const waited = new Map<number, Date>();
  const searched: QueueSlack[] = [];
  const found: Found[] = [];
  // Queues that share a limit key may bring more tasks than the key admits, so more are found than are needed.
  const enough = 2 * limit + spare;
  const shut = capacity.receivers.filter(({ free }) => free <= 0).map(({ receiver }) => receiver);
  const began = performance.now();
  let isProgress = false;
  let last: AdmissionQueue | null = null;
  for (let page = 0; page < pagesMax; page++) {
    if (page === pagesMax / 2 && beyond !== null && isBefore(last, beyond)) last = beyond;
    const { queues: here, last: next }: QueuePage = await readyQueues(sql, last, shut);
    const terms = here.flatMap((queue) => queue.terms).filter(({ type, key }) => !asked[type].has(key));
    for (const [key, used] of await usageOf(sql, terms, now)) usage.set(key, used);
    for (const { type, key } of terms) {
      asked[type].add(key);
      // Whatever is asked of a key, how many tasks use it is read as well.
      asked.Concurrency.add(key);
    }
    const startable = here
      .map(({ id, terms }) => ({ queue: id, slack: Math.min(limit, slackOf(terms, usage)) }))
      .filter(({ slack }) => slack > 0);
    for (const { id, terms, waitedAt } of here) {
      queues.set(id, terms);
      if (waitedAt !== null) waited.set(id, waitedAt);
    }
    searched.push(...startable);
    const some = startable.length > 0 ? await receivers.search(sql, { ...look, limit: enough }, startable) : [];
    if (await isFalselyFirst(sql, here, some))
      return { ...nothing, queues, usage, openedWindows, more: true, isFalse: true };
    found.push(...some);
    last = next;
    if (last === null) break;
    isProgress ||= found.length > 0 || startable.length < here.length;
    if (found.length >= enough || (isProgress && performance.now() - began > roundMs)) break;
  }
  const seen = { found: found.sort(byUrgency), queues, waited, searched, usage };
  return { ...seen, openedWindows, more, reached: last, hasRival: false };
}

/**
 * Whether a queue came earlier than its best task would: then better queues may not have been looked at. The round claims nothing then.
 * Like every round, it writes at its end which task each of its queues begins with, so the next round sees them in order.
 */
async function isFalselyFirst(sql: Sql, queues: readonly AdmissionQueue[], found: readonly Found[]): Promise<boolean> {
  const best = new Map(found.toReversed().map((task) => [task.queue, task]));
  const isSuspect = (queue: AdmissionQueue) => {
    const task = best.get(queue.id);
    return task !== undefined && !beginsWith(queue, task);
  };
  const suspects = queues.filter(isSuspect).map(({ id }) => id);
  return suspects.length > 0 && (await areTooEarly(sql, suspects));
}

/** In the order in which queues are looked at; times as Postgres writes them sort as texts. */
function isBefore(a: AdmissionQueue | null, b: AdmissionQueue): boolean {
  if (a === null || a.priority !== b.priority) return a === null || a.priority > b.priority;
  if (a.since !== b.since) return a.since < b.since;
  return a.pos - b.pos < 0 || (a.pos === b.pos && a.id < b.id);
}
