// A batch as the console holds it: filled by answers that take a while, and by events that come meanwhile.
import { beforeEach, expect, it, vi } from "vitest";
import type { CompactDag, TaskEvent, TaskStatus } from "../../../../src/sdk/client.ts";
import { BatchStore } from "../../../../src/web/data/batch-store.ts";

beforeEach(() => {
  vi.stubGlobal("document", { visibilityState: "hidden" });
});

const page = (
  ...tasks: readonly (readonly [id: string, status: TaskStatus])[]
): Pick<CompactDag, "tasks" | "links"> => ({
  tasks: tasks.map(([id, status]) => [id, id, id, "k", status]),
  links: [],
});
let last = 0;
const event = (task_id: string, from: TaskStatus, to: TaskStatus): TaskEvent => ({
  ...{ id: ++last, task_id, batch_id: "b", from, to, event: "e", at: "2030-01-02T03:04:05.678Z" },
  ...{ attempt: 0, reason: null, actor: "worker:1" },
});
const statesOf = (store: BatchStore) => store.ids.map((id) => `${id} ${nameOf(store, id)}`);
const names: readonly TaskStatus[] = ["Pending", "Claimed", "Running", "Success", "Paused"];
/** By its own count, which says how many tasks are in each state. */
const nameOf = (store: BatchStore, id: string) => names.find((name) => stateOf(name) === store.state[store.place(id)]);
const stateOf = (name: TaskStatus): number => {
  const one = new BatchStore();
  one.fillCompact([page(["x", name])]);
  return one.state[0] as number;
};

it("keeps what happened while its pages were read, whichever page is older or newer than that", () => {
  const store = new BatchStore();
  const filling = store.beginFilling();
  filling.compact([page(["a", "Paused"])]);
  store.apply([event("a", "Paused", "Pending"), event("b", "Paused", "Pending"), event("a", "Pending", "Claimed")]);
  store.apply([event("c", "Pending", "Claimed")]);
  // The second page was read after the event of b, and before that of c.
  filling.compact([page(["a", "Paused"]), page(["b", "Pending"], ["c", "Pending"])]);
  filling.end();
  expect(statesOf(store)).toEqual(["a Claimed", "b Pending", "c Claimed"]);
  expect([store.hasGrown, store.counts.reduce((sum, n) => sum + n, 0)]).toEqual([false, 3]);
});

it("knows after its filling that tasks were added meanwhile", () => {
  const store = new BatchStore();
  const filling = store.beginFilling();
  store.apply([event("new", "Pending", "Claimed")]);
  filling.compact([page(["a", "Pending"])]);
  expect(store.hasGrown).toBe(false);
  filling.end();
  expect(store.hasGrown).toBe(true);
});

it("asks for nothing new because its filling failed", () => {
  const store = new BatchStore();
  const filling = store.beginFilling();
  store.apply([event("a", "Pending", "Claimed")]);
  filling.end();
  expect(store.hasGrown).toBe(false);
});

it("takes no answers of a filling that another one has followed", () => {
  const store = new BatchStore();
  const [old, next] = [store.beginFilling(), store.beginFilling()];
  next.compact([page(["a", "Pending"])]);
  store.apply([event("a", "Pending", "Success")]);
  old.compact([page(["a", "Pending"])]);
  old.end();
  next.end();
  expect(statesOf(store)).toEqual(["a Success"]);
});
