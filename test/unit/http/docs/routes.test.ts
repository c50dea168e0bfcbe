// How the docs are served: pages at addresses without an ending, their Markdown, under the policy, without a token; and what is said
// where they were not built.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Fastify from "fastify";
import { afterAll, expect, it } from "vitest";
import { docsRoutes } from "#http/docs/routes";
import { loadSite } from "#http/docs/site";
import { fakeServer } from "../fakes.ts";

const folder = mkdtempSync(join(tmpdir(), "site-"));
mkdirSync(join(folder, "reference"));
const first = '<html data-docs="./"><link href="./assets/style.css"><a href="./calls"></a><a href="../view"></a>';
writeFileSync(join(folder, "index.html"), first);
writeFileSync(join(folder, "reference/http.html"), "HTTP");
writeFileSync(join(folder, "reference/http.html.br"), "br");
writeFileSync(join(folder, "reference/http.md"), "# HTTP");
writeFileSync(join(folder, "llms.txt"), "# Baton");
afterAll(() => rmSync(folder, { recursive: true }));
const app = Fastify();
docsRoutes(app, loadSite(folder));

it.each([
  ["/docs/", "text/html; charset=utf-8", first],
  ["/docs/reference/http", "text/html; charset=utf-8", "HTTP"],
  ["/docs/reference/http.md", "text/markdown; charset=utf-8", "# HTTP"],
  ["/llms.txt", "text/plain; charset=utf-8", "# Baton"],
])("serves %s as %s", async (url, type, body) => {
  const answer = await app.inject(url);
  expect([answer.statusCode, answer.headers["content-type"], answer.body]).toEqual([200, type, body]);
  if (type.startsWith("text/html"))
    expect(answer.headers["content-security-policy"]).toMatch(/^default-src 'self'; (?!.*unsafe)/);
});

it("leads from the address without a slash to the same places", async () => {
  const { body } = await app.inject("/docs");
  const links = (text: string, at: string) =>
    [...text.matchAll(/(?:href|data-docs)="([^"]+)"/g)].map(([, link = ""]) => new URL(link, at).href);
  expect(links(body, "http://h/docs")).toEqual(links(first, "http://h/docs/"));
});

it("sends the compressed form, and nothing to a client that has it", async () => {
  const url = "/docs/reference/http";
  const answer = await app.inject({ url, headers: { "accept-encoding": "br" } });
  expect([answer.headers["content-encoding"], answer.body]).toEqual(["br", "br"]);
  const again = await app.inject({ url, headers: { "if-none-match": String(answer.headers.etag) } });
  expect(again.statusCode).toBe(304);
});

it("is 404 for what is no page", async () => {
  for (const url of ["/docs/nope", "/docs/reference", "/docs/../package.json"])
    expect((await app.inject(url)).statusCode).toBe(404);
});

it("says how to build them where they were not, and where the API is described", async () => {
  const bare = Fastify();
  docsRoutes(bare, loadSite(join(folder, "nowhere")));
  for (const url of ["/docs", "/docs/"]) expect((await bare.inject(url)).body).toContain("npm run site");
  expect((await bare.inject("/llms.txt")).body).toContain("(openapi.json)");
});

it("needs no token", async () => {
  const { app: server } = await fakeServer({ AUTH_TOKEN: "secret-token-of-32-characters-long" });
  for (const url of ["/docs", "/docs/", "/llms.txt"]) expect((await server.inject(url)).statusCode).toBe(200);
  expect((await server.inject("/openapi.json")).statusCode).toBe(401);
});
