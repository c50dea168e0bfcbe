// Which tasks may start now, by the rules: pure, over counts that only tasks without these rules can raise meanwhile. The
// best candidate goes first; one that is not admitted holds up its own queue, and no other.

/** Concurrency limits how many hold a key, Capacity the work they have left, Rate how many were claimed within a window of time. */
export type RuleType = "Concurrency" | "Capacity" | "Rate";

/** One condition of a queue. */
export interface Term {
  readonly type: RuleType;
  readonly limit: number;
  /** A limit key; of a Rate its window. Null: a field that the rule names is missing, so it can never be met. */
  readonly key: string | null;
  /** Of a Rate: the key by which its starts are counted, null where a field is missing; and the seconds of its window. */
  readonly of?: string | null;
  readonly per?: number;
}

/** What a round found out about a queue: the term that it waits for, or none. */
export interface Judged {
  readonly id: number;
  readonly waitsFor: Term | null;
}

/** What a key is used by: how many tasks hold it, or started in its window, and the work they have left together. */
export interface Usage {
  readonly count: number;
  readonly load: number;
}

/** A task that could start. */
export interface Candidate {
  readonly queue: number;
  /** Null: no call is made. */
  readonly receiver: string | null;
  /** What it will hold. */
  readonly keys: readonly string[];
  /** The work it has left. */
  readonly load: number;
}

export type UsageByKey = ReadonlyMap<string, Usage>;

/** The work that a task has left: none where it does not say how much it expects. */
export const loadOf = (task: {
  readonly expectedCount: number | null;
  readonly success: number;
  readonly failures: number;
}): number => Math.max(0, (task.expectedCount ?? 0) - task.success - task.failures);

const unused: Usage = { count: 0, load: 0 };

interface RuleKind {
  readonly used: (usage: Usage) => number;
  /** How many more tasks may use the key at most, while it is not used up. */
  readonly slack: (limit: number, usage: Usage) => number;
}

const byCount: RuleKind = { used: ({ count }) => count, slack: (limit, { count }) => limit - count };
const kinds = {
  Concurrency: byCount,
  // The last one that is admitted may bring any amount of work.
  Capacity: { used: ({ load }) => load, slack: () => Number.POSITIVE_INFINITY },
  Rate: byCount,
} as const satisfies Record<RuleType, RuleKind>;

export const ruleTypes = Object.keys(kinds) as RuleType[];

/** The first condition that does not hold; null: all do. */
export const blockOf = (terms: readonly Term[], usage: UsageByKey): Term | null =>
  terms.find(({ type, limit, key }) => key === null || kinds[type].used(usage.get(key) ?? unused) >= limit) ?? null;

/** How many tasks of such a queue could be admitted at most. */
export const slackOf = (terms: readonly Term[], usage: UsageByKey): number =>
  blockOf(terms, usage) !== null
    ? 0
    : terms.reduce(
        (least, { type, limit, key }) => Math.min(least, kinds[type].slack(limit, usage.get(key ?? "") ?? unused)),
        Number.POSITIVE_INFINITY,
      );

/** `freeFor`: how many calls a receiver may get, once so many are made to others. */
export interface Limits {
  readonly limit: number;
  readonly freeFor: (receiver: string, others: number) => number;
}

/**
 * Those of the candidates, best first, that may start together: at most `limit`, and of each receiver what it may get;
 * and who holds what afterwards. A queue that is not in `queues` has no rules.
 */
export function admitted<C extends Candidate>(
  candidates: readonly C[],
  queues: ReadonlyMap<number, readonly Term[]>,
  usage: UsageByKey,
  { limit, freeFor }: Limits,
): { readonly chosen: C[]; readonly usage: UsageByKey } {
  const after = new Map(usage);
  const called = new Map<string, number>();
  const chosen: C[] = [];
  for (const candidate of candidates) {
    if (chosen.length >= limit) break;
    const { receiver } = candidate;
    const calls = receiver === null ? 0 : (called.get(receiver) ?? 0);
    if (receiver !== null && calls >= freeFor(receiver, chosen.length - calls)) continue;
    if (blockOf(queues.get(candidate.queue) ?? [], after) !== null) continue;
    chosen.push(candidate);
    if (receiver !== null) called.set(receiver, calls + 1);
    for (const key of candidate.keys) {
      const { count, load } = after.get(key) ?? unused;
      after.set(key, { count: count + 1, load: load + candidate.load });
    }
  }
  return { chosen, usage: after };
}
