// The blocks of code of a page. The words behind the language say how a block is run: `background` (it goes on until the page is
// done), or `no-test: why`.

export interface Snippet {
  readonly language: string;
  /** The words behind it. */
  readonly how: string;
  readonly text: string;
  /** Where its first line stands, from 1. */
  readonly line: number;
}

export function snippetsOf(page: string): Snippet[] {
  return [...page.matchAll(/^ *```(\w+)(?: (.*))?\n([\s\S]*?)^ *```$/gm)].map((found) => {
    const [, language = "", how = "", text = ""] = found;
    return { language, how, text, line: page.slice(0, found.index).split("\n").length + 1 };
  });
}
