// The example of a task that adds what it found and a join that reads all results, as a newcomer runs it.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, expect, it } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
const root = join(import.meta.dirname, "../../..");

it("prints what the join made of the results of all that was added", async () => {
  const run = promisify(execFile)(process.execPath, ["examples/fan-out.ts", cluster.url], {
    cwd: root,
    timeout: 30_000,
  });
  expect(JSON.parse((await run).stdout)).toEqual({ parts: 3, words: 9 });
});
