// The decider of the fake Baton and the engine itself, heard the same over random batches: every state, attempt, reason, delivery,
// refusal and completion must agree after each command. SEED=<seed> repeats a run.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isFinal } from "#domain/row";
import type { TaskCommand, TaskSpec } from "#test/reference";
import { computingMs, seed } from "#test/seed";
import { Decider } from "../../../../src/sdk/testing/decider.ts";
import type { Life, LifeEvent } from "../../../../src/sdk/testing/life.ts";
import { Harness } from "../../actor/harness.ts";

const overrides = { override_success: "Success", override_failure: "Failure", override_skipped: "Skipped" } as const;
// biome-ignore format: one line each
const heard = [
  "claim", "started", "start_deferred", "start_unsent", "start_failed", "start_unanswered", "succeed", "fail", "skip",
  "timeout", "backoff_elapsed", "expire", "overrun", "cancel", ...(Object.keys(overrides) as (keyof typeof overrides)[]),
] as const satisfies readonly TaskCommand[];

describe(`the fake Baton decides as the engine does (SEED=${seed})`, { timeout: computingMs }, () => {
  it("command by command, over random batches", async () => {
    const reached = new Set<string>();
    await fc.assert(
      fc.asyncProperty(batch, commands, async (specs, asked) => {
        const engine = new Harness(specs, true);
        const fake = fakeOf(specs);
        for (const [what, n] of asked) {
          const { id } = specs[n % specs.length] as TaskSpec;
          const before = engine.rows.get(id)?.status;
          if (what === "stop") {
            await engine.tellBatch("stop_batch");
            fake.decider.stop(0, "Batch stopped");
          } else {
            const answer = await engine.tell(what, id);
            expect(fake.tell(what, id), `${what} of ${id} in ${before}`).toBe(answer === "done");
            if (answer === "done") reached.add(`${before} ${what}`);
          }
          for (const row of engine.rows.values()) {
            const life = fake.decider.lives.get(row.id) as Life;
            expect([life.localId, life.status, life.attempt]).toEqual([row.id, row.status, row.attempt]);
            expect(fake.delivered.get(row.id) ?? [], row.id).toEqual(engine.delivered.get(row.id));
            if (isFinal(row.status)) expect(comparable(life.reason), row.id).toBe(comparable(row.failureReason));
          }
          expect(fake.completions()).toBe(engine.completions);
        }
      }),
      { seed, numRuns: 3000 },
    );
    // A run that brings nothing about would agree as well.
    expect(reached.size).toBeGreaterThan(25);
  });
});

function fakeOf(specs: readonly TaskSpec[]) {
  const delivered = new Map<string, string[]>();
  let completions = 0;
  const decider = new Decider(
    { deadEnd: "cancel", isOpen: false },
    {
      moved: () => {},
      deliver: ({ localId }, on, attempt) =>
        delivered.set(localId, [...(delivered.get(localId) ?? []), on === "cancel" ? `cancel:${attempt}` : on]),
      complete: () => {
        completions += 1;
      },
    },
  );
  let ids = 0;
  decider.add(
    specs.map((spec) => ({ ...spec, name: spec.id, kind: "k", retry: { max_retries: 0, ...spec.retry } })),
    0,
    () => `${++ids}`,
  );
  return {
    ...{ decider, delivered, completions: () => completions },
    tell(what: TaskCommand, id: string): boolean {
      const life = decider.lives.get(id) as Life;
      const as = overrides[what as keyof typeof overrides];
      if (as) return decider.tell(life, "override", 0, { as, reason: "Overridden" });
      return decider.tell(life, what as LifeEvent, 0, { reason: what === "skip" ? null : what });
    },
  };
}

/** What a command was given is the test's own; what follows from parents and children must be the engine's words. */
function comparable(reason: string | null): string {
  const isOurs = /^(Required parent task|Condition \w+ of|All child tasks|Batch stopped)/.test(reason ?? "");
  return reason === null || isOurs ? `${reason}` : "given";
}

const kinds = [
  {},
  { requires_success: true },
  { condition: "on_success" },
  { condition: "on_failure" },
  { condition: "always" },
  { condition: "none_failed" },
] as const;

/** Moves that bring tasks to an end are more frequent, so that ends come early enough to have consequences. */
const move = fc.oneof(
  { weight: 25, arbitrary: fc.constantFrom<(typeof heard)[number]>("claim", "started", "succeed", "fail") },
  { weight: 15, arbitrary: fc.constantFrom(...heard) },
  { weight: 1, arbitrary: fc.constant("stop" as const) },
);
const commands = fc.array(fc.tuple(move, fc.nat()), { maxLength: 50 });

const batch = fc
  .array(
    fc.record({
      retries: fc.option(fc.nat(1), { nil: null }),
      barrier: fc.boolean(),
      keep: fc.nat(3),
      any: fc.nat(2),
      edges: fc.array(fc.tuple(fc.nat(), fc.nat(5)), { maxLength: 3 }),
    }),
    { minLength: 1, maxLength: 9 },
  )
  .map((tasks) =>
    tasks.map(({ retries, barrier, keep, any, edges }, n): TaskSpec => {
      const parents = new Map(n === 0 ? [] : edges.map(([p, kind]) => [`t${p % n}`, kinds[kind]]));
      return {
        id: `t${n}`,
        ...(retries === null ? {} : { retry: { max_retries: retries } }),
        dead_end_barrier: barrier,
        dead_end: keep === 0 ? "keep" : "cancel",
        join: any === 0 ? "any" : "all",
        dependencies: [...parents].map(([id, kind]) => ({ id, ...kind })),
      };
    }),
  );
