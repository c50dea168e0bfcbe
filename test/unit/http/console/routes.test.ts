// How the console is served: compressed, immutable where names are hashed, under a policy without inline scripts, and the page for
// every address that is no file.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Fastify from "fastify";
import { afterAll, beforeAll, expect, it } from "vitest";
import { loadConsole } from "#http/console/files";
import { consoleRoutes } from "#http/console/routes";
import { fakeServer } from "../fakes.ts";

const folder = mkdtempSync(join(tmpdir(), "console-"));
mkdirSync(join(folder, "assets"));
writeFileSync(join(folder, "index.html"), '<script src="./assets/a.js"></script>');
for (const [end, text] of [
  ["", "plain"],
  [".br", "br"],
  [".gz", "gz"],
])
  writeFileSync(join(folder, `assets/a.js${end}`), text ?? "");
const app = Fastify();
beforeAll(async () => {
  consoleRoutes(app, loadConsole(folder));
  await app.ready();
});
afterAll(() => rmSync(folder, { recursive: true }));

it.each([
  ["br, gzip", "br", "br"],
  ["gzip", "gzip", "gz"],
  ["br;q=0, gzip", "gzip", "gz"],
  ["", undefined, "plain"],
])("sends a file to a client that takes '%s' as %s", async (accepted, coding, body) => {
  const answer = await app.inject({ url: "/view/assets/a.js", headers: { "accept-encoding": accepted } });
  expect([answer.statusCode, answer.headers["content-encoding"], answer.body]).toEqual([200, coding, body]);
  expect(answer.headers["cache-control"]).toBe("public, max-age=31536000, immutable");
  expect(answer.headers.vary).toBe("accept-encoding");
});

it.each([
  ["/view", "view/assets/a.js"],
  ["/view/", "./assets/a.js"],
  ["/view/batches", "./assets/a.js"],
  ["/view/batches/", "../assets/a.js"],
  ["/view/batches/1/tasks?status=Failure", "../../assets/a.js"],
])("answers %s with the page, whose script is at %s", async (url, src) => {
  const answer = await app.inject(url);
  expect([answer.statusCode, answer.body]).toEqual([200, `<script src="${src}"></script>`]);
  expect(new URL(src, `http://h${url}`).pathname).toBe("/view/assets/a.js");
  expect(answer.headers["content-security-policy"]).toMatch(/^default-src 'self'; (?!.*unsafe)/);
  expect(answer.headers["cache-control"]).toBe("no-cache");
  const again = await app.inject({ url, headers: { "if-none-match": String(answer.headers.etag) } });
  expect([again.statusCode, again.body]).toEqual([304, ""]);
});

it("does not answer a script that is gone with the page", async () => {
  expect((await app.inject("/view/assets/old.js")).statusCode).toBe(404);
});

it("is 503 where it was not built", async () => {
  const bare = Fastify();
  consoleRoutes(bare, loadConsole(join(folder, "nowhere")));
  for (const url of ["/view", "/view/batches/x"]) {
    const answer = await bare.inject(url);
    expect([answer.statusCode, answer.headers["content-type"]]).toEqual([503, "text/html; charset=utf-8"]);
  }
});

it("needs no token, while what it shows does", async () => {
  const { app: server } = await fakeServer({ AUTH_TOKEN: "secret-token-of-32-characters-long" });
  for (const url of ["/view", "/view/batches/x"]) expect((await server.inject(url)).statusCode).toBe(200);
  expect((await server.inject("/batches")).statusCode).toBe(401);
});
