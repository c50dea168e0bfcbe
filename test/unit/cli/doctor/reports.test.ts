// What `baton doctor` makes of the metrics by which Baton says when it last refused a report.
import { beforeEach, expect, it } from "vitest";
import { metrics, renderMetrics } from "#telemetry/metrics";
import { ofReports } from "../../../../src/cli/doctor/reports.ts";

const nowMs = Date.parse("2026-01-01T12:00:00Z");
const refused = (status: string, secsAgo: number) => metrics.reportRefused.set(nowMs / 1e3 - secsAgo, status);
const found = () => ofReports(renderMetrics(), nowMs, 1);

beforeEach(() => {
  for (const status of ["400", "401", "403"]) refused(status, 86_400);
});

it("finds nothing where none was refused in the last hour, or ever", () => {
  const well = [{ what: "reports", state: "ok", says: "none refused in the last hour" }];
  expect(found()).toEqual(well);
  expect(ofReports("", nowMs, 1)).toEqual(well);
});

it.each([
  ["401", /the handle as it came.*HANDLE_SECRET/],
  ["403", /token/],
  ["400", /log of Baton/],
])("says when the last one was refused with %s, and how to mend it", (status, mend) => {
  refused(status, 120);
  expect(found()).toEqual([
    {
      ...{ what: "reports", state: "warning", says: `refused with ${status}, the last one 2 min ago` },
      mend: expect.stringMatching(mend),
    },
  ]);
});

it("says that it asked one API process of several", () => {
  refused("401", 5);
  expect(ofReports(renderMetrics(), nowMs, 3)[0]?.says).toBe(
    "refused with 401, the last one 5 s ago (by the one of 3 API processes that was asked)",
  );
});
