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
