// When a worker looks again after a round: a line for each reason.
import { expect, it } from "vitest";
import { type Left, nextLook } from "#flow/next-look";

const nothing: Left = {
  ...{ moreHere: false, isShort: true, hasPassed: false, moreQueues: false },
  ...{ hasStopped: false, hasLost: false, hasPlaces: false, isProgress: true, hasRival: false },
};

it.each<[string, Partial<Left>, ReturnType<typeof nextLook>]>([
  ["it took all that there was", {}, "later"],
  ["it found nothing", { isProgress: false }, "later"],
  ["it was full, and call slots are free", { isShort: false, moreHere: true }, "now"],
  ["it was full, and so is the process", { isShort: false }, "later"],
  ["it passed over tasks of its own turn", { hasPassed: true, isProgress: false }, "now"],
  ["more queues were signaled than it opened", { moreQueues: true, isProgress: false }, "now"],
  ["more queues were signaled, and it has no call slot for them", { moreQueues: true, isShort: false }, "later"],
  ["it stopped on the way, and got something", { hasStopped: true }, "now"],
  ["it stopped on the way with nothing", { hasStopped: true, isProgress: false }, "soon"],
  ["it stopped on the way because it was full", { hasStopped: true, isShort: false }, "later"],
  ["others had locked some, and it got something", { hasLost: true }, "now"],
  ["others had locked all", { hasLost: true, isProgress: false }, "later"],
  ["a window has places that nobody took", { hasPlaces: true }, "now"],
  ["a window has places, and it got nothing", { hasPlaces: true, isProgress: false }, "later"],
  ["another round was under way", { hasRival: true }, "soon"],
  ["another round was under way, and tasks without rules are left", { hasRival: true, hasStopped: true }, "now"],
])("where %s", (_, left, when) => {
  expect(nextLook({ ...nothing, ...left })).toBe(when);
});
