// What browser tests start with: a built console, a cluster, a browser, and pages that note everything that must not happen.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { type Look, openBrowser, openContext, watchFaults } from "#test/browser";
import { type Cluster, startCluster } from "#test/cluster";

const root = fileURLToPath(new URL("../..", import.meta.url));

export interface Stage {
  readonly cluster: Cluster;
  readonly browser: Browser;
  /** A page of its own at a path below /view. */
  open(path: string, look?: Look & { readonly at?: string }): Promise<Page>;
}

/** Call once at the top of a file. After each test no page has thrown, nor been blocked by the policy. */
export function startStage(env: Readonly<Record<string, string>> = {}): Stage {
  const stage: { cluster?: Cluster; browser?: Browser } = {};
  const pages: { page: Page; faults: string[] }[] = [];
  beforeAll(async () => {
    const { status, stderr } = spawnSync(process.execPath, ["scripts/console.mjs"], { cwd: root, encoding: "utf8" });
    if (status !== 0) throw new Error(`The console could not be built:\n${stderr}`);
    [stage.browser, stage.cluster] = await Promise.all([openBrowser(), startCluster({ env })]);
  }, 120_000);
  afterEach(async () => {
    const open = pages.splice(0);
    const faults = open.flatMap((one) => one.faults);
    await Promise.all(open.map(({ page }) => page.context().close()));
    expect(faults).toEqual([]);
  });
  afterAll(async () => {
    await stage.browser?.close();
  });
  return {
    get cluster() {
      return stage.cluster as Cluster;
    },
    get browser() {
      return stage.browser as Browser;
    },
    async open(path, look = {}) {
      const context = await openContext(this.browser, look);
      const page = await context.newPage();
      pages.push({ page, faults: await watchFaults(page) });
      await page.goto(`${look.at ?? this.cluster.url}/view${path}`);
      return page;
    },
  };
}
