// Which known name a mistyped one is taken for: never one that somebody would wonder at.
import { expect, it } from "vitest";
import { didYouMean, nearest } from "#domain/values/nearest";

const names = ["id", "name", "kind", "timeout", "on_start", "max_duration_secs", "dependencies", "delay_secs"];

it.each([
  ["timeouts", "timeout"],
  ["Timeout", "timeout"],
  ["tiemout", "timeout"],
  ["di", "id"],
  ["onStart", "on_start"],
  ["on-start", "on_start"],
  ["maxDurationSecs", "max_duration_secs"],
  ["depends", undefined],
  ["dependecies", "dependencies"],
  ["state", undefined],
  ["x", undefined],
  ["x".repeat(65), undefined],
  ["name", "name"],
])("%s is near to %s", (typed, near) => {
  expect(nearest(typed, names)).toBe(near);
  expect(didYouMean(typed, names)).toBe(near === undefined ? "" : `; did you mean "${near}"?`);
});

it("prefers what differs by how words are joined alone", () => {
  expect(nearest("runAt", ["run", "rnAt", "run_at"])).toBe("run_at");
});
