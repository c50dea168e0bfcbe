// The index that the search of the pages loads: a document for each heading with the text below it.
import MiniSearch from "minisearch";
import type { Section } from "./markdown.ts";
import { searchOptions } from "./search-options.ts";
import { otherWords } from "./words.ts";

interface Searched {
  readonly address: string;
  readonly title: string;
  readonly sections: readonly Section[];
}

export function searchIndex(pages: readonly Searched[]): string {
  const index = new MiniSearch(searchOptions);
  const unused = new Set(Object.keys(otherWords));
  for (const { address, title, sections } of pages) {
    for (const [i, { id, text, body }] of sections.entries()) {
      const at = i === 0 ? address : `${address}#${id}`;
      unused.delete(at);
      index.add({
        id: at,
        also: otherWords[at] ?? "",
        page: title,
        heading: text,
        body,
        shown: body.trim().slice(0, 140),
      });
    }
  }
  if (unused.size > 0) throw new Error(`scripts/site/words.ts: there is no heading at ${[...unused].join(", ")}`);
  return JSON.stringify(index);
}
