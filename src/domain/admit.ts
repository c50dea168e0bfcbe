// Which tasks may start now, by the rules: pure, over counts that only tasks without these rules can raise meanwhile. The
// best candidate goes first; one that is not admitted holds up its own lane, nobody else.

/** One condition of a lane. Concurrency limits how many hold the key, Capacity the work they have left. */
export interface Term {
  readonly type: "Concurrency" | "Capacity";
  readonly limit: number;
  /** Null: a field that the rule names is missing, so it can never be met. */
  readonly key: string | null;
}

/** Who holds a key: how many tasks, and the work they have left together. */
export interface Usage {
  readonly count: number;
  readonly load: number;
}

/** A task that could start. */
export interface Candidate {
  readonly lane: number;
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

const nobody: Usage = { count: 0, load: 0 };

const usedOf = (type: Term["type"], usage: Usage): number => (type === "Capacity" ? usage.load : usage.count);

/** The first condition that does not hold; null: all do. */
export const blockOf = (terms: readonly Term[], usage: UsageByKey): Term | null =>
  terms.find(({ type, limit, key }) => key === null || usedOf(type, usage.get(key) ?? nobody) >= limit) ?? null;

/** How many tasks of such a lane could be admitted at most. */
export const slackOf = (terms: readonly Term[], usage: UsageByKey): number =>
  blockOf(terms, usage) !== null
    ? 0
    : terms.reduce(
        (least, { type, limit, key }) =>
          type === "Capacity" ? least : Math.min(least, limit - (usage.get(key ?? "") ?? nobody).count),
        Number.POSITIVE_INFINITY,
      );

/** `roomOf`: how many calls a receiver has room for, once so many are made to others. */
export interface Limits {
  readonly limit: number;
  readonly roomOf: (receiver: string, others: number) => number;
}

/**
 * Those of the candidates, best first, that may start together: at most `limit`, and of each receiver what it has room for;
 * and who holds what afterwards. A lane that is not in `lanes` has no rules.
 */
export function admitted<C extends Candidate>(
  candidates: readonly C[],
  lanes: ReadonlyMap<number, readonly Term[]>,
  usage: UsageByKey,
  { limit, roomOf }: Limits,
): { readonly chosen: C[]; readonly usage: UsageByKey } {
  const after = new Map(usage);
  const called = new Map<string, number>();
  const chosen: C[] = [];
  for (const candidate of candidates) {
    if (chosen.length >= limit) break;
    const { receiver } = candidate;
    const calls = receiver === null ? 0 : (called.get(receiver) ?? 0);
    if (receiver !== null && calls >= roomOf(receiver, chosen.length - calls)) continue;
    if (blockOf(lanes.get(candidate.lane) ?? [], after) !== null) continue;
    chosen.push(candidate);
    if (receiver !== null) called.set(receiver, calls + 1);
    for (const key of candidate.keys) {
      const { count, load } = after.get(key) ?? nobody;
      after.set(key, { count: count + 1, load: load + candidate.load });
    }
  }
  return { chosen, usage: after };
}
