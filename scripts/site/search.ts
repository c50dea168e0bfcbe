// The index that the search of the pages loads: a document for each heading with the text below it.
import MiniSearch from "minisearch";
import type { Section } from "./markdown.ts";
import { searchOptions } from "./search-options.ts";

interface Searched {
  readonly address: string;
  readonly title: string;
  readonly sections: readonly Section[];
}

export function searchIndex(pages: readonly Searched[]): string {
  const index = new MiniSearch(searchOptions);
  for (const { address, title, sections } of pages) {
    for (const [i, { id, text, body }] of sections.entries()) {
      index.add({
        id: i === 0 ? address : `${address}#${id}`,
        page: title,
        heading: text,
        body,
        shown: body.trim().slice(0, 140),
      });
    }
  }
  return JSON.stringify(index);
}
