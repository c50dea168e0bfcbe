// Accepts updates of counters: 202 once JetStream has stored one. What is known not to count is refused before: tasks are
// looked at in groups, whatever came while the last look was under way in one. While Postgres is away nothing is known,
// and everything is accepted; the actor settles it later. A key stands for one update, also before that was applied.
import type { CommandPublisher } from "#bus/commands/publisher";
import { limits } from "#config";
import { keyReused, type Progress, staleness } from "#domain/command";
import { beyond, countsOf, type Sums } from "#domain/counters/counts";
import { Invalid, Unavailable } from "#domain/errors";
import { isFinal } from "#domain/row";
import { acceptedVerbsOf } from "#domain/turn/step";
import { inBatches } from "#flow/batcher";
import { type Reply, refusal, reply, replyOf } from "#intake/reply";
import type { Db } from "#store/pg/pool";
import { type CountersSeen, seeCounters } from "#store/read/tasks";

interface Parts {
  readonly db: Db;
  readonly commands: CommandPublisher;
}

export class Counting {
  readonly #commands: CommandPublisher;
  readonly #looks: Looks;
  /** The latest updates under keys of clients: what was accepted may not be applied yet. */
  readonly #latest = new Map<string, { readonly counts: string; readonly answer: Promise<Reply> }>();

  /** Answers to updates whose tasks were not looked at. */
  readonly #unseen = new WeakSet<Reply>();

  constructor({ db, commands }: Parts) {
    this.#commands = commands;
    this.#looks = new Looks(db);
  }

  /** Fails with `Unavailable` where it is not known whether the update was stored: repeating under the same key is safe. */
  accept(task: string, counts: Sums, key?: string, attempt?: number): Promise<Reply> {
    if (key === undefined) return this.#looks.at({ task, ...counts, id: undefined, attempt }, this.#settle);
    return this.#acceptOnce({ task, ...counts, attempt, named: attempt !== undefined }, `${task}:${key}`);
  }

  async #acceptOnce(counts: Progress, id: string): Promise<Reply> {
    const update = { ...counts, id };
    const first = this.#latest.get(id);
    if (first === undefined) return this.#remember(id, countsOf(counts), this.#looks.at(update, this.#settle));
    if (first.counts !== countsOf(counts)) return otherRequest();
    const answer = await first.answer;
    // What was stored may have been lost with the server's disk: the repetition makes that good, and counts once.
    if (answer.status === 202) await this.#commands.progress({ ...update, unseen: this.#unseen.has(answer) });
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
    // It counts for the attempt that is present now, whatever becomes of the task before it is applied.
    const attempt = update.attempt ?? (seen === null ? undefined : (seen.special.get(update.task)?.attempt ?? 0));
    return early ?? this.#store({ ...update, attempt, unseen: seen === null });
  };

  async #store(update: Progress): Promise<Reply> {
    await this.#commands.progress(update);
    const answer = accepted(update.task);
    if (update.unseen) this.#unseen.add(answer);
    return answer;
  }

  /** The task has ended; but another process may have accepted this update before, and it is on its way. */
  async #lookAgain(update: Progress): Promise<Reply> {
    if (await this.#commands.counted()) return this.#looks.at(update, settleAgain);
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
  if (state === null) return refusal("unknown_task", "No such task");
  if (isFinal(state.status))
    return refusal("not_in_this_state", `The task has ended: ${state.status}`, {
      ...{ status: 409, more: { current_status: state.status, allowed: [] } },
    });
  const { attempt = state.attempt } = update;
  if (attempt !== state.attempt)
    return refusal("wrong_attempt", staleness(state.attempt, attempt), {
      more: { current_status: state.status, allowed: acceptedVerbsOf(state) },
    });
  const faults = beyond(state, update);
  return faults.none ? undefined : replyOf(new Invalid("Validation failed", faults));
}

const accepted = (id: string): Reply => reply(202, { id });
const otherRequest = (): Reply => refusal("key_reused", keyReused);

/**
 * Clients that wait for each answer come in waves. Where there are so many, a look waits for the whole wave, at most so long:
 * groups of fifty cost a third of what groups of ten do, in every process on the way.
 */
const crowdMin = 8;
const lingerMs = 4;
/** How fast a wave that was larger is forgotten, from look to look. */
const fading = 0.98;

/** What becomes of an update, by what was seen: null while Postgres is away. */
type Settle = (update: Progress, seen: CountersSeen | null) => Reply | Promise<Reply>;

interface Look {
  readonly update: Progress;
  readonly settle: Settle;
}

class Looks {
  readonly #db: Db;
  readonly #look: (look: Look) => Promise<Reply>;
  /** Updates that have no answer yet, and how many these were at most, lately. */
  #underWay = 0;
  #crowd = 0;

  constructor(db: Db) {
    this.#db = db;
    this.#look = inBatches<Look, Reply>({
      max: limits.progressUpdatesMax,
      lingerMs,
      enough: () => {
        this.#crowd = Math.max(this.#crowd * fading, this.#underWay);
        return this.#crowd < crowdMin ? 0 : this.#crowd;
      },
      run: async (looks) => {
        const seen = await this.#see(looks.map(({ update }) => update));
        return looks.map(({ update, settle }) => settle(update, seen));
      },
      remedy: () => "give_up",
    });
  }

  /** The answer to an update whose task was looked at. */
  at(update: Progress, settle: Settle): Promise<Reply> {
    this.#underWay++;
    return this.#look({ update, settle }).finally(() => {
      this.#underWay--;
    });
  }

  /** Null while Postgres is away. */
  async #see(updates: readonly Progress[]): Promise<CountersSeen | null> {
    if (!this.#db.up) return null;
    const ids = updates.map(({ id }) => id).filter((id) => id !== undefined);
    try {
      const tasks = [...new Set(updates.map(({ task }) => task))];
      const named = updates.filter(({ attempt = 0 }) => attempt > 0).map(({ task }) => task);
      return await seeCounters(this.#db, { tasks, named, ids }, limits.counterLookMs);
    } catch (error) {
      if (error instanceof Unavailable) return null;
      throw error;
    }
  }
}
