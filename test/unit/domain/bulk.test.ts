// The life of a bulk operation against a small reference, and what an answer counts as.
import fc from "fast-check";
import { expect, it } from "vitest";
import {
  type BulkLife,
  begunBulk,
  bulkCommand,
  bulkOutcome,
  collectedBulk,
  countedBulk,
  isBulkOver,
  stoppedBulk,
  takenBulk,
} from "#domain/bulk";
import { seed } from "#test/seed";

const id = "019b0000-0000-7000-8000-00000000000b";
const bulk = (more: object) => ({ id, action: "cancel", kind: "tasks", filter: {}, reason: null, ...more }) as never;

it.each([
  [{ status: 200 }, "done"],
  [{ status: 201 }, "done"],
  [{ status: 202 }, "done"],
  [{ status: 204 }, "skipped"],
  [{ status: 400, code: "not_in_this_state" }, "skipped"],
  [{ status: 409, code: "delivery_pending" }, "skipped"],
  [{ status: 409, code: "batch_not_complete" }, "skipped"],
  [{ status: 404, code: "unknown_task" }, "failed"],
  [{ status: 503, code: "busy" }, "failed"],
] as const)("%j counts as %s", (answer, outcome) => {
  expect(bulkOutcome(answer)).toBe(outcome);
});

it.each([
  [{}, { verb: "cancel" }],
  [
    { filter: { status: ["Pending"] }, reason: "why" },
    { verb: "cancel", states: ["Pending"], reason: "why" },
  ],
  [{ kind: "batches" }, { verb: "stop_batch", states: ["running", "paused"] }],
  [
    { kind: "batches", action: "resume", filter: { status: ["paused"] } },
    { verb: "resume_batch", states: ["paused"] },
  ],
  [
    { kind: "batches", filter: { status: ["failure"] } },
    { verb: "stop_batch", states: [] },
  ],
  [
    { kind: "batches", filter: { status: ["Failure", "paused"] } },
    { verb: "stop_batch", states: ["running", "paused"] },
  ],
] as const)("%j asks %j of one", (more, command) => {
  expect(bulkCommand(bulk(more), "t")).toEqual({ id: `bulk:${id}`, target: "t", actor: `bulk:${id}`, ...command });
});

it("asks a delivery to be replayed, and nothing for a rerun", () => {
  const replay = { action: "replay", kind: "deliveries", filter: { status: ["exhausted"] } };
  expect(bulkCommand(bulk(replay), "d")).toEqual({
    id: `bulk:${id}`,
    target: "d",
    verb: "replay",
    states: ["exhausted"],
  });
  expect(bulkCommand(bulk({ action: "rerun", kind: "batches" }), "b")).toBeNull();
});

type Step = { readonly what: "collect" | "take" | "count" | "die" | "stop"; readonly n: number };
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({ what: fc.constantFrom("collect", "take", "count", "die", "stop"), n: fc.integer({ min: 0, max: 5 }) }),
  { maxLength: 40 },
);

it(`counts every item once, in order, and ends once it knows them all or was stopped (seed ${seed})`, () => {
  fc.assert(
    fc.property(fc.option(fc.integer({ min: 0, max: 20 })), steps, (matched, all) => {
      let life: BulkLife = begunBulk(matched);
      let [under, stopped] = [0, false];
      const counted: number[] = [];
      for (const { what, n } of all) {
        const over = isBulkOver(life);
        if (what === "collect" && life.state === "collecting") life = collectedBulk(life, n, n < 3);
        if (what === "take" && life.state === "running") {
          const before = under;
          life = takenBulk(life, n + 1);
          under = life.taken - life.reached;
          // What a worker left is taken up as it was.
          if (before > 0) expect(under).toBe(before);
        }
        if (what === "count" && under > 0) {
          for (let i = life.reached + 1; i <= life.taken; i++) counted.push(i);
          life = countedBulk(life);
          under = 0;
        }
        if (what === "stop") {
          life = stoppedBulk(life);
          stopped ||= !over;
        }
        if (over) expect(isBulkOver(life)).toBe(true);
        expect(counted).toEqual(Array.from({ length: life.reached }, (_, i) => i + 1));
        if (life.state === "done") expect(life.reached).toBe(life.matched);
        if (life.state === "stopped") expect([under, stopped]).toEqual([0, true]);
        if (stopped && under === 0) expect(isBulkOver(life)).toBe(true);
      }
    }),
    { seed, numRuns: 500 },
  );
});
