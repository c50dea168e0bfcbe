// The console where several API processes serve it, where the one it speaks with dies, and where tokens say who may do what.
import { createHash } from "node:crypto";
import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { examples } from "../../src/web/screens/playground/examples.ts";
import { startStage } from "./stage.ts";

const stage = startStage();

async function post(batch: unknown): Promise<{ id: string; tasks: string[] }> {
  const { status, headers, body } = await stage.cluster.call("POST", "/task", batch);
  expect(status).toBe(201);
  return { id: headers.get("x-batch-id") ?? "", tasks: body.map(({ id }: { id: string }) => id) };
}

const gates = (n: number) => ({
  tasks: Array.from({ length: n }, (_, i) => ({
    id: `${i}`,
    name: `gate ${i}`,
    kind: "gate",
    on_start: { kind: "Wait" },
  })),
});
const succeed = async (id: string) => {
  const { status } = await stage.cluster.call("PATCH", `/task/${id}`, { status: "Success" });
  expect(status).toBe(200);
};
/** The count beside the bar, which leads to these tasks. */
const counted = (page: Page, text: string) => page.getByRole("link", { name: text, exact: true });

it("follows a batch live from another API process than the one that was asked", async () => {
  const other = await stage.cluster.start("api");
  const { id, tasks } = await post(gates(3));
  const [here, there] = await Promise.all([
    stage.open(`/batches/${id}`),
    stage.open(`/batches/${id}/tasks`, { at: other.url }),
  ]);
  for (const page of [here, there]) await counted(page, "3 Running").waitFor();
  await succeed(tasks[0] ?? "");
  for (const page of [here, there]) await counted(page, "1 Success").waitFor();
  // And what is asked of the second is seen at the first.
  await there.getByRole("button", { name: "Stop" }).click();
  await there.getByRole("button", { name: /^Stop \d tasks/ }).click();
  for (const page of [here, there]) await counted(page, "2 Canceled").waitFor();
  await stage.cluster.drain(other);
});

it("resumes after its API process has died, with every event once", async () => {
  const mine = await stage.cluster.start("api");
  const { id, tasks } = await post(gates(12));
  const page = await stage.open(`/batches/${id}/tasks`, { at: mine.url });
  await counted(page, "12 Running").waitFor();
  await page.getByText("Live", { exact: true }).waitFor();
  const log = await stage.open(`/batches/${id}/events`, { at: mine.url });
  await log.getByRole("button", { name: "All", exact: true }).click();
  await succeed(tasks[0] ?? "");
  await counted(page, "1 Success").waitFor();
  await stage.cluster.kill(mine);
  await page.getByText("Reconnecting", { exact: true }).waitFor();
  for (const task of tasks.slice(1, 8)) await succeed(task);
  await stage.cluster.restart(mine);
  await page.getByText("Live", { exact: true }).waitFor();
  await counted(page, "8 Success").waitFor();
  for (const task of tasks.slice(8)) await succeed(task);
  await counted(page, "12 Success").waitFor();
  const events = await Promise.all(tasks.map((task) => stage.cluster.call("GET", `/task/${task}/events`)));
  const all = events.reduce((sum, { body }) => sum + body.length, 0);
  await log.getByText(`${all} of ${all} events`).waitFor();
  await stage.cluster.drain(mine);
});

describe("a token", () => {
  const hash = (token: string) => createHash("sha256").update(token).digest("hex");
  const roles = ["read", "submit", "operate"] as const;

  it("shows each role what it may do, and nothing else", async () => {
    const AUTH_TOKENS = roles.map((role) => `${role}er:${role}:${hash(`${role}-token`)}`).join(",");
    const api = await stage.cluster.start("api", { AUTH_TOKENS });
    const { id } = await post({ ...gates(2), scope: "roles" });
    const open = async (role: (typeof roles)[number], path: string): Promise<Page> => {
      const page = await stage.open(path, { at: api.url });
      await page.getByLabel("Token").fill(`${role}-token`);
      await page.getByRole("button", { name: "Go on" }).click();
      await page.getByText(`token:${role}er, ${role}`).waitFor();
      return page;
    };
    const go = (page: Page, path: string) => page.goto(`${api.url}/view${path}`);

    for (const role of roles) {
      const page = await open(role, `/batches/${id}/tasks`);
      await counted(page, "2 Running").waitFor();
      await page.getByRole("button", { name: "More actions" }).click();
      await page.getByRole("menuitem", { name: "Export as JSON" }).waitFor();
      const most = role === "operate" ? 1 : 0;
      expect(await page.getByRole("menuitem", { name: "Edit rules…" }).count(), role).toBe(most);
      await page.keyboard.press("Escape");
      await page.getByRole("menuitem").first().waitFor({ state: "detached" });
      expect(await page.getByRole("button", { name: "Stop" }).count(), role).toBe(most);
      expect(await page.getByRole("link", { name: "Definition" }).count(), role).toBe(most);
      await go(page, "/tasks?kind=gate&sel=all");
      await page.getByRole("table").waitFor();
      if (role === "operate") await page.getByRole("button", { name: "Cancel all…" }).waitFor();
      else expect(await page.getByRole("button", { name: /all/ }).count()).toBe(0);
      await go(page, "/playground");
      const submit = page.getByRole("button", { name: "Submit" });
      const first = examples[0]?.batch(api.url);
      await page.getByRole("textbox", { name: "The batch as JSON" }).fill(JSON.stringify(first));
      if (role === "read") {
        await page.getByText("The role of your token does not allow this.").waitFor();
        expect(await submit.isDisabled()).toBe(true);
      } else {
        await page.getByText("9 tasks on 5 levels").waitFor();
        expect(await submit.isDisabled()).toBe(false);
      }
    }
    await stage.cluster.drain(api);
  });
});
