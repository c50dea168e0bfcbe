// For how long this process has been at work without a break: one that stood still was not there, whatever its clock says.
import { limits } from "#config";
import type { Db } from "#store/pg/pool";

const beatMs = 100;

/** For how long this process has not stood still, and Postgres has answered. */
export class Alive {
  readonly #db: Pick<Db, "upSinceMs">;
  readonly #timer: NodeJS.Timeout;
  #since = performance.now();
  #beat = this.#since;

  constructor(db: Pick<Db, "upSinceMs">) {
    this.#db = db;
    this.#timer = setInterval(() => this.#look(), beatMs).unref();
  }

  #look(): void {
    const now = performance.now();
    if (now - this.#beat > limits.scheduleStillMs) this.#since = now;
    this.#beat = now;
  }

  /** In ms; 0 while Postgres does not answer. */
  get ms(): number {
    this.#look();
    return Math.max(0, performance.now() - Math.max(this.#since, this.#db.upSinceMs));
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
