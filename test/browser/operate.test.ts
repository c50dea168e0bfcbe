// What a person on call does to many tasks at once, to schedules, and to the rules of what waits.
import { expect, it } from "vitest";
import { startStage } from "./stage.ts";

const stage = startStage({ MAX_TASKS_PER_BATCH: "10000" });

async function post(batch: unknown): Promise<string> {
  const { status, headers } = await stage.cluster.call("POST", "/task", batch);
  expect(status).toBe(201);
  return headers.get("x-batch-id") ?? "";
}

const put = (name: string, more: object = {}) =>
  stage.cluster.call("PUT", `/schedules/${name}`, {
    ...{ cron: "30 2 * * *", timezone: "Asia/Tokyo", ...more },
    batch: { scope: name, tasks: [{ id: "a", name: "report", kind: "report" }] },
  });

it("selects 5,000 tasks by a filter and cancels them, with a preview, a reason and progress", async () => {
  const tasks = Array.from({ length: 5_000 }, (_, i) => ({ id: `${i}`, name: `task ${i}`, kind: "bulk.many" }));
  const id = await post({ paused: true, tasks: [...tasks, { id: "other", name: "other", kind: "else" }] });
  const page = await stage.open("/tasks?kind=bulk.many");
  await page.getByRole("button", { name: "Select all that match" }).click();
  await page.waitForURL(/sel=all/);
  await page.getByRole("status").getByText("5,000 tasks").waitFor();
  await page.getByRole("button", { name: "Cancel all…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("and 4,995 more").waitFor();
  // Names come one by one.
  await expect.poll(() => dialog.getByRole("link", { name: /^task \d+$/ }).count()).toBe(5);
  await dialog.getByRole("textbox").fill("the customer has left");
  await dialog.getByRole("button", { name: "Cancel 5,000 tasks" }).click();
  const bar = page.getByRole("region", { name: "What is selected" });
  await bar.getByText("Done").waitFor({ timeout: 40_000 });
  await bar.getByRole("img", { name: "5,000 taken, 0 skipped, 0 failed of 5,000" }).waitFor();
  // The list behind it follows.
  await page.getByRole("cell", { name: "the customer has left" }).first().waitFor();
  const { body } = await stage.cluster.call("GET", `/batch/${id}`);
  expect(body.status_counts).toMatchObject({ canceled: 5_000, paused: 1 });

  await bar.getByRole("link", { name: "Open" }).click();
  await page.getByRole("heading", { name: "Cancel tasks" }).waitFor();
  await page.getByText("the customer has left").waitFor();
  await page.getByRole("link", { name: "see what matches now" }).click();
  await page.waitForURL(/tasks\?kind=bulk\.many/);
  await page.goto(`${stage.cluster.url}/view/bulk`);
  await page.getByRole("link", { name: "Cancel tasks" }).waitFor();
}, 90_000);

it("stops a bulk operation that runs: what was done stays, and the page says how much that was", async () => {
  const tasks = Array.from({ length: 5_000 }, (_, i) => ({ id: `${i}`, name: `task ${i}`, kind: "bulk.stopped" }));
  const id = await post({ paused: true, tasks });
  const { sql } = stage.cluster;
  const [middle] = await sql`select id from task where batch_id = ${id} order by id offset 2500 limit 1`;
  // Whoever asks for this one waits, so that the operation is under way for as long as the test wants.
  const lock = await sql.reserve();
  try {
    await lock`begin`;
    await lock`select 1 from task where id = ${middle?.id} for update`;
    const page = await stage.open("/tasks?kind=bulk.stopped&sel=all");
    await page.getByRole("button", { name: "Cancel all…" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Cancel 5,000 tasks" }).click();
    await page.getByRole("region", { name: "What is selected" }).getByRole("link", { name: "Open" }).click();
    await page.getByRole("heading", { name: "Cancel tasks" }).waitFor();
    await page.getByRole("img", { name: /^[1-9][\d,]* taken, 0 skipped, 0 failed of 5,000$/ }).waitFor();
    await page.locator(".state.big", { hasText: "Running" }).waitFor();
    await page.getByRole("button", { name: "Stop", exact: true }).click();
    const asked = page.waitForRequest((request) => request.method() === "DELETE");
    await page.getByRole("dialog").getByRole("button", { name: "Stop it" }).click();
    // The portion that is under way is finished first.
    await asked;
    await lock`commit`;

    await page.locator(".state.big", { hasText: "Stopped" }).waitFor();
    expect(await page.getByRole("button", { name: "Stop", exact: true }).count()).toBe(0);
    const bulk = (await stage.cluster.call("GET", page.url().replace(/.*\/bulk/, "/bulk"))).body;
    expect(bulk).toMatchObject({ state: "stopped", matched: 5_000, skipped: 0, failed: 0 });
    expect(bulk.done).toBeGreaterThan(0);
    expect(bulk.done).toBeLessThan(5_000);
    const done = bulk.done.toLocaleString("en");
    await page.getByRole("img", { name: `${done} taken, 0 skipped, 0 failed of 5,000` }).waitFor();
    const { body } = await stage.cluster.call("GET", `/batch/${id}`);
    expect(body.status_counts).toMatchObject({ canceled: bulk.done, paused: 5_000 - bulk.done });
    await page.getByRole("link", { name: "Bulk", exact: true }).last().click();
    await page.getByRole("row", { name: /bulk\.stopped Stopped/ }).waitFor();
  } finally {
    await lock`rollback`;
    lock.release();
  }
}, 90_000);

it("pauses all batches that match, and asks for a filter before it offers anything", async () => {
  const task = { id: "a", name: "a", kind: "k", delay_secs: 3_600 };
  const first = await post({ scope: "hold", tasks: [task] });
  const other = await post({ scope: "leave", tasks: [task] });
  const page = await stage.open("/batches");
  expect(await page.getByRole("button", { name: "Select all that match" }).isDisabled()).toBe(true);
  await page.goto(`${stage.cluster.url}/view/batches?scope=hold&sel=all`);
  await page.getByText("1 batch").waitFor();
  await page.getByRole("button", { name: "Pause all…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Pause 1 batch" }).click();
  await page.getByRole("region", { name: "What is selected" }).getByText("Done").waitFor();
  expect((await stage.cluster.call("GET", `/batch/${first}`)).body.status).toBe("paused");
  expect((await stage.cluster.call("GET", `/batch/${other}`)).body.status).toBe("running");
});

it("shows when a schedule comes, here and in its zone, runs it now, pauses and resumes it", async () => {
  await put("nightly");
  const page = await stage.open("/schedules");
  await page.getByRole("link", { name: "nightly" }).click();
  await page.getByRole("heading", { name: "nightly" }).waitFor();
  const next = page.getByRole("table", { name: "Next times" });
  await next
    .getByText(/02:30 GMT\+9/)
    .first()
    .waitFor();
  // The browser of the tests is in Berlin.
  expect(await next.getByText(/(18:30 GMT\+1|19:30 GMT\+2)/).count()).toBe(5);

  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Pause" }).click();
  await page.locator(".state.big", { hasText: "Paused" }).waitFor();
  await page.getByRole("button", { name: "Resume" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Resume" }).click();
  await page.locator(".state.big", { hasText: "Active" }).waitFor();

  await page.getByRole("button", { name: "Run now" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Run now" }).click();
  await page.waitForURL(/batches\/[0-9a-f-]{36}/);
  await page.getByRole("link", { name: "schedule nightly" }).click();
  await page.getByRole("table", { name: "Last batches" }).getByRole("link").waitFor();
});

it("edits the rules of a batch, and a blocked task starts", async () => {
  const matcher = { kind: "rules.one", status: "Running", fields: [] };
  const rules = [{ type: "Concurrency", max_concurrency: 1, matcher }];
  const task = (id: string) => ({ id, name: id, kind: "rules.one", on_start: { kind: "Wait" }, rules });
  const id = await post({ scope: "rules", tasks: [task("one"), task("two")] });
  const page = await stage.open("/limits");
  // From the full limit to where it is changed.
  await page
    .getByRole("row", { name: /rules\.one/ })
    .getByRole("link", { name: "Change…" })
    .click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("2 unfinished tasks").waitFor();
  const limit = dialog.getByLabel("at most so many at once");
  await limit.fill("none");
  await dialog.getByText("The limit is a whole number from 1, not “none”.").waitFor();
  expect(await dialog.getByRole("button", { name: "Set the rules" }).isDisabled()).toBe(true);
  await limit.fill("2");
  await dialog.getByRole("button", { name: "Set the rules" }).click();
  await page.getByText("2 tasks have the new rules.").waitFor();
  await page.waitForURL((url) => !url.search.includes("rules"));
  expect(page.url()).toContain(id);
  await page.locator('.line:has-text("Running") >> nth=1').waitFor();
  await page.getByRole("button", { name: "More actions" }).click();
  await page.getByRole("menuitem", { name: "Edit rules…" }).click();
  expect(await dialog.getByLabel("at most so many at once").inputValue()).toBe("2");
  // What can admit nothing is said, with the name that was meant.
  await dialog.getByLabel("with the same metadata").fill("customer");
  await dialog.getByRole("button", { name: "Set the rules" }).click();
  await page.getByText(/matcher\.fields\[0\].*customer/).waitFor();
});
