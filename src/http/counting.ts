// Accepts updates of counters: 202 once JetStream has stored one. What is known not to count is refused before: tasks are
// looked at in groups, whatever came while the last look was under way in one. While Postgres is away nothing is known,
// and everything is accepted; the actor settles it later. A key stands for one update, also before that was applied.
import type { Door } from "#bus/door";
import { limits } from "#config";
import { beyond, countsOf, type Sums } from "#domain/counts";
import { Unavailable } from "#domain/errors";
import { isFinal } from "#domain/row";
import { type Reply, reply } from "#http/errors";
import type { Db } from "#store/client";
import { type CountersSeen, seeCounters } from "#store/list";

interface Parts {
  readonly db: Db;
  readonly door: Door;
}

export class Counting {
  readonly #door: Door;
  readonly #looks: Looks;
  /** The latest updates under keys of clients: what was accepted may not be applied yet. */
  readonly #latest = new Map<string, { readonly counts: string; readonly answer: Promise<Reply> }>();

  constructor({ db, door }: Parts) {
    this.#door = door;
    this.#looks = new Looks(db);
  }

  /** Fails with `Unavailable` where it is not known whether the update was stored: repeating under the same key is safe. */
  async accept(task: string, counts: Sums, key: string | undefined): Promise<Reply> {
    this.#looks.underWay++;
    try {
      return await this.#accept(task, counts, key);
    } finally {
      this.#looks.underWay--;
    }
  }

  async #accept(task: string, counts: Sums, key: string | undefined): Promise<Reply> {
    if (key === undefined) return this.#store(task, counts, undefined);
    const id = `${task}:${key}`;
    const first = this.#latest.get(id);
    if (first === undefined) return this.#remember(id, countsOf(counts), this.#store(task, counts, id));
    if (first.counts !== countsOf(counts)) return otherRequest();
    const answer = await first.answer;
    // What was stored may have been lost with the server's disk: the repetition makes that good, and counts once.
    if (answer.status === 202) await this.#door.progress({ id, task, ...counts });
    return answer;
  }

  #remember(id: string, counts: string, answer: Promise<Reply>): Promise<Reply> {
    this.#latest.set(id, { counts, answer });
    if (this.#latest.size > limits.latestKeysMax) this.#latest.delete(this.#latest.keys().next().value as string);
    const forget = () => {
      if (this.#latest.get(id)?.answer === answer) this.#latest.delete(id);
    };
    answer.then(({ status }) => status === 202 || forget(), forget);
    return answer;
  }

  async #store(task: string, counts: Sums, id: string | undefined): Promise<Reply> {
    const seen = await this.#looks.at(task, id);
    const early = seen === null ? undefined : answerEarly(seen, task, counts, id);
    if (early?.status === 409 && id !== undefined) return this.#lookAgain(task, counts, id);
    if (early !== undefined) return early;
    await this.#door.progress({ id, task, ...counts });
    return accepted(task);
  }

  /** The task has ended; but another process may have accepted this update before, and it is on its way. */
  async #lookAgain(task: string, counts: Sums, id: string): Promise<Reply> {
    const seen = (await this.#door.counted()) ? await this.#looks.at(task, id) : null;
    const answer = seen === null ? undefined : answerEarly(seen, task, counts, id);
    if (answer === undefined) throw new Unavailable("earlier updates are not counted yet");
    return answer;
  }
}

/** The answer to an update that was counted before, or cannot be. */
function answerEarly(
  { special, counted }: CountersSeen,
  task: string,
  counts: Sums,
  id: string | undefined,
): Reply | undefined {
  const before = id === undefined ? undefined : counted.get(id);
  if (before !== undefined) return before === null || before === countsOf(counts) ? accepted(task) : otherRequest();
  const state = special.get(task);
  if (state === undefined) return undefined;
  if (state === null) return reply(404, { error: "No such task", details: [] });
  if (isFinal(state.status))
    return reply(409, { error: `The task has ended: ${state.status}`, current_status: state.status, allowed: [] });
  const details = beyond(state, counts);
  return details.length > 0 ? reply(400, { error: "Validation failed", details }) : undefined;
}

const accepted = (id: string): Reply => reply(202, { id });
const otherRequest = (): Reply =>
  reply(422, { error: "This idempotency key was used with another request", details: [] });

/**
 * Clients that wait for each answer come in waves. Where there are so many, a look waits for the whole wave, at most so long:
 * groups of fifty cost a third of what groups of ten do, in every process on the way.
 */
const crowdMin = 8;
const gatherMs = 4;
/** How fast a wave that was larger is forgotten, from look to look. */
const fading = 0.98;

interface Look {
  readonly task: string;
  /** Of the update, where a client's key gives it one. */
  readonly id: string | undefined;
  readonly resolve: (seen: CountersSeen | null) => void;
  readonly reject: (error: unknown) => void;
}

class Looks {
  readonly #db: Db;
  #waiting: Look[] = [];
  #looking = false;
  /** Updates that have no answer yet, and how many these were at most, lately. */
  underWay = 0;
  #crowd = 0;
  #gathered: (() => void) | null = null;

  constructor(db: Db) {
    this.#db = db;
  }

  /** Null while Postgres is away. */
  at(task: string, id: string | undefined): Promise<CountersSeen | null> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ task, id, resolve, reject });
      if (this.#waiting.length >= this.#crowd) this.#gathered?.();
      if (this.#looking) return;
      this.#looking = true;
      // What the same pass of the event loop brings goes along.
      setImmediate(() => void this.#look());
    });
  }

  async #look(): Promise<void> {
    while (this.#waiting.length > 0) {
      const looks = this.#waiting.splice(0, limits.progressUpdatesMax);
      try {
        const seen = await this.#see(looks);
        for (const { resolve } of looks) resolve(seen);
      } catch (error) {
        for (const { reject } of looks) reject(error);
      }
      await this.#gather();
    }
    this.#looking = false;
  }

  async #gather(): Promise<void> {
    this.#crowd = Math.max(this.#crowd * fading, this.underWay);
    if (this.#crowd < crowdMin || this.#waiting.length >= this.#crowd) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, gatherMs);
      this.#gathered = resolve;
    });
    clearTimeout(timer);
    this.#gathered = null;
  }

  async #see(looks: readonly Look[]): Promise<CountersSeen | null> {
    if (!this.#db.up) return null;
    const ids = looks.map(({ id }) => id).filter((id) => id !== undefined);
    try {
      const tasks = [...new Set(looks.map(({ task }) => task))];
      return await seeCounters(this.#db, tasks, ids, limits.counterLookMs);
    } catch (error) {
      if (error instanceof Unavailable) return null;
      throw error;
    }
  }
}
