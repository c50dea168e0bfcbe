// How pages are searched: the same for the build, which makes the index, and the browser, which loads it.

import type { Options } from "minisearch";

export const searchOptions: Options = {
  fields: ["heading", "body", "page"],
  storeFields: ["page", "heading", "shown"],
  searchOptions: { boost: { heading: 3, page: 2 }, prefix: true, fuzzy: 0.15, combineWith: "AND" },
};
