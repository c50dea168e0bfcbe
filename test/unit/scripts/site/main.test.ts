// The docs as they are built: each page is in the contents, each link and anchor leads somewhere, nothing needs a style or script in
// a page, and each call of the API can be tried from its heading.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import MiniSearch from "minisearch";
import { afterAll, beforeAll, expect, it } from "vitest";
import { loadSite } from "#http/docs/site";
import { filesIn, ROOT } from "../../../../scripts/build-once.mjs";
import { addressOf, contentsOf } from "../../../../scripts/site/contents.ts";
import { buildSite } from "../../../../scripts/site/main.ts";
import { countText, searchOptions, shownMax } from "../../../../scripts/site/search-options.ts";

const out = join(mkdtempSync(join(tmpdir(), "site-")), "site");
const sources = filesIn("docs")
  .filter((path) => path.endsWith(".md"))
  .map((path) => path.slice("docs/".length));
const read = (path: string) => readFileSync(join(out, path), "utf8");
const pageOf = (address: string) => read(`${address || "index"}.html`);
const idsOf = (html: string) => new Set([...html.matchAll(/\bid="([^"]+)"/g)].map(([, id]) => id));

beforeAll(() => buildSite(out), 60_000);
afterAll(() => rmSync(join(out, ".."), { recursive: true }));

it("has every page of docs/ in its contents, those of decisions aside", () => {
  const groups = contentsOf(readFileSync(join(ROOT, "docs/README.md"), "utf8"));
  const listed = groups.flatMap(({ entries }) => entries.map(({ path }) => path));
  expect(new Set(listed).size).toBe(listed.length);
  const wanted = sources.filter((path) => path !== "README.md" && !/^decisions\/\d/.test(path));
  expect(listed.toSorted()).toEqual(wanted.toSorted());
});

it.each(sources)("%s has links and images that lead somewhere, and no script or style in it", (path) => {
  const address = addressOf(path);
  const html = pageOf(address);
  expect(html).not.toMatch(/<style|\sstyle=|\son\w+=|<script(?![^>]* src=)/);
  expect(html.match(/<h1/g)).toHaveLength(1);
  const { files } = loadSite(out);
  const wrong = [...html.matchAll(/\b(?:href|src)="([^"]+)"/g)].flatMap(([, link = ""]) => {
    const url = new URL(link, `http://h/docs/${address}`);
    if (url.host !== "h" || url.pathname === "/view") return [];
    const target = url.pathname.replace(/^\/docs\//, "");
    try {
      // As Baton serves it: a file of a kind that it does not know is on the disk and yet a 404.
      if (/\.\w+$/.test(target)) return files.has(target) ? [] : [link];
      const there = pageOf(target);
      return url.hash === "" || idsOf(there).has(decodeURIComponent(url.hash.slice(1))) ? [] : [link];
    } catch {
      return [link];
    }
  });
  expect(wrong).toEqual([]);
});

it("has a form for each call, by the heading of the call", () => {
  const calls = Object.keys(JSON.parse(read("assets/calls.json")));
  expect(calls.length).toBeGreaterThan(40);
  const ids = idsOf(pageOf("reference/http"));
  expect(calls.filter((id) => !ids.has(id))).toEqual([]);
});

it("lists for programs what there is", () => {
  const links = [...read("llms.txt").matchAll(/\]\(docs\/([^)]+)\)/g)].map(([, path = ""]) => path);
  expect(links.length).toBeGreaterThan(25);
  for (const path of links) expect(read(path)).toMatch(/^# /);
});

const found = (asked: string): string[] =>
  MiniSearch.loadJSON(read("search.json"), searchOptions)
    .search(asked)
    .map(({ id }) => String(id));

it.each([
  ["approval", "outcomes#gates"],
  ["human in the loop", "outcomes#gates"],
  ["throttle", "rates"],
  ["debounce", "limit-what-runs#no-work-twice"],
  ["mock", "sdk#testing"],
  ["unit test", "sdk#testing"],
  ["cron", "schedules"],
  ["dead letter queue", "nats#dead-letters"],
  ["saga", "model-a-pipeline#when-part-of-it-fails"],
  ["map reduce", "growing#a-task-that-adds-tasks"],
  ["dependency_cycle", "reference/errors#dependency_cycle"],
])("finds by '%s', a word of other systems or its own, %s among the first three", (asked, first) => {
  expect(found(asked).slice(0, 3)).toContain(first);
});

it.each(["lock", "sleep", "actor", "turn"])("puts decisions after all else that is found by '%s'", (asked) => {
  const isDecision = found(asked).map((id) => id.startsWith("decisions"));
  expect(isDecision).toContain(true);
  expect(isDecision).toEqual(isDecision.toSorted());
});

it("says how many were found, also of those that are not shown", () => {
  expect([0, shownMax, 107].map(countText)).toEqual(["0 found", "12 found", "107 found, the first 12 of them here"]);
});
