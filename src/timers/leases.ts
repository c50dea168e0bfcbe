// Keeps this worker's lease, and finds claims that nobody holds: its own that it does not know of (a commit whose reply
// was lost), and those of workers that died. It takes over from others only if it has itself renewed without a gap for one
// whole lease: after an outage of Postgres every lease looks expired, and nobody is dead.
import type { LocalCommand } from "#actor/mailbox";
import { limits } from "#config";
import type { Db } from "#store/client";
import * as due from "#store/due";
import type { Logger } from "#telemetry/log";
import { metrics } from "#telemetry/metrics";
import { type Loop, loop } from "#timers/loop";
import type { Teller } from "#timers/teller";

interface Parts {
  readonly db: Db;
  readonly name: string;
  readonly leaseSecs: number;
  readonly sweepMs: number;
  /** Fencing tokens of the claims that this process knows of. */
  readonly held: () => ReadonlySet<number>;
  readonly tell: (command: LocalCommand) => void;
  /** The lease is good again, or for the first time. */
  readonly onGood: () => void;
  /** What was told of this worker's events goes into its row, so that whoever outlives it can go on. */
  readonly teller: Pick<Teller, "told" | "registered" | "quiet" | "endsAt" | "inherit">;
  readonly log: Logger;
}

const gapOfLease = 0.45;

export class Leases {
  readonly #parts: Parts;
  readonly #renewing: Loop;
  readonly #sweeping: Loop;
  #id: number | null = null;
  #renewedAt = Number.NEGATIVE_INFINITY;
  #gaplessSince = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#renewing = loop("renew", parts.log, () => this.#renew(), Math.min(500, parts.leaseSecs * 50));
    this.#sweeping = loop("leases", parts.log, () => this.#sweep());
  }

  /** The worker's id; null until it is registered. */
  get id(): number | null {
    return this.#id;
  }

  /** Whether the lease is good, by the monotonic clock: only then may something new be sent. */
  readonly good = (): boolean => performance.now() - this.#renewedAt < this.#parts.leaseSecs * 1000;

  /** Whether a claim of that age may be sent. Others may have taken it over once two thirds of a lease have passed. */
  readonly mayStart = (sinceMs: number): boolean =>
    this.good() && performance.now() - sinceMs < this.#parts.leaseSecs * 500;

  async stop(): Promise<void> {
    await Promise.all([this.#renewing.stop(), this.#sweeping.stop()]);
  }

  /** The last word: others may take over at once, its untold events included. */
  async resign(isAllTold: boolean): Promise<void> {
    const { db, teller } = this.#parts;
    if (this.#id !== null) await due.resign(db, this.#id, isAllTold ? null : teller.told).catch(() => {});
  }

  async #renew(): Promise<number> {
    const { db, leaseSecs, held, tell } = this.#parts;
    const asked = performance.now();
    const leaseMs = leaseSecs * 1000;
    const id = await this.#sign();
    // Whoever was kept from renewing for half a lease cannot tell the dead from those who were kept from it as well.
    if (asked - this.#renewedAt > leaseMs * gapOfLease) this.#gaplessSince = asked;
    const wasGood = this.good();
    this.#renewedAt = asked;
    if (!wasGood) this.#parts.onGood();
    const mine = await due.claimsOf(db, id);
    const lost = mine.filter(({ claimId }) => !held().has(claimId));
    for (const { task, claimId } of lost) tell({ type: "released", task, claimId });
    metrics.sweepRepairs.add(lost.length, "own_claims");
    return leaseMs / 3;
  }

  /** Writes the worker's row; its id. */
  async #sign(): Promise<number> {
    const { db, name, leaseSecs, teller, log } = this.#parts;
    if (this.#id !== null) {
      const quiet = teller.quiet();
      const end = await due.renew(db, this.#id, leaseSecs, teller.told);
      if (end !== null) {
        teller.endsAt(end, quiet);
        return this.#id;
      }
    }
    const { id, drawn } = await due.register(db, name, leaseSecs);
    teller.registered(drawn);
    this.#id = id;
    log.info({ worker: id }, "registered");
    return id;
  }

  async #sweep(): Promise<number> {
    const { db, leaseSecs, sweepMs, tell, teller, log } = this.#parts;
    if (this.good() && performance.now() - this.#gaplessSince > leaseSecs * 1000) {
      const orphans = await due.orphans(db, limits.sweepRowsMax);
      for (const { task, claimId } of orphans) tell({ type: "lease_expired", task, claimId });
      if (orphans.length > 0) log.warn({ tasks: orphans.length }, "took over the claims of a dead worker");
      metrics.sweepRepairs.add(orphans.length, "leases");
      teller.inherit();
    }
    return sweepMs;
  }
}
