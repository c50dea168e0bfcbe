/**
 * `npm run screenshots`: every screen, dark and light, empty and typical, wide and on a phone, as pictures to look at.
 * Needs a Baton that runs (`npm start`), since the pictures are of what it holds: BATON_URL, http://127.0.0.1:8085 by default.
 * What it lacks is posted first: the examples of the playground. `-- <folder>` says where to; .baton/screenshots by default.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { connect } from "../../src/sdk/client.ts";
import { examples } from "../../src/web/screens/playground/examples.ts";
import { openBrowser, openContext } from "../support/browser.ts";
import { until } from "../support/until.ts";

const url = (process.env.BATON_URL ?? "http://127.0.0.1:8085").replace(/\/+$/, "");
const folder = process.argv[2] ?? ".baton/screenshots";
const baton = connect(url);
mkdirSync(folder, { recursive: true });

const ids: Record<string, { readonly batch: string; readonly tasks: Readonly<Record<string, string>> }> = {};

let bulkId = "";

async function prepare(): Promise<void> {
  for (const { id, batch } of examples) {
    const { batchId, tasks } = await baton.create(batch(url));
    ids[id] = { batch: batchId, tasks: Object.fromEntries(tasks.map((task) => [task.local_id, task.id])) };
  }
  const nightly = { scope: "nightly", tasks: [{ id: "report", name: "report", kind: "nightly.report" }] };
  await baton.putSchedule("nightly", { cron: "30 2 * * *", timezone: "Europe/Berlin", batch: nightly });
  await baton.putSchedule("every-quarter", { every_secs: 900, paused: true, batch: nightly });
  await baton.runSchedule("nightly");
  const asked = {
    action: "pause",
    tasks: { kind: "import.page" },
    reason: "the store is full",
  } as const;
  const { body } = await baton.call("createBulk", { body: asked });
  if ("bulk_id" in body) bulkId = body.bulk_id;
  const matcher = { kind: "load.table", status: "Running", fields: [] } as const;
  const rules = [{ type: "Concurrency", max_concurrency: 1, matcher }] as const;
  const load = (id: string) => ({ id, name: id, kind: "load.table", on_start: { kind: "Wait" }, rules }) as const;
  const { batchId, tasks } = await baton.create({ scope: "load", tasks: [load("orders"), load("customers")] });
  ids.limited = { batch: batchId, tasks: { waits: tasks[1]?.id ?? "" } };
  const failed = ids.pipeline?.batch ?? "";
  await until(async () => (await baton.batch(failed)).completed_at !== null, 30_000, "the example has ended");
}

const screens = (): readonly (readonly [name: string, path: string])[] => {
  const batch = `/batches/${ids.pipeline?.batch}`;
  return [
    ...([
      ["overview", "/"],
      ["batches", "/batches"],
      ["nothing-matches", "/batches?scope=nobody"],
      ["graph", batch],
    ] as const),
    ...([
      ["graph-large", `/batches/${ids.fan?.batch}`],
      ["timeline", `${batch}/timeline`],
      ["batch-tasks", `${batch}/tasks`],
    ] as const),
    ...([
      ["events", `${batch}/events`],
      ["definition", `${batch}/definition`],
      ["batch-deliveries", `${batch}/deliveries`],
    ] as const),
    ...([
      ["task", `/tasks/${ids.pipeline?.tasks["unit-tests"]}`],
      ["gate", `/tasks/${ids.approval?.tasks.approve}`],
    ] as const),
    ...([
      ["task-events", `/tasks/${ids.pipeline?.tasks["unit-tests"]}/events`],
      ["tasks", "/tasks"],
    ] as const),
    ...([
      ["limits", "/limits"],
      ["receivers", "/receivers"],
      ["deliveries", "/deliveries"],
      ["workers", "/workers"],
    ] as const),
    ...([
      ["dead-letters", "/dead-letters"],
      ["playground", "/playground"],
      ["no-such-page", "/nowhere"],
    ] as const),
    ...([
      ["schedules", "/schedules"],
      ["schedule", "/schedules/nightly"],
      ["bulks", "/bulk"],
      ["bulk", `/bulk/${bulkId}`],
    ] as const),
    ...([
      ["selection", "/tasks?kind=import&sel=all"],
      ["rules", `/batches/${ids.limited?.batch}/tasks?rules=load.table`],
      ["blocked", `/tasks/${ids.limited?.tasks.waits}`],
      ["graph-by-kind", `${batch}?group=kind&task=none`],
      ["critical-path", `${batch}?path=critical&task=none`],
      ["playground-yaml", "/playground?format=yaml"],
    ] as const),
  ];
};

const looks = [
  ...([
    ["light", {}],
    ["dark", { dark: true }],
    ["phone-light", { phone: true }],
    ["phone-dark", { phone: true, dark: true }],
  ] as const),
];

const browser = await openBrowser();

async function take(list: ReturnType<typeof screens>): Promise<void> {
  for (const [look, options] of looks) {
    const context = await openContext(browser, options);
    const page = await context.newPage();
    for (const [name, path] of list) {
      await page.goto(`${url}/view${path}`);
      await page.evaluate(() => document.fonts.ready);
      // The stream of events never ends: where the page has one, this is only a pause in which answers come.
      await page.waitForLoadState("networkidle", { timeout: 1_200 }).catch(() => {});
      await page.waitForFunction(() => document.querySelector('.stage[data-shown="0"]') === null);
      await page.screenshot({ path: join(folder, `${name}-${look}.png`) });
    }
    await context.close();
  }
}

try {
  const { rows } = await baton.batchPage({ page_size: "1" });
  if (rows.length === 0) await take([["empty", "/"]]);
  await prepare();
  await take(screens());
  console.log(`The pictures are in ${folder}.`);
} finally {
  await browser.close();
}
