// One transaction of counter updates: rows first, then ids, then the sums.
import { type CounterItem, isInTime, judge, type Known, type Rows } from "#actor/count";
import { limits } from "#config";
import { type Bundle, countsOf } from "#domain/counts";
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

/** Of one bundle: what may be counted now, by its place. */
interface Parts {
  readonly bundle: Bundle;
  readonly items: Map<number, CounterItem>;
}

/** Keeps the ids of what is in time, and looks up those that are not new: what was left open of them is counted now. */
async function know(sql: Sql, items: readonly CounterItem[], rows: Rows): Promise<Known> {
  const { bundles, late } = sort(items, rows);
  const stale = bundles.size > 0 ? await keepIds(sql, [...bundles.values()].map(keptOf)) : new Set<string>();
  const asked = [...stale, ...[...late].filter((id) => !bundles.has(id))];
  const before = asked.length > 0 ? await keptBefore(sql, asked) : new Map<string, Kept>();
  const fresh = new Set<CounterItem>();
  const left: { id: string; open: readonly number[] }[] = [];
  for (const [id, { items }] of bundles) {
    const open = stale.has(id) ? (before.get(id)?.open ?? []) : [...items.keys()];
    for (const place of open) if (items.has(place)) fresh.add(items.get(place) as CounterItem);
    const rest = open.filter((place) => !items.has(place));
    if (rest.length < open.length && stale.has(id)) left.push({ id, open: rest });
  }
  if (left.length > 0) await leaveOpen(sql, left);
  return { fresh, before };
}

/** What may be counted now, each place once, and the ids of what was stored too late. */
function sort(items: readonly CounterItem[], rows: Rows) {
  const bundles = new Map<string, Parts>();
  const late = new Set<string>();
  for (const item of items) {
    const { update, bundle, place } = item;
    const row = rows.get(update.task);
    if (row === undefined) continue;
    if (!isInTime(item, row)) {
      late.add(bundle.id);
      continue;
    }
    let parts = bundles.get(bundle.id);
    if (parts === undefined) {
      parts = { bundle, items: new Map() };
      bundles.set(bundle.id, parts);
    }
    if (!parts.items.has(place)) parts.items.set(place, item);
  }
  return { bundles, late };
}

function keptOf({ bundle: { id, size, isKey }, items }: Parts): Kept {
  const first = items.values().next().value;
  const places = Array.from({ length: items.size < size ? size : 0 }, (_, place) => place);
  return { id, counts: isKey && first ? countsOf(first.update) : null, open: places.filter((n) => !items.has(n)) };
}
