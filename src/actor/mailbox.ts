// The mailbox of a worker: what waits for the next turn. Commands come into one of two queues, by the kind of turn that decides
// them. Those that found their batch locked, or whose turn failed alone, wait in the box of that batch, by themselves and with
// growing pauses: other batches never queue behind them. Nothing in it is precious: what is lost with the process is found
// again by a sweep over Postgres.

import { limits } from "#config";
import { type Item, kindOf, type LocalCommand, type TurnKind, targetOf } from "#domain/turn/items";
import { RestingStarts } from "#flow/resting-starts";

/**
 * What a timer or a sweep found, and would find again. A claim that goes back is named with its token: what waits for an earlier claim of the
 * task says nothing of this one, and who made its call says it only once.
 */
function foundOf({ from, command }: Item): string | null {
  if (from !== "local") return null;
  if (command.type === "lease_expired") return `${command.task} ${command.claimId}`;
  if (command.type === "due") return command.task;
  return command.type === "deadline" ? command.batch : null;
}

/** Commands of one batch that wait for it. */
interface Box {
  readonly items: Item[];
  /** How often in a row its lock was not to be had. */
  tries: number;
  /** When it is tried again, by the monotonic clock. */
  at: number;
}

/** What waited for one batch. */
interface Taken {
  readonly batch: string;
  readonly items: readonly Item[];
  readonly tries: number;
}

export class Mailbox {
  readonly #waiting: Record<TurnKind, Item[]> = { batch: [], task: [] };
  readonly #resume: Record<TurnKind | "locked", (() => void) | null> = { batch: null, task: null, locked: null };
  readonly #boxes = new Map<string, Box>();
  /** What timers and sweeps found, while its command waits or is being decided. */
  readonly #found = new Set<string>();
  /** Tasks whose start call was answered, while that waits or is being decided. */
  readonly #started = new Set<string>();
  readonly #resting = new RestingStarts<Item>((item) => this.put(item), limits.restMs);
  #boxed = 0;
  #boxTimer: NodeJS.Timeout | null = null;

  put(item: Item): void {
    const kind = kindOf(item);
    this.#waiting[kind].push(item);
    this.nudge(kind);
  }

  /** The way in for outcomes and timers of this process. What is waiting already is not put twice. */
  tell(command: LocalCommand): void {
    const item: Item = { from: "local", command };
    const found = foundOf(item);
    if (found !== null) {
      if (this.#found.has(found)) return;
      this.#found.add(found);
    }
    if (command.type === "started") this.#started.add(command.task);
    if (command.type !== "started" || !this.#resting.take(item, command.task)) this.put(item);
  }

  /** A timer of this task or batch is waiting, or being decided; with a claim, that it goes back. */
  isWaiting(id: string, claimId?: number): boolean {
    return this.#found.has(claimId === undefined ? id : `${id} ${claimId}`);
  }

  /** The service took this task's start call, and the row may not say so yet: it is not called again meanwhile. */
  isStarted = (task: string): boolean => this.#started.has(task);

  /** It is decided, or given up: it does not come again. */
  settled(item: Item): void {
    if (item.from === "local" && item.command.type === "started") this.#started.delete(item.command.task);
    const found = foundOf(item);
    if (found !== null) this.#found.delete(found);
  }

  size(kind: TurnKind): number {
    return this.#waiting[kind].length;
  }

  /** Everything that waits, also for its time to come. */
  get total(): number {
    return this.#waiting.batch.length + this.#waiting.task.length + this.#boxed + this.#resting.size;
  }

  /** Up to `max` commands in order. With those that may end tasks, the outcomes of their start calls: these come first. */
  take(kind: TurnKind, max: number): Item[] {
    const items = this.#waiting[kind].splice(0, max);
    if (kind === "task" || items.length === 0) return items;
    return [...this.#takeStarted(new Set(items.map(targetOf))), ...items];
  }

  /** Start outcomes of tasks that a batch turn decides: they are decided in the same transaction. */
  #takeStarted(tasks: ReadonlySet<string>): Item[] {
    const taken = this.#resting.release(tasks);
    if (this.#waiting.task.length === 0) return taken;
    this.#waiting.task = this.#waiting.task.filter((item) => {
      const mine = item.from === "local" && item.command.type === "started" && tasks.has(item.command.task);
      if (mine) taken.push(item);
      return !mine;
    });
    return taken;
  }

  /** Commands that could not be decided come first again. */
  putBack(kind: TurnKind, items: readonly Item[]): void {
    this.#waiting[kind].unshift(...items);
    this.nudge(kind);
  }

  /** The batch of these was locked: they wait for it, longer each time. */
  wait(batch: string, items: readonly Item[], tries: number): void {
    const box = this.#boxes.get(batch) ?? { items: [], tries: 0, at: 0 };
    box.items.push(...items);
    // Who comes later waits with those who are there, and puts none of them off.
    if (tries > box.tries) {
      const pauseMs = Math.min(limits.boxPauseMaxMs, limits.boxPauseMs * 2 ** (tries - 1));
      box.tries = tries;
      box.at = performance.now() + pauseMs * (0.5 + Math.random() / 2);
    }
    this.#boxes.set(batch, box);
    this.#boxed += items.length;
    this.#arm();
  }

  /**
   * Boxes whose time has come. All that were locked once come together, as many as `max` commands: else they would queue behind
   * each other. Of the others one, which is waited for alone: the one that was tried the fewest times.
   */
  takeBoxes(max: number): Taken[] {
    const now = performance.now();
    const due = [...this.#boxes].filter(([, { at }]) => at <= now).sort(([, a], [, b]) => a.tries - b.tries);
    let size = 0;
    const end = due.findIndex(([, { tries, items }], i) => {
      size += items.length;
      return i > 0 && (tries > 1 || size > max);
    });
    const taken = end < 0 ? due : due.slice(0, end);
    for (const [batch, { items }] of taken) {
      this.#boxes.delete(batch);
      this.#boxed -= items.length;
    }
    return taken.map(([batch, { items, tries }]) => ({ batch, items, tries }));
  }

  #arm(): void {
    if (this.#boxTimer !== null) clearTimeout(this.#boxTimer);
    this.#boxTimer = null;
    if (this.#boxes.size === 0) return;
    const next = Math.min(...[...this.#boxes.values()].map(({ at }) => at));
    this.#boxTimer = setTimeout(() => this.nudge("locked"), Math.max(0, next - performance.now()));
  }

  nudge(which: TurnKind | "locked"): void {
    const resume = this.#resume[which];
    this.#resume[which] = null;
    resume?.();
  }

  /** Resolves when something of this kind waits, or it was nudged. */
  whenWaiting(kind: TurnKind): Promise<void> {
    return this.#waiting[kind].length > 0 ? Promise.resolve() : this.#whenNudged(kind);
  }

  /** Resolves when the time of some batch has come, or it was nudged. */
  whenUnlocked(): Promise<void> {
    const now = performance.now();
    if ([...this.#boxes.values()].some(({ at }) => at <= now)) return Promise.resolve();
    this.#arm();
    return this.#whenNudged("locked");
  }

  #whenNudged(which: TurnKind | "locked"): Promise<void> {
    return new Promise((resolve) => {
      this.#resume[which] = resolve;
    });
  }
}
