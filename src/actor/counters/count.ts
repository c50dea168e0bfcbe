// One transaction of counter updates: rows first, then ids, then the sums.

import { limits } from "#config";
import { judge, type Known } from "#domain/counters/count";
import { type CounterItem, freshOf, keptOf, type Rows, sortOut } from "#domain/counters/messages";
import type { Kept } from "#domain/counters/rows";
import { earliest, firstHeard } from "#domain/values/clocks";
import type { Sql } from "#store/pg/pool";
import { limitLockWait, type SendWrite } from "#store/pg/transaction";
import { signalKeysOf } from "#store/rules/slots";
import { countRows, forgetIds, keepIds, keptBefore, leaveOpen, writeCounts, writeHeard } from "#store/turn/counters";
import { batchesOf, unfinishedRows } from "#store/turn/load";

/** `locked`: tasks that another transaction has locked. `waits`: waits a little for the locks instead of skipping such tasks. */
export async function count(sql: Sql, send: SendWrite, items: readonly CounterItem[], waits: boolean) {
  if (waits) await limitLockWait(sql, limits.batchLockWaitMs);
  const tasks = [...new Set(items.map(({ update }) => update.task))].sort();
  const rows: Rows = new Map((await countRows(sql, tasks, waits)).map((row) => [row.id, row]));
  const missing = tasks.filter((id) => !rows.has(id));
  const locked = missing.length > 0 ? await batchesOf(sql, missing) : new Map<string, string>();
  const judged = judge(items, rows, await know(sql, items, rows));
  if (judged.refused.length > 0) send(forgetIds(sql, judged.refused));
  if (judged.changed.length === 0) return { judged, locked, signals: null, armed: null };
  send(writeCounts(sql, judged.changed));
  const armed = await hear(
    sql,
    send,
    judged.changed.filter(({ isAwaited, endedAt }) => isAwaited && endedAt === null).map(({ id }) => id),
  );
  const signals = signalKeysOf(
    sql,
    judged.changed.map(({ id }) => id),
  );
  send(signals);
  return { judged, locked, signals, armed };
}

/** The services that took the messages of these tasks from their queues are at work. Returns the earliest timer. */
async function hear(sql: Sql, send: SendWrite, ids: readonly string[]): Promise<Date | null> {
  if (ids.length === 0) return null;
  // It sees the counts, which were sent before, and with them when each task was heard of.
  const rows = await unfinishedRows(sql, ids);
  for (const row of rows) Object.assign(row, firstHeard(row));
  send(writeHeard(sql, rows));
  return rows.reduce((at: Date | null, { dueAt }) => earliest(at, dueAt), null);
}

/** Keeps the ids of updates that are in time. Looks up those that were kept before, and those of updates that came too late. */
async function know(sql: Sql, items: readonly CounterItem[], rows: Rows): Promise<Known> {
  const { bundles, late } = sortOut(items, rows);
  const known = bundles.size > 0 ? await keepIds(sql, [...bundles.values()].map(keptOf)) : new Set<string>();
  const asked = [...known, ...[...late].filter((id) => !bundles.has(id))];
  const before = asked.length > 0 ? await keptBefore(sql, asked) : new Map<string, Kept>();
  const { fresh, left } = freshOf(bundles, known, before);
  if (left.length > 0) await leaveOpen(sql, left);
  return { fresh, before };
}
