// Which keys a turn gives, takes away and makes anew, by what its rows were and are.
import { expect, it } from "vitest";
import { charge } from "#actor/charge";
import type { TaskRow } from "#domain/row";
import type { Sql } from "#store/client";
import { later, sceneOf, task } from "./rows.ts";

const noSql = (() => {
  throw new Error("nothing has to be asked");
}) as unknown as Sql;

/** One row that becomes another. */
async function charged(
  before: Partial<TaskRow>,
  after: Partial<TaskRow>,
  more: { metadata?: object; rules?: [] } = {},
  shaped = true,
) {
  const row = task({ id: "a", ...before });
  const scene = sceneOf([row], [], { shaped });
  Object.assign(row, after);
  scene.changed.add(row);
  scene.keys.set("a", ["k1", "k2"]);
  if (more.metadata) scene.changeSpec({ id: "a", metadata: more.metadata });
  if (more.rules) scene.ruled.set("a", more.rules);
  const { enters, leaves, moved, recharged, relaned, fills } = await charge(noSql, scene);
  return {
    ...(enters.length > 0 ? { enters: enters.map(({ key }) => key) } : {}),
    ...(fills.length > 0 ? { fills: fills.map(({ lane, priority }) => [lane, priority]) } : {}),
    ...Object.fromEntries(Object.entries({ leaves, moved, recharged, relaned }).filter(([, ids]) => ids.length > 0)),
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
    "a lost claim leaves",
    { status: "Claimed", ...owned, lane: 3 },
    { status: "Pending" },
    {},
    { leaves: ["a"], fills: [[3, 0]] },
  ],
  ["a late answer holds", { status: "Pending", inDoubt: true }, { status: "Running" }, {}, { enters: ["k1", "k2"] }],
  [
    "a late answer with other metadata holds what these say",
    { status: "Pending", inDoubt: true },
    { status: "Running" },
    { metadata },
    { recharged: ["a"] },
  ],
  ["other metadata of an active task", { status: "Running" }, {}, { metadata }, { recharged: ["a"] }],
  ["other metadata of one that waits", { status: "Pending", lane: 2 }, {}, { metadata }, { relaned: ["a"] }],
  ["other metadata without rules", { status: "Pending" }, {}, { metadata }, {}],
  ["other rules", { status: "Waiting" }, {}, { rules: [] }, { relaned: ["a"] }],
  ["progress", { status: "Running", expectedCount: 9 }, { success: 3 }, {}, { moved: ["a"] }],
  ["progress of who does not say how much", { status: "Running" }, { success: 3 }, {}, {}],
  ["an expectation", { status: "Pending", lane: 2 }, { expectedCount: 3 }, {}, { relaned: ["a"] }],
  [
    "a task that becomes claimable",
    { status: "Waiting", lane: 2 },
    { status: "Pending", priority: 7 },
    {},
    { fills: [[2, 7]] },
  ],
  [
    "a task that has to wait for a time",
    { status: "Waiting", lane: 2 },
    { status: "Pending", dueAt: later(1) },
    {},
    {},
  ],
  ["a higher priority", { status: "Pending", lane: 2 }, { priority: 1 }, {}, { fills: [[2, 1]] }],
  ["a lower priority", { status: "Pending", lane: 2 }, { priority: -1 }, {}, {}],
])("%s", async (_, before, after, more, expected) => {
  expect(await charged(before, after, more)).toEqual(expected);
});

it("nothing is left, and nobody asked, where no rule names fields", async () => {
  expect(await charged({ status: "Running" }, { status: "Success" }, {}, false)).toEqual({});
});
