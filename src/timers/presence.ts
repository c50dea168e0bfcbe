// Keeps the row of this process in the table of processes, where it is not a worker: a worker renews its row with its lease. A process
// without claims has nothing to lose or to take over, so the row is all that it keeps.
import { type ProcessFigures, type ProcessSelf, register, renew, resign } from "#store/maintenance/process";
import type { Db } from "#store/pg/pool";
import type { Logger } from "#telemetry/log";
import { loop } from "#timers/loop";

interface RowParts {
  readonly db: Db;
  readonly self: ProcessSelf;
  readonly figures: () => ProcessFigures;
  readonly leaseSecs: number;
}

/** A lease is renewed each third of its length: one renewal may fail, or be late, and it is still good. */
export const renewEveryMs = (leaseSecs: number): number => (leaseSecs * 1_000) / 3;

/** The row of this process: a new one when other processes have taken the last one for dead. */
export class ProcessRow {
  readonly #parts: RowParts;
  #id: number | null = null;

  constructor({ db, self, figures, leaseSecs }: RowParts) {
    this.#parts = { db, self, figures, leaseSecs };
  }

  /** Null until it is registered. */
  get id(): number | null {
    return this.#id;
  }

  /** Renews the row, or makes one; whether it is new. */
  async sign(): Promise<boolean> {
    const { db, self, figures, leaseSecs } = this.#parts;
    if (this.#id !== null && (await renew(db, this.#id, leaseSecs, figures()))) return false;
    this.#id = await register(db, self, leaseSecs);
    return true;
  }

  /** Ends the lease, so that others know at once that the process is gone. The row stays until it is pruned. */
  async resign(): Promise<void> {
    if (this.#id !== null) await resign(this.#parts.db, this.#id).catch(() => {});
  }
}

/** Runs until it is stopped, which ends the lease. */
export function presence({ log, ...parts }: RowParts & { readonly log: Logger }): { stop(): Promise<void> } {
  const row = new ProcessRow(parts);
  const signing = loop("presence", log, async () => {
    if (await row.sign()) log.info({ process: row.id }, "registered");
    return renewEveryMs(parts.leaseSecs);
  });
  return {
    async stop() {
      await signing.stop();
      await row.resign();
    },
  };
}
