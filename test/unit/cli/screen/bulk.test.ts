// How a bulk operation is drawn: a bar that fits, and sums.
import { expect, it } from "vitest";
import { bulkPicture } from "../../../../src/cli/screen/bulk.ts";
import type { BulkOperation } from "../../../../src/sdk/client.ts";

const seen: BulkOperation = {
  ...{
    bulk_id: "019b1229-af5f-7014-8527-d4846a3e0956",
    action: "cancel",
    filter: {},
    reason: null,
    actor: "anonymous",
  },
  ...{ state: "running", matched: 4_210, done: 2_100, skipped: 5, failed: 0, created_at: "", ended_at: null },
} as const;
const paint = (_: unknown, text: string) => text;

it("fits the terminal, and says what became of the items", () => {
  for (const columns of [200, 80, 60, 40]) {
    const lines = bulkPicture(seen, { columns, paint });
    expect(lines.filter((line) => line.length > columns && columns > 60)).toEqual([]);
    expect(lines.join("\n")).toContain("2,100 of 4,210 done, 5 skipped, 0 failed");
  }
  expect(bulkPicture(seen, { columns: 200, paint })[2]).toMatch(/^ {2}█{25}░{25} {2}2,100/);
  expect(bulkPicture({ ...seen, matched: null }, { columns: 200, paint })[2]).toMatch(/^ {2}░{50} {2}2,100 done/);
});
