// Which outstanding sweeps keep a task from starting.
import { expect, it } from "vitest";
import { holdsBack, type Work } from "#domain/propagation/work";

const row = { batchId: "b", kind: "k", rank: 3, swept: 1 };
const work = (more: Partial<Work>) =>
  ({ batchId: "b", seq: 2, reached: 2, upto: 3, args: null, done: false, ...more }) as Work;
const rules = (kind: string) => work({ kind: "rules", args: { kind, rules: [] } });

it.each<[string, Work, boolean]>([
  ["a stop", work({ kind: "stop" }), true],
  ["a pause", work({ kind: "pause" }), true],
  ["a resume", work({ kind: "resume" }), false],
  ["propagation", work({ kind: "propagation" }), false],
  ["other rules for its kind", rules("k"), true],
  ["other rules for another kind", rules("other"), false],
  ["a stop of another batch", work({ kind: "stop", batchId: "c" }), false],
  ["a stop that has come to it", work({ kind: "stop", reached: 3 }), false],
  ["a stop of tasks created before it", work({ kind: "stop", upto: 2 }), false],
  ["a stop that it needs no more", work({ kind: "stop", seq: 1 }), false],
  ["a stop that is done", work({ kind: "stop", done: true }), false],
])("%s holds a task back or not", (_what, one, holds) => expect(holdsBack(one, row)).toBe(holds));
