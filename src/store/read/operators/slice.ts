// A page of rows that an index gives in the order of the listing, each of which is shown: nothing is looked at in vain.
import type { Cursor } from "#domain/values/cursor";
import { type Listed, type Page, pageRowsMax } from "#store/read/walk";

/** `take`: how many rows are wanted, those after `after`, or those behind the first `skip`. */
export interface Slice {
  readonly after: Cursor | undefined;
  readonly skip: number;
  readonly take: number;
}

/** One row more than the page holds is read, which says whether there is a next page. */
export async function slice<Row>(
  { page, size, after }: Page,
  read: (wanted: Slice) => Promise<readonly Row[]>,
  cursorOf: (row: Row) => Cursor,
): Promise<Listed<Row>> {
  const skip = after ? 0 : page * size;
  if (skip >= pageRowsMax) return { rows: [], next: undefined };
  const found = await read({ after, skip, take: size + 1 });
  const rows = found.slice(0, size);
  const last = rows.at(-1);
  return { rows, next: found.length > size && last !== undefined ? cursorOf(last) : undefined };
}
