// Which counter updates count for the first time, by the ids of their bundles and what is kept of these. Pure.
import type { Answer, Progress } from "#domain/command";
import { type Bundle, countsOf } from "#domain/counters/counts";
import type { CountRow, Kept } from "#domain/counters/rows";

export interface CounterItem {
  readonly update: Progress;
  readonly bundle: Bundle;
  readonly place: number;
  /** When JetStream stored it (ms), where nobody has looked at its task: it counts if that was before the task ended. Null: the API has. */
  readonly storedAt: number | null;
  /** When JetStream stored it, in ms of the clock of Postgres: a heartbeat counts from there. */
  readonly acceptedMs: number;
  readonly settle: (answer: Answer | null) => void;
}

export type Rows = ReadonlyMap<string, CountRow>;

/** Of one bundle: what may be counted now, by its place. */
interface Parts {
  readonly bundle: Bundle;
  readonly items: Map<number, CounterItem>;
}

export interface Sorted {
  readonly bundles: ReadonlyMap<string, Parts>;
  /** Ids of what was stored too late. */
  readonly late: ReadonlySet<string>;
}

/** What may be counted now, each place once; its task is there, and had not ended, or the API has accepted it. */
export function sortOut(items: readonly CounterItem[], rows: Rows): Sorted {
  const bundles = new Map<string, Parts>();
  const late = new Set<string>();
  for (const item of items) {
    const { bundle, place } = item;
    const row = rows.get(item.update.task);
    if (row === undefined) continue;
    if (!isInTime(item, row) && !isAccepted(item)) {
      late.add(bundle.id);
      continue;
    }
    const parts = bundles.get(bundle.id) ?? { bundle, items: new Map<number, CounterItem>() };
    if (parts.items.size === 0) bundles.set(bundle.id, parts);
    if (!parts.items.has(place)) parts.items.set(place, item);
  }
  return { bundles, late };
}

/** What is to be kept of a bundle that is new. */
export function keptOf({ bundle: { id, size, isKey }, items }: Parts): Kept {
  const first = items.values().next().value;
  const places = Array.from({ length: items.size < size ? size : 0 }, (_, place) => place);
  return { id, counts: isKey && first ? countsOf(first.update) : null, open: places.filter((n) => !items.has(n)) };
}

/** All that is new, and what is still open of bundles that are known. `left`: what stays open of these from now on. */
export function freshOf(bundles: Sorted["bundles"], known: ReadonlySet<string>, before: ReadonlyMap<string, Kept>) {
  const fresh = new Set<CounterItem>();
  const left: Pick<Kept, "id" | "open">[] = [];
  for (const [id, { items }] of bundles) {
    const open = known.has(id) ? (before.get(id)?.open ?? []) : [...items.keys()];
    for (const place of open) if (items.has(place)) fresh.add(items.get(place) as CounterItem);
    const rest = open.filter((place) => !items.has(place));
    if (known.has(id) && rest.length < open.length) left.push({ id, open: rest });
  }
  return { fresh, left };
}

/** The API has answered 202 to it: that it comes too late is no refusal, and its id is not free again. */
export const isAccepted = ({ storedAt, update }: CounterItem): boolean => storedAt === null || update.unseen === true;

export function isInTime({ storedAt }: CounterItem, { endedAt }: { readonly endedAt: Date | null }): boolean {
  return storedAt === null || endedAt === null || storedAt <= endedAt.getTime();
}
