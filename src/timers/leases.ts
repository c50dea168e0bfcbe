// Keeps this worker's lease, and finds claims that no worker holds: its own that it does not know of (a commit whose reply
// was lost), and those of workers that died. It takes over from others only if it has itself renewed without a gap for one
// whole lease: after an outage of Postgres every lease looks expired although no worker is dead.
import { limits } from "#config";
import type { LocalCommand } from "#domain/turn/items";
import { nilUuid } from "#domain/values/uuid";
import { claimsOf, orphans, type ProcessFigures, type ProcessSelf } from "#store/maintenance/process";
import type { Db } from "#store/pg/pool";
import type { Logger } from "#telemetry/log";
import { metrics } from "#telemetry/metrics";
import { type Loop, loop } from "#timers/loop";
import { ProcessRow, renewEveryMs } from "#timers/presence";

interface Parts {
  readonly db: Db;
  readonly self: ProcessSelf;
  readonly figures: () => ProcessFigures;
  readonly leaseSecs: number;
  readonly sweepMs: number;
  /** Fencing tokens of the claims that this process knows of. */
  readonly held: () => ReadonlySet<number>;
  readonly tell: (command: LocalCommand) => void;
  /** That this claim goes back still waits for a turn of this process. */
  readonly isWaiting: (task: string, claimId: number) => boolean;
  /** Called when the lease is good again, or for the first time. */
  readonly onGood: () => void;
  readonly log: Logger;
}

/** A renewal is missing where two are further apart than this part of a lease; they should be a third apart. */
const gapShare = 0.45;
/**
 * A claim is sent within this part of a lease after it came. Where no renewal had failed, the lease was at most a third old
 * then, so others take the claim over after two thirds at the earliest. What is between is for the time that the answer of the
 * commit was on its way.
 */
const startShare = 0.5;
const firstTask = nilUuid;

export class Leases {
  readonly #parts: Parts;
  readonly #renewing: Loop;
  readonly #checking: Loop;
  readonly #sweeping: Loop;
  /** How far the sweep over the claims of dead workers has come. */
  #swept = firstTask;
  readonly #row: ProcessRow;
  #renewedAt = Number.NEGATIVE_INFINITY;
  #gaplessSince = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#row = new ProcessRow(parts);
    this.#renewing = loop("renew", parts.log, () => this.#renew(), Math.min(500, parts.leaseSecs * 50));
    this.#checking = loop("own_claims", parts.log, () => this.#check());
    this.#sweeping = loop("leases", parts.log, () => this.#sweep());
  }

  /** The worker's id; null until it is registered. */
  get id(): number | null {
    return this.#row.id;
  }

  /** Whether the lease is good, by the monotonic clock: only then may something new be sent. */
  readonly good = (): boolean => performance.now() - this.#renewedAt < this.#parts.leaseSecs * 1000;

  /** Whether a claim that came then may still be sent: no other worker can have taken it over yet. */
  readonly mayStart = (sinceMs: number): boolean =>
    this.good() && performance.now() - sinceMs < this.#parts.leaseSecs * 1000 * startShare;

  async stop(): Promise<void> {
    await Promise.all([this.#renewing, this.#checking, this.#sweeping].map((each) => each.stop()));
  }

  /** Ends the lease: others may take over at once. */
  resign(): Promise<void> {
    return this.#row.resign();
  }

  async #renew(): Promise<number> {
    const asked = performance.now();
    const leaseMs = this.#parts.leaseSecs * 1000;
    await this.#sign();
    // After a gap a worker cannot know which others are dead and which could not renew either.
    if (asked - this.#renewedAt > leaseMs * gapShare) this.#gaplessSince = asked;
    const wasGood = this.good();
    this.#renewedAt = asked;
    if (!wasGood) this.#parts.onGood();
    return renewEveryMs(this.#parts.leaseSecs);
  }

  /** Runs by itself, so that the renewal never waits for it. */
  async #check(): Promise<number> {
    const { db, leaseSecs, held, tell, isWaiting } = this.#parts;
    if (this.id !== null) {
      const mine = await claimsOf(db, this.id);
      const lost = mine.filter(({ task, claimId }) => !held().has(claimId) && !isWaiting(task, claimId));
      for (const { task, claimId } of lost) tell({ type: "released", task, claimId });
      metrics.sweepRepairs.add(lost.length, "own_claims");
    }
    return renewEveryMs(leaseSecs);
  }

  async #sign(): Promise<void> {
    const { log } = this.#parts;
    const worker = this.#row.id;
    if (!(await this.#row.sign())) return;
    const now = this.#row.id;
    if (worker !== null) log.warn({ worker, now }, "this worker's lease was lost; others take over its claims");
    log.info({ worker: now }, "registered");
  }

  async #sweep(): Promise<number> {
    const { db, leaseSecs, sweepMs, tell, isWaiting, log } = this.#parts;
    if (this.good() && performance.now() - this.#gaplessSince > leaseSecs * 1000) {
      const page = await orphans(db, this.#swept, limits.sweepRowsMax);
      // Passes over what waits already, so a locked batch keeps no other from being taken over.
      this.#swept = page.length < limits.sweepRowsMax ? firstTask : (page.at(-1)?.task ?? firstTask);
      const found = page.filter(({ task, claimId }) => !isWaiting(task, claimId));
      for (const { task, claimId } of found) tell({ type: "lease_expired", task, claimId });
      if (found.length > 0) log.warn({ tasks: found.length }, "took over the claims of a dead worker");
      metrics.sweepRepairs.add(found.length, "leases");
    }
    return sweepMs;
  }
}
