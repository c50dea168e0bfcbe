// What has become of a schedule by now: which of its times came and which were missed, which its machine hears; then which batches
// may be made. Pure: rows in, rows out. The only caller of the machine.
import { transition } from "xstate";
import type { Times } from "#domain/schedules/times";
import { limits } from "#limits";
import {
  type CatchUp,
  madeUpMax,
  type Overlap,
  type ScheduleContext,
  type ScheduleEvent,
  type ScheduleState,
  scheduleMachine,
} from "#machines/schedule";

/** When some worker was alive and reached Postgres, in ms. */
export interface Span {
  readonly since: number;
  readonly upto: number;
}

/** A schedule under the lock of its row. */
export interface Facts {
  readonly overlap: Overlap;
  readonly catchUp: CatchUp;
  readonly paused: boolean;
  readonly waiting: ScheduleContext["waiting"];
  readonly unfinished: number;
  /** Times that are settled: none comes a second time, also where a clock was set back. */
  readonly done: ReadonlySet<number>;
  /** Its first time that was not looked at yet; null: none is left. */
  readonly nextAt: number | null;
}

export interface Settled {
  readonly nextAt: number | null;
  readonly snapshot: Snapshot;
}

export type Snapshot = ReturnType<typeof scheduleMachine.resolveState>;

export function restored({ overlap, catchUp, paused, waiting, unfinished }: Omit<Facts, "nextAt" | "done">): Snapshot {
  const value: ScheduleState = paused ? "paused" : "active";
  return scheduleMachine.resolveState({ value, context: { overlap, catchUp, waiting, unfinished, skipped: [] } });
}

/** The same snapshot where the machine does not take the event. */
export function stepped(snapshot: Snapshot, event: ScheduleEvent): Snapshot {
  return snapshot.can(event) ? transition(scheduleMachine, snapshot, event)[0] : snapshot;
}

/** Lets the times up to `now` come or be missed, as many as fit into one turn. `alive`: in any order. */
export function settle(facts: Facts, times: Times, alive: readonly Span[], now: number): Settled {
  let snapshot = restored(facts);
  let at = facts.nextAt;
  for (let n = 0; at !== null && at <= now && snapshot.value === "active" && n < limits.scheduleTimesMax; n++) {
    const back = backAt(at, alive);
    if (back <= at) {
      if (!facts.done.has(at)) snapshot = stepped(snapshot, { type: "came", at });
      at = times.next(at);
    } else {
      const first = at;
      const missed = times
        .newest(madeUpMax + limits.scheduleShownMax, Math.min(now, back - 1))
        .filter((time) => time >= first);
      snapshot = stepped(snapshot, { type: "missed", times: missed.filter((time) => !facts.done.has(time)) });
      at = times.next(missed.at(-1) ?? first);
    }
  }
  return { nextAt: at, snapshot };
}

/** A time at which no worker was alive is missed if none was for so long after it. */
const graceMs = 1_000;

/** The first moment from `at` on whose time is not missed. */
function backAt(at: number, alive: readonly Span[]): number {
  const later = alive.filter(({ upto }) => upto >= at).map(({ since }) => Math.max(at, since - graceMs));
  return Math.min(...later, Number.POSITIVE_INFINITY);
}

/** When it has to be looked at again; null: never. */
export function dueAt({ nextAt, snapshot }: Settled, now: number): number | null {
  if (snapshot.value !== "active") return null;
  const { waiting, unfinished, overlap } = snapshot.context;
  const isHeldUp = waiting.some(({ refused }) => refused) || (overlap !== "allow" && unfinished > 0);
  const again = waiting.length === 0 ? [] : [isHeldUp ? now + limits.scheduleAgainMs : now];
  const all = nextAt === null ? again : [...again, nextAt];
  return all.length === 0 ? null : Math.min(...all);
}
