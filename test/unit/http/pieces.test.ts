// Answers that are printed in pieces: the same bytes as in one, and no long hold of the loop.
import { expect, it } from "vitest";
import { listsInPieces } from "#http/pieces";

const printed = async (lists: Parameters<typeof listsInPieces>[0]) => String((await listsInPieces(lists)).body);

it.each([
  {},
  { tasks: [] },
  { tasks: [], links: [] },
  { tasks: [{ a: new Date(0), b: undefined, c: "é\u2028" }], links: [] },
  { tasks: [], links: [[1, 2, "always"], undefined, null] },
  { tasks: Array.from({ length: 1_001 }, (_, n) => ({ n })), 'a "name"': Array.from({ length: 250 }, (_, n) => n) },
])("prints what JSON.stringify prints (%#)", async (lists) => {
  expect(await printed(lists)).toBe(JSON.stringify(lists));
});

it("lets others go on meanwhile", async () => {
  const entry = { parent_id: "p".repeat(36), child_id: "c".repeat(36), requires_success: true, condition: null };
  const lists = { links: Array.from({ length: 500_000 }, () => entry) };
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await listsInPieces(lists);
  clearInterval(timer);
  expect(turns).toBeGreaterThan(10);
});
