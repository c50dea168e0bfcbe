// What a bar of the timeline is made of.
import { expect, it } from "vitest";
import { spansOf } from "#web/screens/batch/lists/spans";

const [waiting, pending, claimed, running, retrying, success] = [0, 1, 2, 3, 4, 6];

it("follows a task through every state, over attempts", () => {
  const moments = {
    first: waiting,
    at: [10, 20, 22, 30, 50, 51, 53, 60],
    state: [pending, claimed, running, retrying, pending, claimed, running, success],
    isPutBack: [],
  };
  const known = { state: success, created: 1, started: 51, ended: 60 };
  expect(spansOf(moments, known, 99).map(({ state, from, to }) => [state, from, to])).toEqual([
    ...[
      [waiting, 1, 10],
      [pending, 10, 20],
      [claimed, 20, 22],
      [running, 22, 30],
    ],
    ...[
      [retrying, 30, 50],
      [pending, 50, 51],
      [claimed, 51, 53],
      [running, 53, 60],
    ],
  ]);
});

it("lets what goes on go on to the present", () => {
  const moments = { first: pending, at: [5, 6], state: [claimed, running], isPutBack: [] };
  const spans = spansOf(moments, { state: running, created: 1, started: 5, ended: 0 }, 40);
  expect(spans.at(-1)).toEqual({ state: running, from: 6, to: 40 });
});

it("tells a task that is ready from one whose start was put back", () => {
  const moments = {
    first: pending,
    at: [10, 11, 20, 21],
    state: [claimed, pending, claimed, running],
    isPutBack: [false, true, false, false],
  };
  const spans = spansOf(moments, { state: running, created: 1, started: 20, ended: 0 }, 40);
  expect(spans.slice(0, 3)).toEqual([
    { state: pending, from: 1, to: 10 },
    { state: claimed, from: 10, to: 11 },
    { state: retrying, words: "Pending, put back", from: 11, to: 20 },
  ]);
});

it("makes do with created, started and ended where the past is not known", () => {
  expect(spansOf(undefined, { state: success, created: 1, started: 5, ended: 9 }, 40)).toEqual([
    { state: waiting, words: "Before its start", from: 1, to: 5 },
    { state: running, words: "From its start on", from: 5, to: 9 },
  ]);
  expect(spansOf(undefined, { state: pending, created: 1, started: 0, ended: 0 }, 40)).toEqual([
    { state: pending, from: 1, to: 40 },
  ]);
});
