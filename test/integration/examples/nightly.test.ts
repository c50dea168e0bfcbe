// The nightly schedule that skips while it runs: as it is, and each second, so that a night passes while the test looks on.
import { readFile } from "node:fs/promises";
import { beforeAll, expect, it, onTestFinished } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { until } from "#test/until";
import { startFakeService } from "../../../src/cli/fake-service.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ together: true });
});

it("runs again when the batch before it is complete, and skips what comes meanwhile", async () => {
  const service = await startFakeService({ speed: 1 });
  onTestFinished(() => service.close());
  const text = await readFile(new URL("../../../examples/nightly.json", import.meta.url), "utf8");
  const nightly = JSON.parse(text.replaceAll("{{service}}", service.url));
  const made = await cluster.call("PUT", "/schedules/nightly", nightly);
  expect([made.status, made.body.next.length]).toEqual([201, 5]);
  await cluster.call("PUT", "/schedules/nightly", { ...nightly, cron: "* * * * * *" });
  const get = async () => (await cluster.call("GET", "/schedules/nightly")).body;
  const { batches, skipped } = await until(async () => {
    const now = await get();
    return now.batches.length >= 2 && now;
  }, 25_000);
  await cluster.call("DELETE", "/schedules/nightly");
  expect(batches.at(-1).status).toBe("success");
  expect(skipped.length).toBeGreaterThanOrEqual(2);
  expect(skipped.every(({ reason }: { reason: string }) => reason === "overlap")).toBe(true);
  const { body } = await cluster.call("GET", `/batch/${batches.at(-1).batch_id}`);
  expect(body).toMatchObject({ total_tasks: 2, scope: "nightly", created_by: "schedule:nightly" });
});
