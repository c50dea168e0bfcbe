// Mistakes that can be planted into the protocol, each with the first seed whose run finds it. Where the protocol changes the
// seeds may, too: `npm run model -- --bugs` finds them anew.
import { run } from "./explore.ts";

export const bugs: Readonly<Record<string, number>> = {
  cursorInItsOwnTransaction: 1,
  growWaitsForEnded: 64,
  noUpto: 9,
  claimNeverLooks: 5,
  claimLooksBeforeLock: 26,
  completeAtFlag: 5,
  newestSweepFirst: 5,
  workInItsOwnTransaction: 4,
  answerBeforeLast: 3,
  answersNotKept: 662,
  rowsBeforeBatch: 3,
  readsBeforeLock: 3,
  noVisitOnTouch: 5,
  noSweptMark: 3,
  noMergeOfCauses: 47,
  judgedAtOnce: 1,
  upBeforeDown: 9337,
  growAfterStop: 38,
  deadEndsWhileOpen: 1,
  noIdempotency: 1,
  sweepsFirst: 3,
  repetitionAnsweredAtOnce: 247,
  asideIsDone: 4767,
};

/** Those that random runs hardly meet: every interleaving of a small case does. */
export const rareBugs: Readonly<Record<string, string>> = {
  asideHidesMerge: "two roots that fail, a step set aside twice",
  sweepOvertakes: "one task, two rules changes, a sweep set aside",
};

const seedsMax = 20_000;

/** The first seed that finds the mistake, and what it finds. */
export function find(bug: string): { readonly seed: number; readonly error: string } | null {
  for (let seed = 1; seed <= seedsMax; seed++) {
    const [error] = run(seed, bug).errors;
    if (error !== undefined) return { seed, error };
  }
  return null;
}
