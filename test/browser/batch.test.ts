// What a batch shows and gives beside its graph: exports.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { examples } from "../../src/web/screens/playground/examples.ts";
import { startStage } from "./stage.ts";

const stage = startStage({ MAX_TASKS_PER_BATCH: "10000" });

async function post(batch: unknown): Promise<string> {
  const { status, headers } = await stage.cluster.call("POST", "/task", batch);
  expect(status).toBe(201);
  return headers.get("x-batch-id") ?? "";
}
const example = (id: string) => examples.find((one) => one.id === id)?.batch(stage.cluster.url);

it("exports a batch as one page for a ticket that needs no network, as CSV and as JSON", async () => {
  const id = await post(example("pipeline"));
  const page = await stage.open(`/batches/${id}`);
  await page.locator(".state.big", { hasText: "Failure" }).waitFor();
  const exported = async (label: string): Promise<string> => {
    await page.getByRole("button", { name: "More actions" }).click();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("menuitem", { name: label }).click(),
    ]);
    return readFileSync(await download.path(), "utf8");
  };
  const ticket = await exported("Export for a ticket (HTML)");
  expect(ticket).toContain("on_start failed: HTTP 404");
  expect((await exported("Export the tasks (CSV)")).split("\r\n")).toHaveLength(11);
  expect(JSON.parse(await exported("Export as JSON")).tasks).toHaveLength(9);

  const alone = await page.context().newPage();
  const asked: string[] = [];
  alone.on("request", (request) => asked.push(request.url()));
  await alone.setContent(ticket);
  await alone.getByRole("heading", { name: "What failed, attempt by attempt" }).waitFor();
  expect(await alone.locator("svg g").count()).toBe(9);
  expect(asked).toEqual([]);
});

it("shows the critical path, groups by kind and level, and hides what succeeded", async () => {
  const id = await post(example("pipeline"));
  const page = await stage.open(`/batches/${id}?task=none`);
  await page.locator(".state.big", { hasText: "Failure" }).waitFor();
  const graph = page.locator(".stage");
  await page.locator('.stage[data-shown="9"]').waitFor();
  await graph.focus();
  await page.keyboard.press("c");
  await page.waitForURL(/path=critical/);
  await page.getByText(/^\d tasks: .* at work, of /).waitFor();
  await page.getByLabel("Group tasks").selectOption("kind");
  await page.locator('.stage[data-shown="5"]').waitFor();
  await page.waitForURL(/group=kind/);
  await graph.focus();
  await page.keyboard.press("]");
  expect(await graph.getAttribute("aria-label")).toContain("ci.check · 3, Failure");
  // Enter opens the group at the task that makes it so.
  await page.keyboard.press("Enter");
  await page.locator('.stage[data-shown="9"]').waitFor();
  expect(await graph.getAttribute("aria-label")).toContain("unit-tests, Failure");
  await page.getByLabel("Group tasks").selectOption("level");
  await page.waitForURL(/group=level/);
  await page.locator('.stage[data-shown="5"]').waitFor();
  await page.reload();
  await page.locator('.stage[data-shown="5"]').waitFor();
  await page.getByRole("button", { name: "Hide succeeded" }).click();
  await page.waitForURL(/hide=success/);
});

it("tells in a timeline what is ready from what was put back", async () => {
  const params = { url: "http://127.0.0.1:1/", verb: "Post" };
  const matcher = { kind: "gate", status: "Running", fields: [] };
  const rules = [{ type: "Concurrency", max_concurrency: 1, matcher }];
  const gate = (id: string) => ({ id, name: id, kind: "gate", on_start: { kind: "Wait" }, rules });
  const call = { id: "call", name: "call", kind: "call", on_start: { kind: "Webhook", params } };
  const id = await post({ tasks: [call, gate("open"), gate("held")] });
  const page = await stage.open(`/batches/${id}/timeline`);
  // Each attempt that found nobody is a bar of its own, and there may be several by now.
  await page.locator("#row-0 .track i[title^='Pending, put back']").first().waitFor();
  await page.locator("#row-2 .track i[title^='Pending']").waitFor();
  expect(await page.locator("#row-2 .track i[title*='put back']").count()).toBe(0);
  await page.getByText("ready: held by a rule or a time, or not claimed yet").waitFor();
});

it("draws a timeline of 10,000 tasks, rows in sight only, and comes nearer by keys", async () => {
  const tasks = Array.from({ length: 10_000 }, (_, i) => ({ id: `${i}`, name: `task ${i}`, kind: "many" }));
  const id = await post({ scope: "long", tasks });
  const page = await stage.open(`/batches/${id}/timeline`);
  const list = page.getByRole("listbox", { name: /^Timeline/ });
  await list.waitFor();
  expect(await list.getByRole("option").count()).toBeLessThan(80);
  await list.focus();
  await page.keyboard.press("Home");
  await page.keyboard.press("End");
  await page.locator("#row-9999").waitFor();
  await page.keyboard.press("+");
  await page.waitForURL(/zoom=0\.\d+-0\.\d+/);
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("0");
  await page.waitForURL((url) => !url.search.includes("zoom"));
  // Each of them ran, and its bar says so.
  await page.locator(".state.big", { hasText: "Success" }).waitFor({ timeout: 60_000 });
  await page.locator("#row-9999 .track i[title^='Claimed']").waitFor();
}, 120_000);
