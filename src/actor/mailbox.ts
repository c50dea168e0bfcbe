// The mailbox of a worker: what waits for the next turn. The rim puts outcomes here and never touches a row itself.
// Nothing in it is precious: whatever is lost with the process is found again by a sweep over Postgres.
import { limits } from "#config";
import type { Action } from "#domain/action";
import type { Answer, ClientCommand } from "#domain/command";

/** What this worker can recompute from a row: outcomes of start calls, timers, leases. `claimId` fences: a late word of an earlier claim is refused. */
export type LocalCommand =
  | {
      readonly type: "started";
      readonly task: string;
      readonly claimId: number;
      readonly cancelAction?: Action;
      /** Why an action in the answer was not taken. */
      readonly ignored?: string;
    }
  | { readonly type: "start_deferred"; readonly task: string; readonly claimId: number; readonly waitMs: number }
  | { readonly type: "start_failed"; readonly task: string; readonly claimId: number; readonly reason: string }
  /** The call was not made: back to Pending at once, without doubt. */
  | { readonly type: "released"; readonly task: string; readonly claimId: number }
  | { readonly type: "lease_expired"; readonly task: string; readonly claimId: number }
  /** A task without start action was claimed: it succeeds by itself. */
  | { readonly type: "joined"; readonly task: string; readonly claimId: number }
  /** The call's answer is the report. */
  | {
      readonly type: "answered";
      readonly task: string;
      readonly claimId: number;
      readonly result: Readonly<Record<string, unknown>> | null;
    }
  | { readonly type: "due"; readonly task: string; readonly ends: boolean };

/** What a command has met so far. */
interface Fate {
  /** How often its row or batch was held by another turn; and which batch that was. */
  busy: number;
  batch?: string;
  /** It reaches so far that it has to run alone, with more time. */
  bulk?: boolean;
}

/** One thing to decide, and what to do when it is settled. */
export type Item =
  | (Fate & { readonly from: "rim"; readonly command: LocalCommand })
  | (Fate & {
      readonly from: "client";
      readonly command: ClientCommand;
      /** When JetStream stored it, ms. */
      readonly storedAt: number;
      /** Its caller gives up after the deadline: then it must not take effect any more. */
      readonly expires: boolean;
      readonly settle: (answer: Answer | null) => void;
    });

export const targetOf = (item: Item): string => (item.from === "client" ? item.command.target : item.command.task);

export type Lane = "ending" | "row";

const endingTypes = new Set<LocalCommand["type"]>(["start_failed", "joined", "answered"]);

/** Which kind of turn decides a command: those that may end a task lock the batch first. */
export function laneOf(item: Item): Lane {
  if (item.from === "client") return item.command.verb === "update" ? "row" : "ending";
  const { command } = item;
  if (command.type === "due") return command.ends ? "ending" : "row";
  return endingTypes.has(command.type) ? "ending" : "row";
}

/** Whether the worker should look for tasks to claim; told how it went. */
export interface Hunger {
  /** There may be something to claim. A look clears it. */
  readonly hungry: boolean;
  /** There is nothing to claim that it knows of, and it may start what comes. */
  readonly sated: boolean;
  eat(): void;
  fed(claimed: number, left: Left): void;
}

/** What a look for work did not take. */
export interface Left {
  /** There is room for it here. */
  readonly moreHere: boolean;
  /** Here a receiver, or the process, is full now. */
  readonly moreElsewhere: boolean;
  /** It is worth a look again in some milliseconds. */
  readonly soon?: boolean;
  /** It was told that tasks with rules may start, and has used that up. */
  readonly woke?: boolean;
}

const worthShare = 0.3;
const triedShare = 1 / 16;
const memoryLength = 32;

export class Mailbox {
  readonly #waiting: Record<Lane, Item[]> = { ending: [], row: [] };
  readonly #wake: Record<Lane, (() => void) | null> = { ending: null, row: null };
  #later = 0;
  /** Outcomes of start calls that wait for the report of their task, by task; the oldest first. */
  readonly #resting = new Map<string, { readonly item: Item; readonly since: number }>();
  #waking: NodeJS.Timeout | null = null;
  #endedAt = Number.NEGATIVE_INFINITY;
  /** How many of those that waited were told with their report, lately. */
  #together = 0.5;

  put(item: Item, lane: Lane = laneOf(item)): void {
    this.#waiting[lane].push(item);
    this.nudge(lane);
  }

  /** The rim's way in. */
  tell(command: LocalCommand): void {
    const item: Item = { from: "rim", command, busy: 0 };
    if (command.type === "started" && this.#isWorthWaiting() && !this.#resting.has(command.task))
      this.#rest(item, command.task);
    else this.put(item);
  }

  /** Reports come, and mostly soon after the start; where they did not, one in a few is tried. */
  #isWorthWaiting(): boolean {
    if (performance.now() - this.#endedAt > limits.restMs) return false;
    return this.#together > worthShare || Math.random() < triedShare;
  }

  /** Where services report at once, start and report of a task are decided together: that spares it a transaction. */
  #rest(item: Item, task: string): void {
    this.#resting.set(task, { item, since: performance.now() });
    this.#waking ??= setTimeout(() => this.#wakeUp(), limits.restMs);
  }

  #wakeUp(): void {
    const now = performance.now();
    this.#waking = null;
    for (const [task, { item, since }] of this.#resting) {
      const leftMs = since + limits.restMs - now;
      if (leftMs > 1) {
        this.#waking = setTimeout(() => this.#wakeUp(), leftMs);
        return;
      }
      this.#resting.delete(task);
      this.#together -= this.#together / memoryLength;
      this.put(item);
    }
  }

  size(lane: Lane): number {
    return this.#waiting[lane].length;
  }

  /** Everything that waits, also for its time to come. */
  get total(): number {
    return this.#waiting.ending.length + this.#waiting.row.length + this.#later + this.#resting.size;
  }

  /** Up to `max` items in order; one that must go `alone` comes by itself. */
  take(lane: Lane, max: number, alone: (item: Item) => boolean): Item[] {
    const waiting = this.#waiting[lane];
    if (lane === "ending" && waiting.length > 0) this.#endedAt = performance.now();
    const end = waiting.findIndex(alone);
    return waiting.splice(0, end < 0 ? max : Math.min(max, Math.max(end, 1)));
  }

  /** All others that were busy with the same batch: they wait for it together. */
  takeSame(lane: Lane, first: Item, max: number): Item[] {
    if (first.batch === undefined) return [];
    const same: Item[] = [];
    this.#waiting[lane] = this.#waiting[lane].filter((item) => {
      const mine = item.batch === first.batch && item.busy > 0 && !item.bulk && same.length < max;
      if (mine) same.push(item);
      return !mine;
    });
    return same;
  }

  /** Comes again in `ms`, after what is there then. */
  putLater(item: Item, lane: Lane, ms: number): void {
    this.#later++;
    setTimeout(() => {
      this.#later--;
      this.put(item, lane);
    }, ms);
  }

  /** Items that could not be decided come first again. */
  putBack(lane: Lane, items: readonly Item[]): void {
    this.#waiting[lane].unshift(...items);
    this.nudge(lane);
  }

  /** Start outcomes that wait for tasks of an ending turn: decided first, in the same transaction. */
  takeStarted(tasks: ReadonlySet<string>): Item[] {
    const taken: Item[] = [];
    for (const task of tasks) {
      const resting = this.#resting.get(task);
      if (!resting) continue;
      this.#resting.delete(task);
      this.#together += (1 - this.#together) / memoryLength;
      taken.push(resting.item);
    }
    this.#waiting.row = this.#waiting.row.filter((item) => {
      const mine = item.from === "rim" && item.command.type === "started" && tasks.has(item.command.task);
      if (mine) taken.push(item);
      return !mine;
    });
    return taken;
  }

  nudge(lane: Lane): void {
    const wake = this.#wake[lane];
    this.#wake[lane] = null;
    wake?.();
  }

  /** Resolves when something waits in the lane, or it was nudged. */
  wait(lane: Lane): Promise<void> {
    if (this.#waiting[lane].length > 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake[lane] = resolve;
    });
  }
}
