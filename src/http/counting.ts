// Accepts updates of counters: 202 once JetStream has stored one. What is known not to count is refused before: tasks are
// looked at in groups, whatever came while the last look was under way in one. While Postgres is away nothing is known,
// and everything is accepted; the actor settles it later. A key stands for one update, also before that was applied.
import type { Door } from "#bus/door";
import { limits } from "#config";
import type { Progress } from "#domain/command";
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
  accept(task: string, counts: Sums, key: string | undefined): Promise<Reply> {
    if (key === undefined) return this.#looks.at({ task, ...counts, id: undefined }, this.#settle);
    return this.#acceptOnce(task, counts, `${task}:${key}`);
  }

  async #acceptOnce(task: string, counts: Sums, id: string): Promise<Reply> {
    const update = { task, ...counts, id };
    const first = this.#latest.get(id);
    if (first === undefined) return this.#remember(id, countsOf(counts), this.#looks.at(update, this.#settle));
    if (first.counts !== countsOf(counts)) return otherRequest();
    const answer = await first.answer;
    // What was stored may have been lost with the server's disk: the repetition makes that good, and counts once.
    if (answer.status === 202) await this.#door.progress(update);
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

  readonly #settle: Settle = (update, seen) => {
    const early = seen === null ? undefined : answerEarly(seen, update);
    if (early?.status === 409 && update.id !== undefined) return this.#lookAgain(update);
    return early ?? this.#door.progress(update).then(() => accepted(update.task));
  };

  /** The task has ended; but another process may have accepted this update before, and it is on its way. */
  async #lookAgain(update: Progress): Promise<Reply> {
    if (await this.#door.counted()) return this.#looks.at(update, settleAgain);
    throw notYet();
  }
}

const settleAgain: Settle = (update, seen) =>
  (seen === null ? undefined : answerEarly(seen, update)) ?? Promise.reject(notYet());

const notYet = () => new Unavailable("earlier updates are not counted yet");

/** The answer to an update that was counted before, or cannot be. */
function answerEarly({ special, counted }: CountersSeen, update: Progress): Reply | undefined {
  const { task, id } = update;
  const before = id === undefined ? undefined : counted.get(id);
  if (before !== undefined) return before === null || before === countsOf(update) ? accepted(task) : otherRequest();
  const state = special.get(task);
  if (state === undefined) return undefined;
  if (state === null) return reply(404, { error: "No such task", details: [] });
  if (isFinal(state.status))
    return reply(409, { error: `The task has ended: ${state.status}`, current_status: state.status, allowed: [] });
  const details = beyond(state, update);
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

/** What becomes of an update, by what was seen: null while Postgres is away. */
type Settle = (update: Progress, seen: CountersSeen | null) => Reply | Promise<Reply>;

interface Look {
  readonly update: Progress;
  readonly settle: Settle;
  readonly resolve: (answer: Reply | Promise<Reply>) => void;
  readonly reject: (error: unknown) => void;
}

class Looks {
  readonly #db: Db;
  #waiting: Look[] = [];
  #looking = false;
  /** Updates that have no answer yet, and how many these were at most, lately. */
  #underWay = 0;
  #crowd = 0;
  #gathered: (() => void) | null = null;

  constructor(db: Db) {
    this.#db = db;
  }

  /** The answer to an update whose task was looked at. */
  at(update: Progress, settle: Settle): Promise<Reply> {
    const answer = new Promise<Reply>((resolve, reject) => this.#waiting.push({ update, settle, resolve, reject }));
    this.#underWay++;
    answer.then(this.#over, this.#over);
    if (this.#waiting.length >= this.#crowd) this.#gathered?.();
    if (!this.#looking) {
      this.#looking = true;
      // What the same pass of the event loop brings goes along.
      setImmediate(() => void this.#look());
    }
    return answer;
  }

  readonly #over = () => {
    this.#underWay--;
  };

  async #look(): Promise<void> {
    while (this.#waiting.length > 0) {
      const looks = this.#waiting.splice(0, limits.progressUpdatesMax);
      try {
        const seen = await this.#see(looks.map(({ update }) => update));
        for (const { update, settle, resolve } of looks) resolve(settle(update, seen));
      } catch (error) {
        for (const { reject } of looks) reject(error);
      }
      await this.#gather();
    }
    this.#looking = false;
  }

  async #gather(): Promise<void> {
    this.#crowd = Math.max(this.#crowd * fading, this.#underWay);
    if (this.#crowd < crowdMin || this.#waiting.length >= this.#crowd) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, gatherMs);
      this.#gathered = resolve;
    });
    clearTimeout(timer);
    this.#gathered = null;
  }

  /** Null while Postgres is away. */
  async #see(updates: readonly Progress[]): Promise<CountersSeen | null> {
    if (!this.#db.up) return null;
    const ids = updates.map(({ id }) => id).filter((id) => id !== undefined);
    try {
      const tasks = [...new Set(updates.map(({ task }) => task))];
      return await seeCounters(this.#db, tasks, ids, limits.counterLookMs);
    } catch (error) {
      if (error instanceof Unavailable) return null;
      throw error;
    }
  }
}
