// Finds the name that a mistyped one may have meant. Pure, and bounded in what it costs.
import { quoted } from "#domain/faults";

const candidatesMax = 10_000;
const charsMax = 64;

/**
 * The first of the names that differs least from `typed`, by at most two characters (one in short names), or else by how words are
 * joined alone (`maxRetries`, `max-retries`); undefined: none.
 */
export function nearest(typed: string, names: Iterable<string>): string | undefined {
  if (typed.length > charsMax) return undefined;
  const plain = folded(typed);
  let best: string | undefined;
  let least = typed.length < 4 ? 2 : 3;
  let looked = 0;
  for (const name of names) {
    if (++looked > candidatesMax) break;
    if (name !== typed && folded(name) === plain) return name;
    if (name.length > charsMax || Math.abs(name.length - typed.length) >= least) continue;
    const distance = distanceOf(typed, name);
    if (distance >= least) continue;
    best = name;
    least = distance;
  }
  return best;
}

/** The end of a message about a name that is not known; empty where none is near. */
export function didYouMean(typed: string, names: Iterable<string>): string {
  const near = nearest(typed, names);
  return near === undefined ? "" : `; did you mean ${quoted(near)}?`;
}

const folded = (name: string): string => name.replace(/[-_ ]/g, "").toLowerCase();

/** How many characters must be put in, left out or changed, or swapped with the next one. */
function distanceOf(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const least = Math.min(change, (row[j] as number) + 1, (next[j - 1] as number) + 1);
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      next[j] = isSwapped ? Math.min(least, (before[j - 2] as number) + 1) : least;
    }
    before = row;
    row = next;
  }
  return row[b.length] as number;
}
