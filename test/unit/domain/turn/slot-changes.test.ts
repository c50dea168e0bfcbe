// Which slots a turn takes, frees and makes anew, by what its rows were and are.
import { expect, it } from "vitest";
import type { TaskRow } from "#domain/row";
import { slotChanges } from "#domain/turn/slot-changes";
import { later, stateOf, task } from "../../actor/rows.ts";

/** One row that becomes another. */
function changesOf(
  before: Partial<TaskRow>,
  after: Partial<TaskRow>,
  more: { metadata?: object; rules?: [] } = {},
  hasKeyTemplates = true,
) {
  const row = task({ id: "a", ...before });
  const state = stateOf([row], { hasKeyTemplates });
  Object.assign(row, after);
  state.changed.add(row);
  state.keys.set("a", ["k1", "k2"]);
  if (more.metadata) state.changeSpec({ id: "a", metadata: more.metadata });
  if (more.rules) state.ruled.set("a", more.rules);
  const { enters, leaves, moved, recharged, requeued, fills } = slotChanges(state);
  return {
    ...(enters.length > 0 ? { enters: enters.map(({ key }) => key) } : {}),
    ...(fills.length > 0 ? { fills: fills.map(({ queue, priority }) => [queue, priority]) } : {}),
    ...Object.fromEntries(Object.entries({ leaves, moved, recharged, requeued }).filter(([, ids]) => ids.length > 0)),
  };
}
const owned = { owner: 1, claimId: 1 };
const metadata = { t: 1 };

it.each<[string, Partial<TaskRow>, Partial<TaskRow>, { metadata?: object; rules?: [] }, object]>([
  ["a claim holds", { status: "Pending" }, { status: "Claimed", ...owned }, {}, { enters: ["k1", "k2"] }],
  ["a start holds on", { status: "Claimed", ...owned }, { status: "Running" }, {}, {}],
  ["an end leaves", { status: "Running" }, { status: "Success" }, {}, { leaves: ["a"] }],
  ["a retry leaves", { status: "Running" }, { status: "Retrying", dueAt: later(1) }, {}, { leaves: ["a"] }],
  [
    "a claim that is given back leaves",
    { status: "Claimed", ...owned, queue: 3 },
    { status: "Pending" },
    {},
    { leaves: ["a"], fills: [[3, 0]] },
  ],
  [
    "a claim in doubt keeps its slots, and waits for them no more",
    { status: "Claimed", ...owned, queue: 3 },
    { status: "Pending", inDoubt: true },
    {},
    { requeued: ["a"], fills: [[3, 0]] },
  ],
  ["a claim of one in doubt", { status: "Pending", inDoubt: true }, { status: "Claimed", inDoubt: true }, {}, {}],
  ["one in doubt that is put back", { status: "Claimed", inDoubt: true }, { status: "Pending", inDoubt: true }, {}, {}],
  ["one in doubt that is paused", { status: "Pending", inDoubt: true }, { status: "Paused", inDoubt: true }, {}, {}],
  [
    "a late answer has its slots already, and is in the queue of its rules again",
    { status: "Pending", inDoubt: true },
    { status: "Running", inDoubt: false },
    {},
    { requeued: ["a"] },
  ],
  [
    "a late answer with other metadata holds what these say",
    { status: "Pending", inDoubt: true },
    { status: "Running", inDoubt: false },
    { metadata },
    { recharged: ["a"], requeued: ["a"] },
  ],
  [
    "the end of one in doubt leaves",
    { status: "Paused", inDoubt: true },
    { status: "Canceled" },
    {},
    { leaves: ["a"] },
  ],
  [
    "other metadata of one in doubt",
    { status: "Pending", inDoubt: true },
    { inDoubt: true },
    { metadata },
    { recharged: ["a"], requeued: ["a"] },
  ],
  ["other metadata of an active task", { status: "Running" }, {}, { metadata }, { recharged: ["a"] }],
  ["other metadata of one that waits", { status: "Pending", queue: 2 }, {}, { metadata }, { requeued: ["a"] }],
  ["other metadata without rules", { status: "Pending" }, {}, { metadata }, {}],
  ["other rules", { status: "Waiting" }, {}, { rules: [] }, { requeued: ["a"] }],
  ["progress", { status: "Running", expectedCount: 9 }, { success: 3 }, {}, { moved: ["a"] }],
  ["progress of who does not say how much", { status: "Running" }, { success: 3 }, {}, {}],
  ["an expectation", { status: "Pending", queue: 2 }, { expectedCount: 3 }, {}, { requeued: ["a"] }],
  [
    "a task that becomes claimable",
    { status: "Waiting", queue: 2 },
    { status: "Pending", priority: 7 },
    {},
    { fills: [[2, 7]] },
  ],
  [
    "a task that has to wait for a time",
    { status: "Waiting", queue: 2 },
    { status: "Pending", readyAt: later(1), dueAt: later(1) },
    {},
    {},
  ],
  ["a higher priority", { status: "Pending", queue: 2 }, { priority: 1 }, {}, { fills: [[2, 1]] }],
  ["a lower priority", { status: "Pending", queue: 2 }, { priority: -1 }, {}, {}],
])("%s", (_, before, after, more, expected) => {
  expect(changesOf(before, after, more)).toEqual(expected);
});

it("nothing leaves where no rule names fields", () => {
  expect(changesOf({ status: "Running" }, { status: "Success" }, {}, false)).toEqual({});
});
