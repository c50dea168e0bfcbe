// Markdown as the docs use it: ids as GitHub makes them, code with classes, tables for keyboards, text for the search.
import { expect, it } from "vitest";
import { Renderer, slug } from "../../../../scripts/site/markdown.ts";

const renderer = await Renderer.open();
const render = (text: string) => renderer.render(text, (href) => `to:${href}`);

it.each([
  ["What to answer to a start", "what-to-answer-to-a-start"],
  ["GET /task/{id}", "get-taskid"],
  ["`dependency_unknown`", "dependency_unknown"],
  ["Rates: how often", "rates-how-often"],
])("makes of the heading '%s' the id %s", (text, id) => expect(slug(text)).toBe(id));

it("gives headings ids, twice the same one a number, and a link to each below the title", () => {
  const { title, html, headings } = render("# The page\n\n## Same\n\n## Same\n");
  expect([title, headings.map(({ id }) => id)]).toEqual(["The page", ["the-page", "same", "same-1"]]);
  expect(html).toContain('<h2 id="same-1">Same <a class="anchor" href="#same-1" aria-label="Link to Same">#</a></h2>');
  expect(html).toContain('<h1 id="the-page">The page</h1>');
});

it("colours code by classes alone, and leaves no raw HTML through", () => {
  const { html } = render('```json\n{"a": 1}\n```\n\n<b onclick="x()">bold</b>\n');
  expect(html).toMatch(/<div class="code"><pre class="shiki[^"]*" tabindex="0">/);
  expect(html).not.toMatch(/style=|<b /);
  expect(renderer.css()).toMatch(/--shiki-light:#\w+;\s*--shiki-dark:#\w+/);
});

it("leads links and images, makes tables scrollable by keys, and empty heads no heads", () => {
  const { html } = render("[a](b.md#c) ![d](e.png)\n\n| | x |\n|---|---|\n| 1 | 2 |\n");
  expect(html).toContain('<a href="to:b.md#c">a</a> <img src="to:e.png" alt="d">');
  expect(html).toMatch(/<div class="wide" tabindex="0"><table>[\s\S]*<td><\/td>\n<th>x<\/th>/);
});

it("gives the search a section for each heading, with the text below it", () => {
  const { sections } = render("# A\n\nfirst `code`\n\n## B\n\n| x |\n|---|\n| in a table |\n");
  expect(sections.map(({ text, body }) => [text, body.trim()])).toEqual([
    ["A", "first code"],
    ["B", "x in a table"],
  ]);
});

it("draws the states of a Mermaid diagram, and refuses one that it has no place for", () => {
  const diagram = (line: string) => render(`\`\`\`mermaid\nstateDiagram-v2\n  ${line}\n\`\`\`\n`).html;
  expect(diagram("Pending --> Claimed: claim")).toMatch(/<svg[\s\S]*class="arrow"[\s\S]*>Claimed<\/text>/);
  expect(() => diagram("Pending --> Elsewhere: x")).toThrow("no place for the state Elsewhere");
});
