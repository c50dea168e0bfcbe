/**
 * `npm run measure`: prints what the console costs and how quick it is, against a Baton that runs (`npm start`; BATON_URL, else
 * http://127.0.0.1:8085). It makes a paused batch of 10,000 tasks with 30,000 edges there, and stops it at the end; then one of 50,000
 * tasks that runs as fast as Baton can. Frames a second are of software rendering: the machine should have nothing else to do.
 */
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import type { Browser, Page } from "playwright-core";
import { type Client, connect, type TaskInput } from "../../src/sdk/client.ts";
import { openBrowser, openContext } from "../support/browser.ts";
import { until } from "../support/until.ts";

const url = (process.env.BATON_URL ?? "http://127.0.0.1:8085").replace(/\/+$/, "");
const [levels, width] = [10, 1_000];
const say = (what: string, value: string, wanted: string) =>
  console.log(`${what.padEnd(52)} ${value.padEnd(24)} ${wanted}`);

/** Level by level, since a call takes 1,000 tasks; each task needs three of the level above, in each third level four. */
async function makeLarge(baton: Client): Promise<string> {
  const levelOf = (n: number): TaskInput[] =>
    Array.from({ length: width }, (_, i) => ({
      ...{ id: `${n}-${i}`, name: `task ${n}-${i}`, kind: `level.${n}` },
      dependencies:
        n === 0 ? [] : (n % 3 === 0 ? [0, 1, 7, 31] : [0, 1, 7]).map((d) => ({ id: `${n - 1}-${(i + d) % width}` })),
    }));
  const first = await baton.create({ tasks: levelOf(0), scope: "measure", paused: true, open: true });
  for (let n = 1; n < levels; n++) await baton.add(first.batchId, levelOf(n));
  await baton.close(first.batchId);
  return first.batchId;
}

async function openPage(browser: Browser, path: string): Promise<Page> {
  const page = await (await openContext(browser)).newPage();
  await page.goto(`${url}/view${path}`);
  return page;
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
const worst = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? 0;

async function firstScreen(browser: Browser): Promise<void> {
  await (await openPage(browser, "/")).context().close();
  const page = await openPage(browser, "/");
  await page.getByRole("heading", { name: "Overview" }).waitFor({ state: "attached" });
  await page.waitForLoadState("networkidle", { timeout: 3_000 }).catch(() => {});
  const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0);
  say("first paint of the overview", `${Math.round(paint)} ms`, "under 1,000 ms");
  const scripts = await page.evaluate(() =>
    performance
      .getEntriesByType("resource")
      .map(({ name }) => name)
      .filter((name) => name.endsWith(".js") && !name.includes("palette")),
  );
  const sizes = await Promise.all(
    scripts.map(async (one) => gzipSync(await (await fetch(one)).text(), { level: 9 }).length),
  );
  const sum = sizes.reduce((all, size) => all + size, 0) / 1_000;
  say("JavaScript of the first screen, gzip", `${Math.round(sum)} KB in ${scripts.length} files`, "under 250 KB");
  await page.context().close();
}

async function graph(browser: Browser, id: string): Promise<Page> {
  const times: number[] = [];
  let page = await openPage(browser, `/batches/${id}`);
  for (let i = 0; i < 3; i++) {
    await page.context().close();
    page = await openPage(browser, `/batches/${id}`);
    const shown = await page.waitForFunction(
      () => document.querySelector('.stage[data-shown="10000"]') && performance.now(),
    );
    times.push((await shown.jsonValue()) ?? 0);
  }
  const layout = await page.locator(".stage").getAttribute("data-layout-ms");
  say("first graph, from the address on", `${Math.round(median(times))} ms (layout ${layout} ms)`, "under 1,500 ms");
  return page;
}

/** Gaps between frames, in milliseconds, while the graph is moved in each. */
const pan = (page: Page): Promise<number[]> =>
  page.locator(".stage").evaluate(async (stage) => {
    const gaps: number[] = [];
    let before = await new Promise<number>(requestAnimationFrame);
    for (let i = 0; i < 120; i++) {
      stage.dispatchEvent(
        new WheelEvent("wheel", { shiftKey: true, deltaY: i % 60 < 30 ? 12 : -12, cancelable: true }),
      );
      const now = await new Promise<number>(requestAnimationFrame);
      gaps.push(now - before);
      before = now;
    }
    return gaps;
  });

async function panning(page: Page): Promise<void> {
  await page.locator(".stage").focus();
  for (const [name, keys] of [
    ["far", "0"],
    ["middle", "+++++"],
    ["near", "++++++"],
  ] as const) {
    for (const key of keys) await page.keyboard.press(key);
    const tries = [await pan(page), await pan(page), await pan(page)];
    const best = Math.max(...tries.map((gaps) => 1_000 / (gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length)));
    const script = await page.locator(".stage").getAttribute("data-paint-ms");
    say(`panning, ${name}`, `${best.toFixed(0)} fps, paint ${script} ms`, "50 fps, budget 8 ms");
  }
}

async function memory(browser: Browser): Promise<void> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  const sizes = processInfo
    .filter(({ type }) => type === "renderer")
    .map(({ id }) => Number(/Pss:\s+(\d+)/.exec(readFileSync(`/proc/${id}/smaps_rollup`, "utf8"))?.[1] ?? 0) / 1_000);
  say("memory of the page's process (PSS)", `${Math.round(Math.max(...sizes))} MB`, "under 300 MB");
}

/** Gaps between frames for so long, in milliseconds. */
const framesFor = (page: Page, ms: number): Promise<number[]> =>
  page.evaluate(async (forMs) => {
    const gaps: number[] = [];
    const began = performance.now();
    for (let before = began; before - began < forMs; ) {
      const now = await new Promise<number>(requestAnimationFrame);
      gaps.push(now - before);
      before = now;
    }
    return gaps;
  }, ms);

const lateOf = (gaps: readonly number[]) =>
  `${gaps.filter((gap) => gap > 50).length} of ${gaps.length} frames over 50 ms`;

/** A batch that runs as fast as Baton can, each task a call to Baton's own `/health`; how far its page lags behind. */
async function fullSpeed(browser: Browser, baton: Client): Promise<void> {
  const [tasks, most] = [50_000, 1_000];
  const params = { url: `${url}/health`, verb: "Get", completes: "on_response" } as const;
  const part = (n: number): TaskInput[] =>
    Array.from({ length: most }, (_, i) => ({
      ...{ id: `${n}-${i}`, name: `task ${n}-${i}`, kind: "speed", on_start: { kind: "Webhook", params } },
    }));
  const { batchId } = await baton.create({ tasks: part(0), scope: "measure", paused: true, open: true });
  for (let n = 1; n < tasks / most; n++) await baton.add(batchId, part(n));
  await baton.close(batchId);
  const page = await openPage(browser, `/batches/${batchId}`);
  await page.getByText("50,000").first().waitFor();
  const began = performance.now();
  await baton.resumeBatch(batchId);
  const gaps = await framesFor(page, 15_000);
  await until(async () => (await baton.batch(batchId)).completed_at !== null, 180_000, "the batch has ended");
  const ended = performance.now();
  await page.waitForFunction(() => document.body.innerText.replaceAll("\n", " ").includes("50,000 Success"));
  const speed = Math.round(tasks / ((ended - began) / 1_000));
  const lag = Math.round(performance.now() - ended);
  say(
    `50,000 tasks at ${speed} a second`,
    `${(1_000 / median(gaps)).toFixed(0)} fps, ${lag} ms behind at the end`,
    lateOf(gaps),
  );
  await page.context().close();
}

/** Tasks of the batch are resumed and paused, one call each, a hundred of both a second. */
async function events(page: Page, baton: Client, ids: readonly string[]): Promise<void> {
  const seconds = 8;
  const gapsOf = framesFor(page, seconds * 1_000);
  const began = performance.now();
  let count = 0;
  const change = async (mine: readonly string[]) => {
    for (const id of mine) {
      if (performance.now() - began > seconds * 1_000) return;
      await baton.resume(id);
      await baton.pause(id);
      count += 2;
    }
  };
  await Promise.all(Array.from({ length: 24 }, (_, n) => change(ids.filter((_, i) => i % 24 === n))));
  const gaps = await gapsOf;
  const perSecond = count / ((performance.now() - began) / 1_000);
  say(
    `${Math.round(perSecond)} events a second`,
    `${(1_000 / median(gaps)).toFixed(0)} fps, 99 %: ${worst(gaps, 0.99).toFixed(0)} ms`,
    lateOf(gaps),
  );
}

async function idle(browser: Browser): Promise<void> {
  for (const [name, path] of [
    ["overview", "/"],
    ["batches", "/batches"],
    ["limits", "/limits"],
  ] as const) {
    const page = await openPage(browser, path);
    await page.waitForLoadState("networkidle", { timeout: 3_000 }).catch(() => {});
    let asked = 0;
    page.on("request", () => asked++);
    const seconds = 15;
    await page.waitForTimeout(seconds * 1_000);
    say(`an idle page: ${name}`, `${(asked / seconds).toFixed(2)} questions a second`, "under 1");
    await page.context().close();
  }
}

const baton = connect(url);
const browser = await openBrowser();
try {
  await firstScreen(browser);
  const id = await makeLarge(baton);
  const page = await graph(browser, id);
  await panning(page);
  await memory(browser);
  // Below the first level, so that what is resumed waits for its parents, and does not start.
  const ids = (await baton.compactDag(id)).tasks.slice(5 * width, 6 * width).map(([task]) => task);
  await events(page, baton, ids);
  await page.context().close();
  await baton.stop(id, "measured");
  await fullSpeed(browser, baton);
  await idle(browser);
} finally {
  await browser.close();
}
