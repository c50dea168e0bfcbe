// What `baton doctor` makes of the processes that Baton lists.
import { expect, it } from "vitest";
import { ofProcesses } from "../../../../src/cli/doctor/baton.ts";

const one = {
  ...{ id: 1, roles: ["worker"], version: "0.1.0", started_at: "", alive_until: "", calls_open: 0 },
  ...{ lag_ms: 3, skew_ms: 5 },
};

it("finds nothing where all is well", () => {
  expect(ofProcesses([one]).filter(({ state }) => state !== "ok")).toEqual([]);
});

it.each([
  [[], "workers", "wrong", "none"],
  [[{ ...one, roles: ["api"] }], "workers", "wrong", "none"],
  [[one, { ...one, version: "0.2.0" }], "versions", "warning", "0.1.0, 0.2.0"],
  [[{ ...one, lag_ms: 4_000 }], "event loops", "warning", "one was held up for 4000 ms"],
  [[{ ...one, skew_ms: -3_000 }], "clock of NATS", "warning", "3000 ms apart from that of Postgres"],
])("says what holds up work: %j", (processes, what, state, says) => {
  const wrong = ofProcesses(processes).filter((finding) => finding.state !== "ok");
  expect(wrong).toEqual([{ what, state, says, mend: expect.any(String) }]);
});
