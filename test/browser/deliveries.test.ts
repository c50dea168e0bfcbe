// What a person does once a receiver is well again: sends again everything that was given up meanwhile.
import { expect, it } from "vitest";
import { startReceiver } from "#test/receiver";
import { until } from "#test/until";
import { startStage } from "./stage.ts";

const stage = startStage({ WEBHOOK_MAX_ATTEMPTS: "1" });

it("replays all deliveries that were given up and match a filter, each once under its key", async () => {
  const [sick, other] = await Promise.all([startReceiver(), startReceiver()]);
  for (const receiver of [sick, other]) receiver.answer("/done", { status: 500 });
  sick.answer("/well", { status: 200 });
  const tasks = [
    ...Array.from({ length: 60 }, (_, i) => ["lost", i, sick.action("/done")] as const),
    ...Array.from({ length: 3 }, (_, i) => ["arrived", i, sick.action("/well")] as const),
    ...Array.from({ length: 2 }, (_, i) => ["elsewhere", i, other.action("/done")] as const),
  ].map(([name, i, action]) => ({ id: `${name} ${i}`, name: `${name} ${i}`, kind: "k", on_success: [action] }));
  const { status } = await stage.cluster.call("POST", "/task", { tasks });
  expect(status).toBe(201);
  const given = async (query: string) =>
    (await stage.cluster.call("GET", `/webhook-deliveries?page_size=100&${query}`)).body as { key: string }[];
  await until(async () => (await given("status=exhausted")).length === 62, 30_000, "62 deliveries were given up");
  const keys = (calls: typeof sick.calls) => calls.map(({ key }) => key).sort();
  const lost = keys(sick.to("/done"));
  expect(new Set(lost).size).toBe(60);
  sick.answer("/done", { status: 200 });
  other.answer("/done", { status: 200 });

  const page = await stage.open(`/deliveries?receiver=${new URL(sick.url).host}`);
  await page.getByRole("table").getByText("Given up").first().waitFor();
  await page.getByRole("link", { name: "Given up" }).click();
  await page.waitForURL(/status=exhausted/);
  await page.getByRole("button", { name: "Select all that match" }).click();
  await page.waitForURL(/sel=all/);
  // More than the page of the list shows.
  await page.getByRole("status").getByText("60 deliveries").waitFor();
  await page.getByRole("button", { name: "Replay all…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("heading", { name: "Replay 60 deliveries?" }).waitFor();
  await dialog.getByText("and 55 more").waitFor();
  expect(sick.to("/done")).toHaveLength(60);
  await dialog.getByRole("textbox").fill("the receiver is well again");
  await dialog.getByRole("button", { name: "Replay 60 deliveries" }).click();
  const bar = page.getByRole("region", { name: "What is selected" });
  await bar.getByText("Done").waitFor();
  await bar.getByRole("img", { name: "60 taken, 0 skipped, 0 failed of 60" }).waitFor();

  await until(async () => (await given("status=success")).length === 63, 30_000, "those of the filter arrived");
  const again = sick.to("/done").slice(60);
  expect(keys(again)).toEqual(lost);
  expect(sick.to("/well")).toHaveLength(3);
  expect(other.to("/done")).toHaveLength(2);
  // The list behind it follows, and the operation says why it was asked for.
  await page.getByText("None was given up").waitFor();
  await bar.getByRole("link", { name: "Open" }).click();
  await page.getByRole("heading", { name: "Replay deliveries" }).waitFor();
  await page.getByText("the receiver is well again").waitFor();
});
