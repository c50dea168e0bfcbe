// From Markdown to HTML: ids of headings as GitHub makes them, code coloured by classes (a strict policy allows no style
// attributes), wide tables and code that a keyboard can scroll, links led where the site has the page.
import { transformerStyleToClass } from "@shikijs/transformers";
import MarkdownIt, { type MarkdownIt as Parser, type Token } from "markdown-it";
import { createHighlighter } from "shiki";
import { drawStates } from "./states.ts";

export interface Heading {
  readonly id: string;
  readonly level: number;
  readonly text: string;
}

/** What is found by one search result: a heading, and the text below it. */
export interface Section extends Heading {
  readonly body: string;
}

export interface Rendered {
  readonly title: string;
  readonly html: string;
  readonly headings: readonly Heading[];
  readonly sections: readonly Section[];
}

/** Of a link or image of the page that is rendered: where it leads on the site. */
export type Resolve = (href: string) => string;

const languages = ["bash", "go", "js", "json", "python", "sh", "ts", "yaml"];

export class Renderer {
  readonly #md: Parser;
  readonly #classes: ReturnType<typeof transformerStyleToClass>;

  private constructor(md: Parser, classes: ReturnType<typeof transformerStyleToClass>) {
    this.#md = md;
    this.#classes = classes;
  }

  static async open(): Promise<Renderer> {
    const themes = { light: "github-light-high-contrast", dark: "github-dark-high-contrast" } as const;
    const highlighter = await createHighlighter({ themes: Object.values(themes), langs: languages });
    const classes = transformerStyleToClass({ classPrefix: "s" });
    const md = new MarkdownIt({ html: false, linkify: false });
    const colour = (code: string, lang: string): string =>
      highlighter.codeToHtml(code.trimEnd(), { lang, themes, defaultColor: false, transformers: [classes] });
    md.renderer.rules.fence = (tokens, index) => {
      const { content, info } = tokens[index] as Token;
      const [language = ""] = info.split(" ");
      if (language === "mermaid") return drawStates(content);
      return `<div class="code">${colour(content, languages.includes(language) ? language : "text")}</div>\n`;
    };
    // Focusable, so that what is wider than the window can be scrolled by keys.
    md.renderer.rules.table_open = () => '<div class="wide" tabindex="0"><table>\n';
    md.renderer.rules.table_close = () => "</table></div>\n";
    return new Renderer(md, classes);
  }

  /** The colours of all code that was rendered so far. */
  css(): string {
    return this.#classes.getCSS();
  }

  render(markdown: string, resolve: Resolve): Rendered {
    const tokens = this.#md.parse(withoutComments(markdown), {});
    const sections = sectionsOf(tokens);
    const headings = sections.map(({ id, level, text }) => ({ id, level, text }));
    let nth = 0;
    for (const [i, token] of tokens.entries()) {
      if (token.type === "heading_open") token.attrSet("id", headings[nth++]?.id as string);
      for (const child of token.type === "inline" ? (token.children ?? []) : []) lead(child, resolve);
      if (token.type === "th_open" && tokens[i + 1]?.content === "") token.tag = "td";
      if (token.type === "th_close" && tokens[i - 1]?.content === "") token.tag = "td";
    }
    const html = this.#md.renderer.render(tokens, this.#md.options, {});
    return { title: headings[0]?.text ?? "", html: withAnchors(html), headings, sections };
  }
}

/** Generated pages say so to who edits them, not to who reads them. */
const withoutComments = (markdown: string): string => markdown.replace(/^<!--.*-->\n/gm, "");

function lead(token: Token, resolve: Resolve): void {
  for (const name of ["href", "src"]) {
    const value = token.attrGet(name);
    if (value !== null) token.attrSet(name, resolve(String(value)));
  }
}

function sectionsOf(tokens: readonly Token[]): Section[] {
  const sections: { id: string; level: number; text: string; body: string }[] = [];
  const ids = new Map<string, number>();
  for (const [i, token] of tokens.entries()) {
    if (token.type === "heading_open") {
      const text = plain(tokens[i + 1]);
      sections.push({ id: unused(slug(text), ids), level: Number(token.tag.slice(1)), text, body: "" });
    } else if (token.type === "inline" && tokens[i - 1]?.type !== "heading_open") {
      const last = sections.at(-1);
      if (last) last.body += ` ${plain(token)}`;
    }
  }
  return sections;
}

const plain = (token: Token | undefined): string =>
  (token?.children ?? []).map(({ type, content }) => (type === "softbreak" ? " " : content)).join("");

/** As GitHub makes it, so that a link holds in both places. */
export const slug = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replace(/\s/g, "-");

function unused(id: string, ids: Map<string, number>): string {
  const times = ids.get(id) ?? 0;
  ids.set(id, times + 1);
  return times === 0 ? id : `${id}-${times}`;
}

/** A link to each heading below the title, beside its text. */
const withAnchors = (html: string): string =>
  html.replace(
    /<h([2-4]) id="([^"]+)">([\s\S]*?)<\/h\1>/g,
    (_, level, id, inner) =>
      `<h${level} id="${id}">${inner} <a class="anchor" href="#${id}" aria-label="Link to ${inner.replace(/<[^>]+>/g, "")}">#</a></h${level}>`,
  );
