// Looks which schedules are due and has their batches made, many together; says what follows to the rest of the worker. A large batch
// is made in a thread of its own, so that nobody else waits for it.
import { limits } from "#config";
import { Unavailable } from "#domain/errors";
import type { LargeCalls } from "#intake/large/calls";
import type { Limited } from "#intake/limits";
import { Bodies } from "#intake/schedules/body";
import { type Made, makeDue } from "#intake/schedules/make";
import type { SkipReason } from "#machines/schedule";
import { type Due, lookAtSchedules, rest, testify } from "#store/schedules/due";
import type { Logger } from "#telemetry/log";

export interface MakerDeps extends Limited {
  readonly log: Logger;
  readonly large: Pick<LargeCalls, "make">;
  /** For how long this worker has been alive and has reached Postgres, in ms. */
  readonly aliveMs: () => number;
  /** Tasks that may start were created; the first timer of them goes off in so many ms. */
  readonly created: (firstDelayMs: number | undefined) => void;
  /** A batch is to be stopped for the next one of its schedule. */
  readonly stop: (batch: string, schedule: string) => void;
  readonly count: (outcome: "made" | SkipReason, n: number) => void;
}

/** So many schedules that are due are read at once. */
const lookMax = 200;
const lockedMs = 50;

export class ScheduleMaker {
  readonly #deps: MakerDeps;
  readonly #bodies: Bodies;

  constructor(deps: MakerDeps) {
    this.#deps = deps;
    this.#bodies = new Bodies(deps);
  }

  /** Makes what is due, of the schedules that are made alone or of the others. In how many ms it should look again; null: there is no schedule. */
  async look(alone: boolean): Promise<number | null> {
    const { db, aliveMs } = this.#deps;
    const most = alone ? 1 : limits.schedulesTurnMax;
    const first = await lookAtSchedules(db, alone, lookMax);
    if (first.length === 0) return null;
    const due = first.filter(({ ms }) => ms <= 0);
    if (due.length === 0) return Math.ceil(first[0]?.ms ?? 0);
    await testify(db, aliveMs());
    let taken = 0;
    for (let n = 0; n < due.length; n += most) taken += await this.#make(due.slice(n, n + most));
    // Where others have all of them in hand, they have moved on in a moment.
    return taken === 0 ? lockedMs : 0;
  }

  /** How many it had in hand. */
  async #make(due: readonly Due[]): Promise<number> {
    const { db, log, large } = this.#deps;
    const [only, second] = due;
    if (only === undefined) return 0;
    try {
      const isLarge = second === undefined && only.bytes > limits.largeBodyBytes;
      const made = await (isLarge ? large.make(only, only.bytes) : makeDue(this.#deps, due, this.#bodies));
      this.#follow(made);
      return made.taken;
    } catch (error) {
      // While Postgres is there, it is about these only, as where a task stays locked that a new rule would count.
      if (error instanceof Unavailable && !db.up) throw error;
      if (second !== undefined) {
        let taken = 0;
        for (const one of due) taken += await this.#make([one]);
        return taken;
      }
      log.error({ err: error, schedule: only.id }, "a schedule could not be looked at, and rests");
      await rest(db, only.id, limits.scheduleFaultMs);
      return 1;
    }
  }

  /** After the commit. */
  #follow({ batches, firstDelayMs, skipped, stops, refused }: Made): void {
    const { log, created, stop, count } = this.#deps;
    if (batches > 0) created(firstDelayMs ?? undefined);
    count("made", batches);
    for (const reason of skipped) count(reason, 1);
    for (const { batch, schedule } of stops) stop(batch, schedule);
    for (const schedule of refused)
      log.debug({ schedule }, "the batch of a schedule cannot be created now, and is tried again");
  }
}
