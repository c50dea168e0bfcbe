// Every screen, in both themes and on a phone: axe finds nothing serious, nothing is blocked by the policy, nothing is wider than
// the window; and the first screen costs less than its budget.
import { gzipSync } from "node:zlib";
import { beforeAll, expect, it } from "vitest";
import { until } from "#test/until";
import { examples } from "../../src/web/screens/playground/examples.ts";
import { seriousFaults } from "./axe.ts";
import { startStage } from "./stage.ts";

const stage = startStage();
const ids = { batch: "", task: "", gate: "", bulk: "" };

beforeAll(async () => {
  for (const { id, batch } of examples) {
    const { headers, body } = await stage.cluster.call("POST", "/task", batch(stage.cluster.url));
    const find = (local: string) => body.find((task: { local_id: string }) => task.local_id === local)?.id;
    if (id === "pipeline") Object.assign(ids, { batch: headers.get("x-batch-id"), task: find("unit-tests") });
    if (id === "approval") ids.gate = find("approve");
  }
  const nightly = { cron: "30 2 * * *", batch: { tasks: [{ id: "a", name: "a", kind: "k" }] } };
  await stage.cluster.call("PUT", "/schedules/nightly", nightly);
  const bulk = await stage.cluster.call("POST", "/bulk", { action: "pause", tasks: { kind: "nothing has it" } });
  ids.bulk = bulk.body.bulk_id;
  await until(async () => (await stage.cluster.status(ids.task)) === "Failure", 20_000, "the example has failed");
}, 60_000);

const screens: readonly (readonly [name: string, path: () => string, shown: string])[] = [
  ["overview", () => "/", "text=Batches that failed"],
  ["batches", () => "/batches", "role=link[name=/^ci/]"],
  ["graph", () => `/batches/${ids.batch}`, '.stage[data-shown="9"]'],
  ["timeline", () => `/batches/${ids.batch}/timeline`, "#row-0"],
  ["tasks of a batch", () => `/batches/${ids.batch}/tasks`, "#row-0"],
  ["events", () => `/batches/${ids.batch}/events`, ".line"],
  ["definition", () => `/batches/${ids.batch}/definition`, ".code"],
  ["task", () => `/tasks/${ids.task}`, "role=table[name='Attempts']"],
  ["events of a task", () => `/tasks/${ids.task}/events`, "role=table[name='Events']"],
  ["gate", () => `/tasks/${ids.gate}`, "text=It waits for somebody's word."],
  ["tasks", () => "/tasks", "role=table"],
  ["limits", () => "/limits", "role=table"],
  ["schedules", () => "/schedules", "role=link[name='nightly']"],
  ["schedule", () => "/schedules/nightly", "role=table[name='Next times']"],
  ["bulk operations", () => "/bulk", "role=link[name='Pause tasks']"],
  ["bulk operation", () => `/bulk/${ids.bulk}`, "role=heading[name='Pause tasks']"],
  ["a selection", () => "/tasks?kind=ci&sel=all", "text=9 tasks"],
  ["receivers", () => "/receivers", "role=heading[name='Receivers']"],
  ["deliveries", () => "/deliveries", "text=No notifications yet"],
  ["workers", () => "/workers", "role=table"],
  ["dead letters", () => "/dead-letters", "text=No dead letters"],
  ["playground", () => "/playground", "text=9 tasks on 5 levels"],
];

/** The tables of which a part is out of sight in a window of 1,280 pixels. */
const tooWide = () =>
  [...document.querySelectorAll("table")]
    .filter(({ parentElement: box }) => box !== null && box.scrollWidth > box.clientWidth)
    .map((table) => table.getAttribute("aria-label"));

it.each(screens)("%s is sound in both themes and on a phone", async (_name, path, shown) => {
  const page = await stage.open(path());
  await page.locator(shown).first().waitFor();
  expect(await page.evaluate(tooWide)).toEqual([]);
  const isNarrow = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
  expect(await seriousFaults(page)).toEqual([]);
  // From the beginning, as people see it: colours that are only being changed would be judged by chance.
  await page.emulateMedia({ colorScheme: "dark" });
  await page.reload();
  await page.locator(shown).first().waitFor();
  expect(await seriousFaults(page)).toEqual([]);
  await page.setViewportSize({ width: 390, height: 844 });
  expect(await isNarrow()).toBe(true);
});

it("has the open tab in sight on a phone", async () => {
  const page = await stage.open("/");
  await page.setViewportSize({ width: 390, height: 844 });
  // Who asks is known only once the other tabs are there, and so is the tab of the definition.
  const { promise: others, resolve: known } = Promise.withResolvers<void>();
  await page.route("**/whoami", async (call) => {
    await others;
    await call.continue();
  });
  await page.goto(new URL(`/view/batches/${ids.batch}/definition`, page.url()).href);
  await page.locator("nav.tabs").getByText("Deliveries").waitFor();
  known();
  const tab = page.locator('nav.tabs [aria-current="page"]');
  await tab.waitFor();
  await until(async () => {
    const box = await tab.boundingBox();
    return box !== null && box.x >= 0 && box.x + box.width <= 390;
  });
});

it("shows the events of a batch on a phone with nothing of a row out of sight", async () => {
  const page = await stage.open(`/batches/${ids.batch}/events`, { phone: true });
  const failed = page.getByRole("option", { name: /unit-tests.*Failure.*HTTP 404/ });
  await failed.waitFor();
  const cut = await failed.evaluate((row) => {
    const { right, bottom } = row.getBoundingClientRect();
    const cells = [...row.children].map((cell) => cell.getBoundingClientRect());
    return right > innerWidth || cells.some((cell) => cell.right > right || cell.bottom > bottom || cell.width < 40);
  });
  expect(cut).toBe(false);
  // The name of the task can be read, and a row is one line again when the phone is turned.
  expect(await failed.evaluate((row) => row.children[0]?.getBoundingClientRect().width ?? 0)).toBeGreaterThan(180);
  await page.setViewportSize({ width: 844, height: 390 });
  await until(async () => (await failed.boundingBox())?.height === 32, 5_000, "a row is one line on a wide screen");
});

it("loads less than 250 KB of compressed script for the first screen", async () => {
  const page = await stage.open("/");
  await page.locator("text=Batches that failed").waitFor();
  const urls = await page.evaluate(() =>
    performance
      .getEntriesByType("resource")
      .map(({ name }) => name)
      .filter((name) => name.endsWith(".js") && !name.includes("palette")),
  );
  const texts = await Promise.all(urls.map(async (url) => (await fetch(url)).text()));
  const size = texts.reduce((sum, text) => sum + gzipSync(text, { level: 9 }).length, 0);
  expect(size / 1000).toBeLessThan(250);
  // The production form of React, whoever builds: these tests run with another NODE_ENV, and what they build is kept.
  expect(texts.some((text) => text.includes("Minified React error"))).toBe(true);
});
