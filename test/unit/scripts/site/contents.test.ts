// The contents of the docs: read from lists of links, addresses that hold under any path, and llms.txt.
import { expect, it } from "vitest";
import { addressOf, contentsOf, linkFrom, llmsText } from "../../../../scripts/site/contents.ts";

const readme = `# Baton

Runs batches
of tasks.

## Start

- [Quick start](quick-start.md): the first batch
  in two minutes
- [Elsewhere](https://example.com): no page

## Nothing here

## Reference

- [HTTP](reference/http.md): every call
`;

it("reads groups and pages from the lists of the first page", () => {
  expect(contentsOf(readme)).toEqual([
    {
      title: "Start",
      entries: [{ title: "Quick start", path: "quick-start.md", says: "the first batch in two minutes" }],
    },
    { title: "Reference", entries: [{ title: "HTTP", path: "reference/http.md", says: "every call" }] },
  ]);
});

it.each([
  ["README.md", ""],
  ["calls.md", "calls"],
  ["decisions/README.md", "decisions"],
  ["reference/http.md", "reference/http"],
])("has %s at '%s'", (path, address) => expect(addressOf(path)).toBe(address));

it("links from everywhere to everywhere, under any path", () => {
  const pages = ["", "calls", "decisions", "decisions/0001-x", "reference/http"];
  for (const base of ["http://h/docs/", "https://h/tools/baton/docs/"]) {
    for (const from of pages)
      for (const to of [...pages, "assets/style.css"])
        expect(new URL(linkFrom(from, to), base + from).href, `${from} to ${to}`).toBe(base + to);
    for (const from of pages) expect(new URL(linkFrom(from, "../view"), base + from).href).toMatch(/\/view$/);
  }
});

it("says the same to programs, with links to Markdown", () => {
  expect(llmsText(readme)).toBe(`# Baton

> Runs batches of tasks.

## Start

- [Quick start](docs/quick-start.md): the first batch in two minutes

## Reference

- [HTTP](docs/reference/http.md): every call

## Machine-readable

- [OpenAPI 3.1](openapi.json): every call, with schemas and examples
- [AsyncAPI 3.0](asyncapi.json): every NATS subject
`);
});
