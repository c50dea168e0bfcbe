// The one place where single things become batches: what arrives while a batch is under way goes out with the next one, so
// that each waits little where there are few, and costs little where there are many. What a failure does is said here once:
// the same batch is tried again after a pause, or it is halved until what is at fault is alone and is given up, or all of it
// is given up. Which of these, how much goes together and how long it waits for company is the policy. Nothing is lost, and
// nothing is in two batches at once.

/** What becomes of a batch that failed: the same again after so many ms; its halves, one after the other; it is given up. */
export type Remedy = number | "halve" | "give_up";

/** By the error, and by how often in a row this batch has failed (1, 2, …). */
export type RemedyFor = (error: unknown, tries: number) => Remedy;

export interface BatchPolicy<T> {
  /** So many go together at most. */
  readonly max: number;
  /** Removes what goes together next, one at least; left out: the first `max`. */
  readonly take?: (waiting: T[]) => T[];
  /** So many batches are under way at once; left out: 1. */
  readonly concurrency?: number;
  /** So long a batch waits for company, beyond the rest of the pass of the event loop in which it begins; left out: 0. */
  readonly lingerMs?: number;
  /** So many wait for no more company; left out: `max`. */
  readonly enough?: () => number;
  /** Gives what another transaction has locked: it comes again, behind what waits. */
  readonly run: (items: readonly T[]) => Promise<readonly T[]>;
  /** The pause where all of a batch was locked; left out: 0. */
  readonly lockedMs?: number;
  readonly remedy: RemedyFor;
  /** These are not tried again. Must not throw. */
  readonly giveUp: (items: readonly T[], error: unknown) => void;
}

export class Batcher<T> {
  readonly #policy: BatchPolicy<T>;
  #waiting: T[] = [];
  #underWay = 0;
  #isStopped = false;
  /** Ends the wait for company once so many wait. */
  #hurry: (() => void) | null = null;
  #wanted = 0;
  #idle = Promise.withResolvers<void>();

  constructor(policy: BatchPolicy<T>) {
    this.#policy = policy;
  }

  put(item: T): void {
    this.#waiting.push(item);
    if (this.#waiting.length >= this.#wanted) this.#hurry?.();
    if (this.#underWay >= (this.#policy.concurrency ?? 1)) return;
    this.#underWay++;
    setImmediate(() => void this.#loop());
  }

  /** How many wait; those in a batch that is under way aside. */
  get size(): number {
    return this.#waiting.length;
  }

  /** Resolves when everything that was put is done or given up, however long that takes: the caller has the deadline. */
  async idle(): Promise<void> {
    while (this.#underWay > 0) await this.#idle.promise;
  }

  /** Begins and retries nothing more; what waits is forgotten. */
  stop(): void {
    this.#isStopped = true;
    this.#waiting = [];
    this.#hurry?.();
  }

  async #loop(): Promise<void> {
    const { max, take = (waiting) => waiting.splice(0, max) } = this.#policy;
    while (this.#waiting.length > 0 && !this.#isStopped) {
      await this.#company();
      const items = take(this.#waiting);
      if (items.length > 0) await this.#attempt(items, 1);
    }
    this.#underWay--;
    if (this.#underWay > 0) return;
    this.#idle.resolve();
    this.#idle = Promise.withResolvers();
  }

  async #company(): Promise<void> {
    const { max, lingerMs = 0, enough = () => max } = this.#policy;
    if (lingerMs === 0) return;
    this.#wanted = enough();
    if (this.#waiting.length >= this.#wanted) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, lingerMs);
      this.#hurry = resolve;
    });
    clearTimeout(timer);
    this.#hurry = null;
  }

  /** `firstTry`: halves have the failures of the whole behind them. */
  async #attempt(items: readonly T[], firstTry: number): Promise<void> {
    const { run, lockedMs = 0, remedy, giveUp } = this.#policy;
    for (let tries = firstTry; !this.#isStopped; tries++) {
      try {
        const locked = await run(items);
        this.#waiting.push(...locked);
        // Only the other transaction can change anything about them.
        if (locked.length === items.length) await pause(lockedMs);
        return;
      } catch (error) {
        const what = remedy(error, tries);
        if (typeof what === "number") await pause(what);
        else if (what === "give_up" || items.length === 1) return giveUp(items, error);
        else return this.#halves(items, tries);
      }
    }
  }

  async #halves(items: readonly T[], tries: number): Promise<void> {
    const half = items.length >> 1;
    await this.#attempt(items.slice(0, half), tries);
    await this.#attempt(items.slice(half), tries);
  }
}

interface Question<T, R> {
  readonly item: T;
  readonly resolve: (answer: R | Promise<R>) => void;
  readonly reject: (error: unknown) => void;
}

export interface QuestionPolicy<T, R> extends Pick<BatchPolicy<T>, "max" | "concurrency" | "lingerMs" | "enough"> {
  /** How many of these go together next, one at least; left out: `max`. */
  readonly fits?: (items: readonly T[]) => number;
  /** Gives the answers in the order of the items. */
  readonly run: (items: readonly T[]) => Promise<readonly (R | Promise<R>)[]>;
  readonly remedy: RemedyFor;
}

/** Gives a function that puts an item into a batch and waits for its answer; it fails with the error that made it be given up. */
export function inBatches<T, R>({ run, fits, ...policy }: QuestionPolicy<T, R>): (item: T) => Promise<R> {
  const batcher = new Batcher<Question<T, R>>({
    ...policy,
    ...(fits && { take: (waiting) => waiting.splice(0, fits(waiting.map(({ item }) => item))) }),
    run: async (questions) => {
      const answers = await run(questions.map(({ item }) => item));
      for (const [n, { resolve }] of questions.entries()) resolve(answers[n] as R | Promise<R>);
      return [];
    },
    giveUp: (questions, error) => {
      for (const { reject } of questions) reject(error);
    },
  });
  return (item) => new Promise((resolve, reject) => batcher.put({ item, resolve, reject }));
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
