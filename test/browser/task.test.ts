// What the screen of one task shows beside what it did: its machine, its inputs, and how to act from elsewhere.
import { expect, it } from "vitest";
import { until } from "#test/until";
import { startStage } from "./stage.ts";

const stage = startStage();

it("draws the machine with the way taken, shows what it is sent, and gives commands to copy", async () => {
  const { url } = stage.cluster;
  const params = { url: `${url}/nowhere`, verb: "Post", inputs: { rows: { task: "extract", pointer: "/rows" } } };
  const tasks = [
    { id: "extract", name: "extract", kind: "etl", on_start: { kind: "Wait" } },
    ...[{ id: "load", name: "load", kind: "etl", dependencies: [{ id: "extract", requires_success: true }] }].map(
      (task) => ({ ...task, on_start: { kind: "Webhook", params } }),
    ),
  ];
  const { body } = await stage.cluster.call("POST", "/task", { tasks });
  const [extract, load] = body.map(({ id }: { id: string }) => id);
  await until(async () => (await stage.cluster.status(extract)) === "Running", 20_000, "extract is Running");
  const done = await stage.cluster.call("PATCH", `/task/${extract}`, { status: "Success", result: { rows: 1204 } });
  expect(done.status).toBe(200);
  await until(async () => (await stage.cluster.status(load)) === "Failure", 20_000, "load is Failure");
  const page = await stage.open(`/tasks/${load}`);
  const machine = page.getByRole("img", { name: "States passed: Waiting, Pending, Claimed, Failure" });
  await machine.waitFor();
  // What the machine could do besides, from the machine itself.
  await machine.locator("title", { hasText: "Running to Retrying: fail" }).waitFor({ state: "attached" });
  const inputs = page.getByRole("table", { name: "Inputs" });
  await inputs.getByText("1204").waitFor();
  await inputs.getByRole("link", { name: "extract" }).waitFor();
  await page.getByLabel("What to do").selectOption("Rerun from here");
  await page.getByRole("button", { name: "CLI" }).click();
  await page.getByText(`BATON_URL=${url} baton rerun ${body[1].batch_id} --from ${load}`).waitFor();
});
