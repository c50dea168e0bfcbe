// What opens over a screen (questions, menus, the palette), in both themes and on a phone: axe finds nothing serious, and nothing
// of it is out of sight.
import type { Page } from "playwright-core";
import { beforeAll, expect, it } from "vitest";
import { until } from "#test/until";
import { examples } from "../../src/web/screens/playground/examples.ts";
import { seriousFaults } from "./axe.ts";
import { startStage } from "./stage.ts";

const stage = startStage();
const ids = { failed: "", limited: "", gate: "", task: "" };

beforeAll(async () => {
  const post = async (batch: unknown) => {
    const { status, headers, body } = await stage.cluster.call("POST", "/task", batch);
    expect(status).toBe(201);
    return { batch: headers.get("x-batch-id") ?? "", tasks: body as { id: string; local_id: string }[] };
  };
  const failed = await post(examples.find(({ id }) => id === "pipeline")?.batch(stage.cluster.url));
  const matcher = { kind: "load", status: "Running", fields: ["customer"] };
  const rules = [
    { type: "Concurrency", max_concurrency: 1, matcher },
    { type: "Rate", max_starts: 5, per_secs: 60, matcher },
  ];
  const metadata = { customer: "acme" };
  const task = (id: string) => ({ id, name: id, kind: "load", metadata, on_start: { kind: "Wait" }, rules });
  const limited = await post({ scope: "load", tasks: [task("one"), task("two")] });
  const gate = limited.tasks.find(({ local_id }) => local_id === "one")?.id ?? "";
  const failedTask = failed.tasks.find(({ local_id }) => local_id === "unit-tests")?.id ?? "";
  Object.assign(ids, { failed: failed.batch, limited: limited.batch, gate, task: failedTask });
  await stage.cluster.call("PUT", "/schedules/nightly", {
    cron: "30 2 * * *",
    batch: { tasks: [{ id: "a", name: "a", kind: "k" }] },
  });
  await until(
    async () =>
      (await stage.cluster.status(gate)) === "Running" &&
      (await stage.cluster.call("GET", `/batch/${failed.batch}`)).body.completed_at !== null,
    20_000,
    "the example has failed and the gate is open to be decided",
  );
}, 60_000);

const press = (name: string | RegExp) => (page: Page) => page.getByRole("button", { name, exact: true }).click();
const choose = (menu: string, item: string) => async (page: Page) => {
  await press(menu)(page);
  await page.getByRole("menuitem", { name: item }).click();
};
const type = (key: string) => async (page: Page) => {
  await page.getByRole("heading").first().waitFor();
  await page.keyboard.press(key);
};
const search = (text: string) => async (page: Page) => {
  await type("Control+k")(page);
  await page.getByRole("combobox").fill(text);
};
/** As for somebody who presses a moment too late. */
const refused = async (page: Page) => {
  await page.route(`**/batch/${ids.limited}`, (route) =>
    route.request().method() === "DELETE"
      ? route.fulfill({ status: 409, json: { error: "The batch is complete" } })
      : route.continue(),
  );
  await press("Stop")(page);
  await page
    .getByRole("dialog")
    .getByRole("button", { name: /^Stop \d tasks/ })
    .click();
};

type Opened = readonly [name: string, path: () => string, open: (page: Page) => Promise<unknown>, shown: string];

const opened: readonly Opened[] = [
  ["the question before a stop", () => `/batches/${ids.limited}`, press("Stop"), "role=dialog >> text=Reason"],
  ["a question that was refused", () => `/batches/${ids.limited}`, refused, "role=dialog >> role=alert"],
  ["the preview of a rerun", () => `/batches/${ids.failed}`, press(/^Rerun failed/), "text=did not succeed run again"],
  [
    "the preview of a rerun of all",
    () => `/batches/${ids.failed}`,
    choose("More actions", "Rerun all tasks"),
    "text=All 9 tasks run again",
  ],
  ["more acts of a batch that has ended", () => `/batches/${ids.failed}`, press("More actions"), "role=menu"],
  ["more acts of one that runs", () => `/batches/${ids.limited}`, press("More actions"), "role=menu"],
  ["edit rules", () => `/batches/${ids.limited}/tasks?rules=load`, async () => {}, "role=dialog >> text=Add a rule"],
  [
    "the preview of a bulk operation",
    () => "/tasks?kind=ci&sel=all",
    press("Cancel all…"),
    "role=dialog >> text=and 4 more",
  ],
  ["more acts of a task", () => `/tasks/${ids.gate}`, press("More actions of the task"), "role=menu"],
  [
    "an override, which wants a reason",
    () => `/tasks/${ids.gate}`,
    choose("More actions of the task", "Override: Failure"),
    "role=dialog >> text=Reason",
  ],
  ["a gate to refuse", () => `/tasks/${ids.gate}`, press("Refuse"), "role=dialog >> text=Reason"],
  ["a rerun from a task", () => `/tasks/${ids.task}`, press("Rerun from here"), "role=dialog"],
  ["more acts of a schedule", () => "/schedules/nightly", press("More actions of the schedule"), "role=menu"],
  [
    "a schedule to delete",
    () => "/schedules/nightly",
    choose("More actions of the schedule", "Delete…"),
    "role=dialog >> text=This cannot be undone",
  ],
  ["the palette", () => "/", type("Control+k"), "role=option[name=/Overview/]"],
  ["what the palette finds", () => "/", search("unit-tests"), "role=option[name=/unit-tests/]"],
  ["a palette that finds nothing", () => "/", search("zzz"), "text=Nothing has this id, name or scope."],
  ["all ways", () => "/", type("?"), "role=option[name=/Overview/]"],
];

/** Of a dialog or menu: where it, or something in it that cannot be scrolled to, reaches beyond the window. */
const outOfSight = () =>
  [...document.querySelectorAll('[role="dialog"], [role="menu"]')].flatMap((element) => {
    const { left, right, top, bottom } = element.getBoundingClientRect();
    const isCut = left < 0 || right > innerWidth || top < 0 || bottom > innerHeight;
    return isCut || element.scrollWidth > element.clientWidth ? [`${left} ${right} ${top} ${bottom}`] : [];
  });

it.each(opened)("%s is sound in both themes and on a phone", async (_name, path, open, shown) => {
  for (const look of [{}, { dark: true }, { phone: true }]) {
    const page = await stage.open(path(), look);
    await open(page);
    await page.locator(shown).first().waitFor();
    expect(await seriousFaults(page), JSON.stringify(look)).toEqual([]);
    expect(await page.evaluate(outOfSight), JSON.stringify(look)).toEqual([]);
  }
});
