// Slow database work names the statement that took longest, and does not fill the log.
import { expect, it } from "vitest";
import { SlowWork, slowest } from "#store/pg/slow";

function slowWork() {
  const lines: object[] = [];
  return { lines, slow: new SlowWork(100, { warn: (fields: object) => void lines.push(fields) } as never) };
}
const sent = (...atMs: number[]) => atMs.map((at, i) => ({ text: `select ${i}`, atMs: at }));

it("names the statement after which the longest time passed", () => {
  expect(slowest(sent(0, 10, 300), 310)).toBe("select 1");
  expect(slowest(sent(0, 10), 310)).toBe("select 1");
  expect(slowest([], 310)).toBe("(none was sent)");
  expect(slowest([{ text: "select a\n  -- why\n  from b", atMs: 0 }], 1)).toBe("select a from b");
});

it("says nothing of work that was fast", () => {
  const { lines, slow } = slowWork();
  slow.ended(sent(0), 0, 100);
  expect(lines).toEqual([]);
});

it("says the same of a statement once a minute, and then how often it was slow meanwhile", () => {
  const { lines, slow } = slowWork();
  for (const began of [0, 1_000, 59_000]) slow.ended(sent(began), began, began + 200);
  slow.ended([{ text: "select other", atMs: 0 }], 59_000, 59_500);
  slow.ended(sent(70_000), 70_000, 70_200);
  expect(lines).toEqual([
    { ms: 200, statement: "select 0", statements: 1 },
    { ms: 500, statement: "select other", statements: 1 },
    { ms: 200, statement: "select 0", statements: 1, before: 2 },
  ]);
});
