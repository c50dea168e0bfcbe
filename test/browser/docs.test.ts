// The docs in a browser, as Baton serves them: sound by day, by night and on a phone, nothing blocked by the policy; the search finds,
// the contents lead, and a call is tried from the reference.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { beforeAll, expect, it } from "vitest";
import { until } from "#test/until";
import { startStage } from "./stage.ts";

// Before the stage, whose API reads what was built when it starts.
beforeAll(() => {
  const cwd = fileURLToPath(new URL("../..", import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, ["scripts/site/main.ts"], { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`The docs could not be built:\n${stderr}`);
}, 120_000);
const stage = startStage({ AUTH_TOKEN: "token-of-this-test" });
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const pages = ["", "quick-start", "guarantees", "lifecycle", "write-a-service", "reference/errors", "reference/types"];

async function faultsOf(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const violations = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } };
    return (await axe.run()).violations;
  });
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(" | ")}`);
}

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string }[];
}
const isNarrow = (page: Page) => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);

it.each(pages)("docs/%s is sound by day, by night and on a phone", async (path) => {
  const page = await stage.open(`/../docs/${path}`);
  expect(await faultsOf(page)).toEqual([]);
  await page.emulateMedia({ colorScheme: "dark" });
  await page.reload();
  expect(await faultsOf(page)).toEqual([]);
  await page.setViewportSize({ width: 390, height: 844 });
  await page.reload();
  expect(await isNarrow(page)).toBe(true);
  expect(await faultsOf(page)).toEqual([]);
});

it("finds a word that is misspelt, leads to its heading, and goes by keys alone", async () => {
  const page = await stage.open("/../docs/");
  await page.keyboard.press("/");
  await page.keyboard.type("dependancy_cycle");
  await page.locator(".results a").first().waitFor();
  expect(await faultsOf(page)).toEqual([]);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/docs/reference/errors#dependency_cycle");
  await page.keyboard.press("/");
  await page.keyboard.type("zzzzqqq");
  await page.locator("text=Nothing about “zzzzqqq”.").waitFor();
  await page.keyboard.press("Escape");
  expect(await page.locator(".results").isVisible()).toBe(false);
});

it("is read from the first page to the last by its contents, also from the address without a slash", async () => {
  const page = await stage.open("/../docs");
  await page.locator(".contents a", { hasText: "Quick start" }).click();
  await page.waitForURL("**/docs/quick-start");
  await page.locator("footer a[rel=next]").click();
  await page.waitForURL("**/docs/coming-from");
  await page.locator("text=This page as Markdown").click();
  await until(async () => (await page.locator("body").innerText()).startsWith("# Coming from"));
});

it("tries a call: asks for the token, creates a batch, and fills its id in where the next call needs it", async () => {
  const page = await stage.open("/../docs/reference/http");
  const tried = (name: string) => page.locator("details.try", { has: page.locator(`summary:text-is("Try ${name}")`) });
  const create = tried("POST /task");
  await create.locator("summary").click();
  expect(await faultsOf(page)).toEqual([]);
  await create.locator("button:text-is('Send')").click();
  await create.locator("text=/^401/").waitFor();
  await page.locator(".token input").fill("token-of-this-test");
  await create.locator("button:text-is('Send')").click();
  await create.locator("text=/^201/").waitFor();
  expect(await faultsOf(page)).toEqual([]);
  const said = await create.locator(".status").innerText();
  const id = /x-batch-id: (\S+)/.exec(said)?.[1] as string;
  expect(await create.locator(".curl").innerText()).toMatch(/^curl -s -X POST 'http.*\/task' .*Bearer \$BATON_TOKEN/);
  const get = tried("GET /batch/{id}");
  await get.locator("summary").click();
  expect(await get.locator("input").first().inputValue()).toBe(id);
  await get.locator("button:text-is('Send')").click();
  await until(async () => (await get.locator("pre").first().innerText()).includes(`"batch_id": "${id}"`));
});

it("shows a stream of events as it comes, until it is stopped", async () => {
  const page = await stage.open("/../docs/reference/http");
  const follow = page.locator("details.try", { has: page.locator('summary:text-is("Try GET /events")') });
  await page.locator(".token input").fill("token-of-this-test");
  await follow.locator("summary").click();
  await follow.locator("button:text-is('Send')").click();
  await follow.locator("text=/^200/").waitFor();
  const { body } = await stage.cluster.call("POST", "/task", [{ id: "a", name: "A", kind: "k" }], {
    authorization: "Bearer token-of-this-test",
  });
  await until(async () => (await follow.locator("pre").first().innerText()).includes(body[0].id));
  await follow.locator("button:text-is('Stop')").click();
  await follow.locator("button:text-is('Stop')").waitFor({ state: "detached" });
});
