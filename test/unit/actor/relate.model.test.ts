// Whole batches decided in memory and by the reference model, command by command: every state, counter, attempt, flag,
// delivery, refusal and completion must agree after each step. SEED=<seed> repeats a run.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isFinal, type TaskRow } from "#domain/row";
import {
  type BatchCommand,
  batchCommands,
  Reference,
  type Task,
  type TaskCommand,
  type TaskSpec,
  taskCommands,
} from "#test/reference";
import { Harness } from "./harness.ts";

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));

describe(`a batch decided in memory is as the reference has it (SEED=${seed})`, () => {
  it.each([true, false])(
    "with dead ends canceled: %s",
    async (deadEnds) => {
      await fc.assert(
        fc.asyncProperty(batch, commands, async (specs, told) => {
          const reference = new Reference(specs, { deadEnds });
          const harness = new Harness(specs, deadEnds);
          compare(harness, reference);
          for (const [what, n] of told) {
            if (isBatch(what)) {
              reference.tellBatch(what);
              await harness.tellBatch(what);
            } else {
              const { id } = specs[n % specs.length] as TaskSpec;
              expect(await harness.tell(what, id), `${what} ${id}`).toBe(reference.tell(what, id));
            }
            compare(harness, reference);
          }
        }),
        { seed, numRuns: 1500 },
      );
    },
    60_000,
  );
});

function compare(harness: Harness, reference: Reference): void {
  const rows = [...harness.rows.values()];
  expect(rows.map(seen)).toEqual([...reference.tasks.values()].map(meant));
  expect(harness.unfinished).toBe(rows.filter((row) => !isFinal(row.status)).length);
  expect(harness.completions).toBe(reference.completions);
  for (const row of rows) {
    const told = reference.tasks.get(row.id) as Task;
    expect(harness.delivered.get(row.id), row.id).toEqual(told.delivered);
    if (isFinal(row.status)) checkReason(row, told);
  }
  const followed = new Map<string, string>();
  for (const { task_id, from, to } of harness.events) {
    expect(followed.get(task_id) ?? from, `the events of ${task_id} follow each other`).toBe(from);
    followed.set(task_id, to);
  }
}

function seen(row: TaskRow) {
  const { id, status, attempt, waitFinished, waitSuccess, inDoubt, pauseRequested } = row;
  const backoff = row.nextRetryAt !== null;
  if (isFinal(status)) return { id, status, attempt };
  return {
    id,
    status,
    attempt,
    wait_finished: waitFinished,
    wait_success: waitSuccess,
    inDoubt,
    pauseRequested,
    backoff,
  };
}

function meant(task: Task) {
  const { id, status, attempt, wait_finished, wait_success, inDoubt, pauseRequested, backoff } = task;
  if (isFinal(status)) return { id, status, attempt };
  return { id, status, attempt, wait_finished, wait_success, inDoubt, pauseRequested, backoff };
}

/** The reference names one of several reasons that may hold, and none where the contract names none. */
function checkReason(row: TaskRow, { status, reason }: Task): void {
  if (status === "Success") expect(row.failureReason, row.id).toBeNull();
  else if (reason?.startsWith("Required parent task"))
    expect(row.failureReason).toMatch(/^Required parent task t\d failed$/);
  else if (reason !== null) expect(row.failureReason, row.id).toBe(reason);
  else expect(row.failureReason, row.id).not.toBeNull();
}

const isBatch = (what: TaskCommand | BatchCommand): what is BatchCommand =>
  (batchCommands as readonly string[]).includes(what);

/** Moves that bring tasks to an end are more frequent, so that ends come early enough to have consequences. */
const commands = fc.array(
  fc.tuple(
    fc.oneof(
      { weight: 25, arbitrary: fc.constantFrom<TaskCommand>("claim", "started", "succeed", "fail") },
      { weight: 15, arbitrary: fc.constantFrom<TaskCommand>(...taskCommands) },
      { weight: 4, arbitrary: fc.constantFrom<BatchCommand>("pause_batch", "resume_batch") },
      { weight: 1, arbitrary: fc.constant<BatchCommand>("stop_batch") },
    ),
    fc.nat(),
  ),
  { maxLength: 50 },
);

const kinds = [
  {},
  { requires_success: true },
  { condition: "on_success" },
  { condition: "on_failure" },
  { condition: "always" },
] as const;

const batch = fc
  .array(
    fc.record({
      retries: fc.option(fc.nat(1), { nil: null }),
      barrier: fc.boolean(),
      edges: fc.array(fc.tuple(fc.nat(), fc.nat(4)), { maxLength: 3 }),
    }),
    { minLength: 1, maxLength: 9 },
  )
  .map((tasks) =>
    tasks.map(({ retries, barrier, edges }, n): TaskSpec => {
      const parents = new Map(n === 0 ? [] : edges.map(([p, kind]) => [`t${p % n}`, kinds[kind]]));
      return {
        id: `t${n}`,
        ...(retries === null ? {} : { retry: { max_retries: retries } }),
        dead_end_barrier: barrier,
        dependencies: [...parents].map(([id, kind]) => ({ id, ...kind })),
      };
    }),
  );
