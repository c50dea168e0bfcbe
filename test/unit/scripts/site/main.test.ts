// The docs as they are built: each page is in the contents, each link and anchor leads somewhere, nothing needs a style or script in
// a page, and each call of the API can be tried from its heading.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { filesIn, ROOT } from "../../../../scripts/build-once.mjs";
import { addressOf, contentsOf } from "../../../../scripts/site/contents.ts";
import { buildSite } from "../../../../scripts/site/main.ts";

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
  const wrong = [...html.matchAll(/\b(?:href|src)="([^"]+)"/g)].flatMap(([, link = ""]) => {
    const url = new URL(link, `http://h/docs/${address}`);
    if (url.host !== "h" || url.pathname === "/view") return [];
    const target = url.pathname.replace(/^\/docs\//, "");
    try {
      if (/\.\w+$/.test(target)) return readFileSync(join(out, target)).length > 0 ? [] : [link];
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
