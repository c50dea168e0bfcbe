// Why a task waits, as a person reads it.
import { expect, it } from "vitest";
import { type Piece, reasonsOf } from "#web/data/why";
import type { Blocker } from "../../../../src/sdk/client.ts";

const textOf = (pieces: readonly Piece[]): string =>
  pieces.map((piece) => (typeof piece === "string" ? piece : Object.values(piece)[0])).join("");
const said = (...blockers: readonly Blocker[]) =>
  reasonsOf(blockers).map(({ title, said, tasks }) => [title, textOf(said), tasks]);

const matcher = { kind: "etl.load", status: "Running" as const, fields: ["customer"] };

it("names the rule, how much of it is used, and by whom", () => {
  const rule = { type: "Concurrency", max_concurrency: 4, matcher };
  const blocker = { type: "rule" as const, rule, used: 4, limit: 4, holders: ["a", "b"] };
  expect(said(blocker)).toEqual([
    [
      "It waits for a slot.",
      "The rule “at most 4 of etl.load with the same customer at once” is full: 4 of 4 in use.",
      ["a", "b"],
    ],
  ]);
});

it("says what can never be", () => {
  const rule = { type: "Concurrency", max_concurrency: 4, matcher };
  const [[title, text]] = said({ type: "rule", rule, missing: ["customer"] }) as [[string, string]];
  expect([title, text]).toEqual(["A rule can never admit it.", expect.stringContaining("lacks customer")]);
});

it("puts what a person must act on before what passes by itself, and parents into one sentence", () => {
  const blockers: Blocker[] = [
    ...[
      { type: "backoff" as const, until: "2026-11-29T00:00:00Z" },
      { type: "dependency" as const, task_id: "a" },
    ],
    ...[{ type: "dependency" as const, task_id: "b" }, { type: "paused" as const }],
  ];
  expect(said(...blockers).map(([title, , tasks]) => [title, tasks])).toEqual([
    ["It is paused.", []],
    ["It waits for 2 tasks.", ["a", "b"]],
    ["It is tried again.", []],
  ]);
});

it("says nothing of a task that nothing holds", () => expect(said()).toEqual([]));
