// How many tasks started and ended, by the ten seconds in which they did. Pure.
import type { TaskState } from "#domain/state";

export interface Tally {
  readonly at: Date;
  readonly starts: number;
  readonly successes: number;
  readonly failures: number;
}

const stepMs = 10_000;

interface Moved {
  readonly at: Date;
  readonly from: string;
  readonly to: string;
}

/** A claim that was put back, paused or canceled started nothing. */
const startsNothing: ReadonlySet<string> = new Set<TaskState>(["Claimed", "Pending", "Paused", "Canceled"]);

/** Of these transitions, oldest time first. */
export function talliesOf(events: readonly Moved[]): Tally[] {
  const tallies = new Map<number, { starts: number; successes: number; failures: number }>();
  for (const { at, from, to } of events) {
    if (from === to) continue;
    const time = Math.floor(at.getTime() / stepMs) * stepMs;
    const tally = tallies.get(time) ?? { starts: 0, successes: 0, failures: 0 };
    tallies.set(time, tally);
    if (from === "Claimed" && !startsNothing.has(to)) tally.starts++;
    if (to === "Success") tally.successes++;
    if (to === "Failure") tally.failures++;
  }
  return [...tallies]
    .filter(([, { starts, successes, failures }]) => starts + successes + failures > 0)
    .sort(([a], [b]) => a - b)
    .map(([time, tally]) => ({ at: new Date(time), ...tally }));
}
