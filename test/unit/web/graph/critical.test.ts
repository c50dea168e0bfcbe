// The critical path of a batch.
import { expect, it } from "vitest";
import { criticalPath } from "#web/graph/critical";

const [running, success, waiting, canceled] = [3, 6, 0, 8];
/** a → b, a → c, b → d, c → d. */
const edges = { from: [0, 0, 1, 2], to: [1, 2, 3, 3] };

it("goes from what ended last back by the parent that ended last", () => {
  const times = { state: [success, success, success, success], started: [1, 10, 10, 40], ended: [9, 20, 39, 50] };
  expect(criticalPath({ ...edges, ...times })).toEqual([0, 2, 3]);
});

it("takes what still runs, the longest first, for what ends last", () => {
  const times = { state: [success, running, running, waiting], started: [1, 10, 12, 0], ended: [9, 0, 0, 0] };
  expect(criticalPath({ ...edges, ...times })).toEqual([0, 1]);
});

it("passes over what never started, and is empty where nothing did", () => {
  const times = { state: [success, canceled, success, success], started: [1, 0, 10, 30], ended: [9, 99, 20, 35] };
  expect(criticalPath({ ...edges, ...times })).toEqual([0, 2, 3]);
  const none = { state: [waiting, waiting, waiting, waiting], started: [0, 0, 0, 0], ended: [0, 0, 0, 0] };
  expect(criticalPath({ ...edges, ...none })).toEqual([]);
});
