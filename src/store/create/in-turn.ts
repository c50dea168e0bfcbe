// Additions to one batch take turns within a process, and none holds a connection while it waits: a batch whose row somebody
// holds locked keeps one connection for a moment now and then, however many tasks are to be added to it.
import { setTimeout as pause } from "node:timers/promises";
import { limits } from "#config";
import { Busy } from "#domain/errors";
import type { Db } from "#store/pg/pool";

const pauseMinMs = 20;
const pauseMaxMs = 500;
/** SQLSTATE of a lock that was not got in time. */
const notGot = "55P03";

const lines = new WeakMap<Db, Map<string, Promise<unknown>>>();

/** `attempt` is made again while it does not get a lock; throws `Busy` after 10 s, when nothing was done. */
export async function inTurn<T>(db: Db, batch: string, attempt: () => Promise<T>): Promise<T> {
  const line = lines.get(db) ?? new Map<string, Promise<unknown>>();
  lines.set(db, line);
  const giveUpAt = performance.now() + limits.commandDeadlineMs;
  const before = line.get(batch);
  const mine = (before ?? Promise.resolve()).then(() => insist(attempt, giveUpAt));
  const over = mine.catch(() => {});
  line.set(batch, over);
  void over.then(() => line.get(batch) === over && line.delete(batch));
  return mine;
}

async function insist<T>(attempt: () => Promise<T>, giveUpAt: number): Promise<T> {
  for (let pauseMs = pauseMinMs; ; pauseMs = Math.min(2 * pauseMs, pauseMaxMs)) {
    if (performance.now() > giveUpAt) throw new Busy("The batch is locked");
    try {
      return await attempt();
    } catch (error) {
      if ((error as { code?: unknown } | null)?.code !== notGot) throw error;
      await pause(pauseMs);
    }
  }
}
