// The fake Baton and a real one, given the same commands over random batches: after each command all states, attempts and reasons must agree; and
// works in handlers must come to the same ends and results. SEED=<seed> repeats a run.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { type Random, seeded } from "#test/dags";
import { until } from "#test/until";
import {
  type BatchInput,
  handler,
  type ListedTask,
  type Needs,
  type RunningTask,
  type Work,
  wait,
  webhook,
} from "../../../src/sdk/index.ts";
import { type FakeBatch, fakeBaton } from "../../../src/sdk/testing.ts";

let cluster: Cluster;
let url: string;
let answer: Work<Body> = () => {};
const endings: (() => unknown)[] = [];

interface Body {
  readonly fails: number;
}

beforeAll(async () => {
  cluster = await startCluster({ together: true });
  const service = handler<Body>({ secrets: null, baton: cluster.url }, (task) => answer(task));
  const server = createServer(service.node).listen(0, "127.0.0.1");
  await until(() => server.listening);
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  endings.push(
    () => server.closeAllConnections(),
    () => server.close(),
  );
});
afterAll(() => Promise.all(endings.map((end) => end())));

const needs: readonly Needs[] = [
  "requires_success",
  "requires_success",
  "always",
  "on_success",
  "on_failure",
  "none_failed",
];

function dependencies(random: Random, i: number, edges: readonly Needs[] = needs) {
  const parents = new Set(i === 0 ? [] : Array.from({ length: random.below(4) }, () => random.below(i)));
  return [...parents].map((n) => {
    const what = random.pick(edges);
    return { id: `t${n}`, ...(what === "requires_success" ? { requires_success: true } : { condition: what }) };
  });
}

interface State {
  readonly [id: string]: readonly [status: string, attempt: number, reason: string | null];
}

/** Of the real one. */
async function seen(batchId: string): Promise<State> {
  const { body } = await cluster.call("GET", `/task?batch_id=${batchId}&page_size=100`);
  const rows: readonly ListedTask[] = body;
  return Object.fromEntries(rows.map((row) => [row.local_id, [row.status, row.attempt, row.failure_reason]]));
}

const known = (batch: FakeBatch): State =>
  Object.fromEntries(
    Object.keys(batch.statuses).map((id) => {
      const { status, attempt, failure_reason } = batch.task(id);
      return [id, [status, attempt, failure_reason]];
    }),
  );

/** Gates open when the test says so, so that both see the same order. */
function gates(random: Random): BatchInput {
  const tasks = Array.from({ length: 4 + random.below(7) }, (_, i) => ({
    ...{ id: `t${i}`, name: `t${i}`, kind: "gate", dependencies: dependencies(random, i) },
    ...(random.chance(0.85) ? { on_start: wait() } : {}),
    ...(random.chance(0.3) ? { join: "any" as const } : {}),
    ...(random.chance(0.2) ? { dead_end_barrier: true } : {}),
    ...(random.chance(0.2) ? { dead_end: "keep" as const } : {}),
    ...(random.chance(0.3) ? { retry: { max_retries: 1, initial_delay_secs: 0 } } : {}),
  }));
  return { tasks };
}

it("agree on batches of gates, command by command", async () => {
  const random = seeded("gates");
  for (let n = 0; n < 12; n += 1) {
    const input = gates(random);
    const baton = fakeBaton({ services: {} });
    const fake = await baton.run(input);
    const ids = await cluster.create(input);
    const batchId = String((await cluster.row(ids.t0 ?? "")).batch_id);
    const agree = async (after: string) => {
      const [real, wanted] = [() => seen(batchId), known(fake)];
      const isSo = async () => JSON.stringify(sorted(await real())) === JSON.stringify(sorted(wanted));
      await until(isSo, 5_000).catch(async () =>
        expect(await real(), `${after}, in ${JSON.stringify(input)}`).toEqual(wanted),
      );
    };
    await agree("at first");
    while (fake.status === "running") {
      const open = Object.entries(fake.statuses).filter(([, status]) => ["Waiting", "Running"].includes(status));
      const running = open.filter(([, status]) => status === "Running");
      // An operator's word may come at any time; a report only on what runs.
      const [id] = (running.length === 0 || random.chance(0.15) ? random.pick(open) : random.pick(running)) as [
        string,
        string,
      ];
      const asked =
        fake.statuses[id] === "Running" ? random.pick(["Success", "Failure", "Skipped", "cancel"]) : "cancel";
      const path = `/task/${ids[id]}`;
      const reason = asked === "Failure" || asked === "Skipped" ? { failure_reason: "by test" } : {};
      const change = { status: asked, ...reason };
      const { status } =
        asked === "cancel" ? await cluster.call("DELETE", path) : await cluster.call("PATCH", path, change);
      expect(status).toBe(200);
      if (asked === "cancel") fake.cancel(id);
      else fake.report(id, change as Parameters<FakeBatch["report"]>[1]);
      await baton.run();
      await agree(`${asked} of ${id}`);
    }
    const { body } = await cluster.call("GET", `/batch/${batchId}`);
    expect(body.status).toBe(fake.status);
  }
}, 120_000);

const sorted = (state: State) => Object.entries(state).toSorted(([a], [b]) => (a < b ? -1 : 1));

/** Without joins of any parent, dead ends, and edges that lose in two ways, the order in which works end decides nothing. */
function works(random: Random): BatchInput {
  const tasks = Array.from({ length: 60 }, (_, i) => ({
    ...{
      id: `t${i}`,
      name: `t${i}`,
      kind: "work",
      dependencies: dependencies(random, i, random.chance(0.4) ? needs.slice(0, 1) : needs.slice(2)),
      expected_count: 3,
    },
    on_start: webhook(`${url}/t${i}`, { body: { fails: random.below(4) }, inputs: "parents" as const }),
    ...(random.chance(0.6) ? { retry: { max_retries: 2, initial_delay_secs: 0 } } : {}),
  }));
  return { tasks, dead_end: "keep" };
}

it("agree on works in handlers: ends, attempts, results that are inputs, and counters", async () => {
  const random = seeded("works");
  answer = async ({ inputs, attempt, body, ...task }: RunningTask<Body>) => {
    if (attempt < body.fails - 1) throw new Error(`fails in attempt ${attempt}`);
    await task.progress(attempt + 1, 1);
    if (body.fails === 3) return task.skip();
    return {
      depth: 1 + Math.max(0, ...Object.values(inputs).map((one) => (one as { depth: number } | null)?.depth ?? 0)),
    };
  };
  const input = works(random);
  const fake = await fakeBaton({ services: { "*": answer } }).run(input);
  const ids = await cluster.create(input);
  const all = Object.entries(ids);
  const batchId = String((await cluster.row(ids.t0 ?? "")).batch_id);
  await until(async () => (await cluster.call("GET", `/batch/${batchId}`)).body.completed_at !== null, 30_000);
  const outcome = (task: { status: string; attempt: number; result: unknown; success: number; failures: number }) => {
    const { status, attempt, result, success, failures } = task;
    return [status, attempt, result, success, failures];
  };
  for (const [id, taskId] of all)
    await until(async () => {
      const { body } = await cluster.call("GET", `/task/${taskId}`);
      return JSON.stringify(outcome(body)) === JSON.stringify(outcome(fake.task(id)));
    }, 5_000).catch(async () => {
      const { body } = await cluster.call("GET", `/task/${taskId}`);
      expect(outcome(body), id).toEqual(outcome(fake.task(id)));
    });
  expect(new Set(Object.values(fake.statuses)).size).toBeGreaterThan(2);
}, 60_000);
