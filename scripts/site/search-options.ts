// How pages are searched: the same for the build, which makes the index, and the browser, which loads it.

import type { Options } from "minisearch";

/** Pages for people who change Baton: they come after what is for those who use it. */
const rankOf = (id: string): number => (/^decisions\b/.test(id) ? 0.01 : 1);

export const searchOptions: Options = {
  fields: ["heading", "also", "body", "page"],
  storeFields: ["page", "heading", "shown"],
  searchOptions: {
    boost: { heading: 3, also: 4, page: 2 },
    boostDocument: rankOf,
    prefix: true,
    fuzzy: 0.15,
    combineWith: "AND",
  },
};

export const shownMax = 12;

/** What stands above the results: how many there are, not how many are shown. */
export function countText(found: number): string {
  return found > shownMax ? `${found} found, the first ${shownMax} of them here` : `${found} found`;
}
