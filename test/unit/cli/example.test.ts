// The examples say what they promise: sizes, every kind of edge, names in order, and what to expect of them.
import { describe, expect, it } from "vitest";
import { exampleFile, expectedDeliveries, loadExample, unexpected } from "../../../src/cli/example.ts";
import type { BatchInput, Task } from "../../../src/sdk/client.ts";

const service = "http://127.0.0.1:9";
const ended = (batch: BatchInput, status?: string) =>
  batch.tasks.map(
    (task) =>
      ({ local_id: task.id, status: status ?? task.metadata?.expect, started_at: "2026-01-01T00:00:00Z" }) as Task,
  );

describe.each(["ci-pipeline", "etl-dead-ends", "argo-depends", "deploy-gate", "tenant-rates", "etl"])("%s", (name) => {
  it("names only earlier tasks, at most 100 each, and calls the given service only", async () => {
    const batch = await loadExample(exampleFile(name), service);
    const known = new Set<string>();
    for (const { id, dependencies = [] } of batch.tasks) {
      expect(known).not.toContain(id);
      expect(dependencies.length).toBeLessThanOrEqual(100);
      for (const dependency of dependencies) expect(known).toContain(dependency.id);
      known.add(id);
    }
    const urls = [...JSON.stringify(batch).matchAll(/"url":"([^"]*)"/g)].map((match) => match[1]);
    expect(urls.filter((url) => !url?.startsWith(`${service}/`))).toEqual([]);
  });

  it("is as expected when it ends as it says", async () => {
    const batch = await loadExample(exampleFile(name), service);
    expect(unexpected(batch, ended(batch))).toEqual([]);
    expect(unexpected(batch, ended(batch, "Canceled")).length).toBeGreaterThan(0);
  });
});

it("the CI pipeline has every kind of edge and of delivery", async () => {
  const batch = await loadExample(exampleFile("ci-pipeline"), service);
  const edges = batch.tasks.flatMap((task) => task.dependencies ?? []);
  const kinds = new Set(edges.map((edge) => edge.condition ?? (edge.requires_success ? "requires_success" : "plain")));
  expect(kinds).toEqual(new Set(["requires_success", "on_success", "on_failure", "always", "plain"]));
  expect(expectedDeliveries(batch, ended(batch), service)).toEqual([
    "/hooks/alert",
    "/hooks/image-built",
    "/hooks/pipeline-complete",
    "/hooks/stop-load",
    "/hooks/team-notified",
  ]);
});

it("the ETL example is 500 tasks, and its partitions count what they expect", async () => {
  const { tasks } = await loadExample(exampleFile("etl"), service);
  expect(tasks).toHaveLength(500);
  for (const task of tasks) {
    const { body } = (task.on_start?.params ?? {}) as { readonly body: { success?: number; failures?: number } };
    expect((body.success ?? 0) + (body.failures ?? 0)).toBe(task.expected_count);
  }
});

it("a file that is no example is refused", async () => {
  await expect(loadExample(exampleFile("package.json"), service)).rejects.toThrow("holds no tasks");
});
