// One transaction of counter updates: rows first, then ids, then the sums.
import { freshOf, keptOf, sortOut } from "#actor/bundles";
import { type CounterItem, judge, type Known, type Rows } from "#actor/count";
import { limits } from "#config";
import type { Sql } from "#store/client";
import { countRows, forgetIds, type Kept, keepIds, keptBefore, leaveOpen, writeCounts } from "#store/counters";
import { wakeKeysOf } from "#store/holders";
import { batchesOf } from "#store/load";

/** `busy`: tasks that another transaction holds. `patient`: waits for them a little. */
export async function count(
  sql: Sql,
  last: (write: Promise<unknown>) => void,
  items: readonly CounterItem[],
  patient: boolean,
) {
  if (patient) await sql.unsafe(`set local lock_timeout = ${limits.patienceMs}`);
  const tasks = [...new Set(items.map(({ update }) => update.task))].sort();
  const rows: Rows = new Map((await countRows(sql, tasks, patient)).map((row) => [row.id, row]));
  const missing = tasks.filter((id) => !rows.has(id));
  const busy = missing.length > 0 ? await batchesOf(sql, missing) : new Map<string, string>();
  const judged = judge(items, rows, await know(sql, items, rows));
  if (judged.refused.length > 0) last(forgetIds(sql, judged.refused));
  if (judged.changed.length === 0) return { judged, busy, woken: null };
  last(writeCounts(sql, judged.changed));
  const woken = wakeKeysOf(
    sql,
    judged.changed.map(({ id }) => id),
  );
  last(woken);
  return { judged, busy, woken };
}

/** Keeps the ids of what is in time, and looks up those that are not new. */
async function know(sql: Sql, items: readonly CounterItem[], rows: Rows): Promise<Known> {
  const { bundles, late } = sortOut(items, rows);
  const stale = bundles.size > 0 ? await keepIds(sql, [...bundles.values()].map(keptOf)) : new Set<string>();
  const asked = [...stale, ...[...late].filter((id) => !bundles.has(id))];
  const before = asked.length > 0 ? await keptBefore(sql, asked) : new Map<string, Kept>();
  const { fresh, left } = freshOf(bundles, stale, before);
  if (left.length > 0) await leaveOpen(sql, left);
  return { fresh, before };
}
