// One page of the site as HTML: contents beside it, headings of the page on the right, search above. No script or style stands in
// it, and every link is relative.
import { addressOf, type Entry, type Group, linkFrom } from "./contents.ts";
import type { Heading } from "./markdown.ts";

export interface Page {
  readonly address: string;
  readonly title: string;
  readonly html: string;
  readonly headings: readonly Heading[];
  /** The Markdown that it was made of, below docs/. */
  readonly source?: string;
  readonly scripts?: readonly string[];
}

export function pageText(page: Page, groups: readonly Group[]): string {
  const { address, title, html, headings, source, scripts = [] } = page;
  const to = (target: string) => linkFrom(address, target);
  const css = `<link rel="stylesheet" href="${to("assets/style.css")}">`;
  const js = ["assets/page.js", ...scripts].map((path) => `<script type="module" src="${to(path)}"></script>`);
  return `<!doctype html>
<html lang="en" data-docs="${to("")}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title === "Baton" ? "Baton" : `${title} · Baton`}</title>
<link rel="icon" href="${to("assets/icon.svg")}">
${[css, ...js].join("\n")}
</head>
<body>
<a class="skip" href="#main">To the text</a>
<header>
<a class="name" href="${to("")}"><img src="${to("assets/icon.svg")}" alt="" width="20" height="20">Baton</a>
<search class="search"><input type="search" placeholder="Search" aria-label="Search the docs" autocomplete="off" spellcheck="false"><kbd aria-hidden="true">/</kbd>
<div class="results" hidden></div></search>
<nav aria-label="Other pages"><a href="${to("reference/http")}">API</a><a href="${to("../view")}">Console</a></nav>
</header>
<div class="columns">
<nav class="contents" aria-label="Contents"><details open><summary>Contents</summary>${groups.map((group) => groupText(group, address)).join("")}</details></nav>
<main id="main" tabindex="-1">
${html}
${footText(page, groups, source)}
</main>
${tocText(headings)}
</div>
</body>
</html>
`;
}

function groupText({ title, entries }: Group, address: string): string {
  return `<h2>${title}</h2><ul>${entries.map((entry) => `<li>${linkText(entry, address)}</li>`).join("")}</ul>`;
}

function linkText({ title, path }: Entry, address: string): string {
  const to = addressOf(path);
  const isHere = to === address || (to === "decisions" && address.startsWith("decisions/"));
  return `<a href="${linkFrom(address, to)}"${isHere ? ' aria-current="page"' : ""}>${title}</a>`;
}

function tocText(headings: readonly Heading[]): string {
  const shown = headings.filter(({ level }) => level === 2 || level === 3);
  if (shown.length < 3) return "";
  const lines = shown.map(
    ({ id, level, text }) => `<li class="level-${level}"><a href="#${id}">${escaped(text)}</a></li>`,
  );
  return `<nav class="toc" aria-label="On this page"><h2>On this page</h2><ul>${lines.join("")}</ul></nav>`;
}

/** What comes before and after it in the contents, and the page as Markdown. */
function footText({ address }: Page, groups: readonly Group[], source: string | undefined): string {
  const all = groups.flatMap(({ entries }) => entries);
  const at = all.findIndex(({ path }) => addressOf(path) === address);
  const link = (entry: Entry | undefined, rel: string) =>
    entry ? `<a rel="${rel}" href="${linkFrom(address, addressOf(entry.path))}">${entry.title}</a>` : "<span></span>";
  const ways =
    at < 0 ? "" : `<nav aria-label="Before and after">${link(all[at - 1], "prev")}${link(all[at + 1], "next")}</nav>`;
  const raw = source === undefined ? "" : `<p><a href="${linkFrom(address, source)}">This page as Markdown</a></p>`;
  return `<footer>${ways}${raw}</footer>`;
}

const escaped = (text: string): string => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");
