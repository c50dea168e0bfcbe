// Whole batches decided in memory and by the reference model, command by command: every state, counter, attempt, flag,
// delivery, refusal and completion must agree after each step, whether a turn may do all that follows or leaves some or all
// of it to portions; and then also the reasons are the same. SEED=<seed> repeats a run.
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
import { computingMs, seed } from "#test/seed";
import { Harness } from "../harness.ts";

/** How much one transaction may do. */
const budgets = [Number.POSITIVE_INFINITY, 0, 1, 2];

describe(`a batch decided in memory is as the reference has it (SEED=${seed})`, () => {
  it.each([true, false])(
    "with dead ends canceled: %s",
    async (deadEnds) => {
      await fc.assert(
        fc.asyncProperty(batch, commands, async (specs, asked) => {
          const reference = new Reference(specs, { deadEnds });
          const harnesses = budgets.map((linksMax) => new Harness(specs, deadEnds, linksMax));
          for (const [what, n] of asked) {
            const { id } = specs[n % specs.length] as TaskSpec;
            const outcome = isBatch(what) ? reference.tellBatch(what) : reference.tell(what, id);
            const answers = [];
            for (const harness of harnesses) {
              if (isBatch(what)) answers.push(await harness.tellBatch(what));
              else expect(await harness.tell(what, id), `${what} ${id}`).toBe(outcome);
              compare(harness, reference);
              expect(reasonsIn(harness)).toEqual(reasonsIn(harnesses[0] as Harness));
            }
            for (const answer of answers) expect(answer, what).toEqual(answers[0]);
          }
        }),
        { seed, numRuns: 250 },
      );
    },
    120_000,
  );
});

describe(`commands that meet what others have left to portions (SEED=${seed})`, { timeout: computingMs }, () => {
  it("keep every count right after each transaction, and leave nothing behind", async () => {
    await fc.assert(
      fc.asyncProperty(batch, fc.constantFrom(0, 1, 2), meetings, async (specs, linksMax, asked) => {
        const harness = new Harness(specs, true, linksMax);
        const ends = new Map<string, string>();
        for (const [what, n, portions] of asked) {
          const { id } = specs[n % specs.length] as TaskSpec;
          if (isBatch(what)) await harness.beginBatch(what);
          else await harness.begin(what, id);
          check(harness, ends);
          for (let i = 0; i < portions; i++) {
            await harness.portion();
            check(harness, ends);
          }
        }
        await harness.finish();
        check(harness, ends);
        checkAtRest(harness);
      }),
      { seed, numRuns: 800 },
    );
  }, 120_000);
});

const reasonsIn = ({ rows }: Harness) => Object.fromEntries([...rows].map(([id, row]) => [id, row.failureReason]));

/** What holds after every commit. */
function check({ rows, links, batch, completions, works }: Harness, ends: Map<string, string>): void {
  const open = [...rows.values()].filter(({ status }) => !isFinal(status));
  const statusOf = (id: string) => rows.get(id)?.status as TaskRow["status"];
  expect(batch.unfinished).toBe(open.length);
  expect([batch.succeeded, batch.failed, batch.canceled, batch.skipped]).toEqual(
    ["Success", "Failure", "Canceled", "Skipped"].map(
      (end) => [...rows.values()].filter((r) => r.status === end).length,
    ),
  );
  expect(batch.works).toBe(works.length);
  expect(completions).toBe(open.length === 0 ? 1 : 0);
  for (const row of rows.values()) {
    if (ends.has(row.id)) expect(row.status, row.id).toBe(ends.get(row.id));
    if (isFinal(row.status)) ends.set(row.id, row.status);
    else {
      const parents = links.filter(({ child }) => child === row.id);
      const children = links.filter(({ parent, child }) => parent === row.id && !isFinal(statusOf(child)));
      expect(Math.min(row.waitFinished, row.waitSuccess, row.openChildren), row.id).toBeGreaterThanOrEqual(0);
      // A stop does not tell parents: all of them are canceled themselves.
      if (!batch.stopping) expect(row.openChildren, row.id).toBe(children.length);
      if (row.joinsAny) continue;
      const missing = parents.filter(({ parent }) => !isFinal(statusOf(parent)));
      expect(row.waitFinished, row.id).toBeGreaterThanOrEqual(missing.length);
      expect(row.waitFinished, row.id).toBeLessThanOrEqual(parents.length);
    }
  }
}

/** When nothing is outstanding, each end has reached its relatives, and each task that waits has a reason. */
function checkAtRest({ rows, links, batch, works, steps }: Harness): void {
  expect([works.length, steps.size, batch.works]).toEqual([0, 0, 0]);
  expect(batch.completedAt !== null).toBe(batch.unfinished === 0);
  for (const row of rows.values()) {
    if (isFinal(row.status)) continue;
    const parents = links.filter(({ child }) => child === row.id).map(({ parent }) => rows.get(parent) as TaskRow);
    const missing = parents.filter(({ status }) => !isFinal(status)).length;
    if (!row.joinsAny) expect(row.waitFinished, row.id).toBe(missing);
    if (row.status === "Waiting") expect([row.waitFinished > 0, missing > 0], row.id).toEqual([true, true]);
    if (row.pausedByBatch) expect(row.status === "Paused" || row.pauseRequested, row.id).toBe(true);
  }
}

function compare(harness: Harness, reference: Reference): void {
  const rows = [...harness.rows.values()];
  expect(rows.map(seen)).toEqual([...reference.tasks.values()].map(meant));
  expect(harness.batch.unfinished).toBe(rows.filter((row) => !isFinal(row.status)).length);
  expect(harness.completions).toBe(reference.completions);
  for (const row of rows) {
    const expected = reference.tasks.get(row.id) as Task;
    expect(harness.delivered.get(row.id), row.id).toEqual(expected.delivered);
    if (isFinal(row.status)) checkReason(row, expected);
  }
  const followed = new Map<string, string>();
  for (const { task_id, from, to } of harness.events) {
    expect(followed.get(task_id) ?? from, `the events of ${task_id} follow each other`).toBe(from);
    followed.set(task_id, to);
  }
}

function seen(row: TaskRow) {
  const { id, status, attempt, waitFinished, waitSuccess, inDoubt, pauseRequested, pausedByBatch } = row;
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
    pausedByBatch,
    backoff,
    ...(status === "Claimed" ? {} : { wasClaimed: row.firstClaimedAt !== null }),
  };
}

function meant(task: Task) {
  const { id, status, attempt, wait_finished, wait_success, inDoubt, pauseRequested, pausedByBatch, backoff } = task;
  if (isFinal(status)) return { id, status, attempt };
  return {
    ...{ id, status, attempt, wait_finished, wait_success, inDoubt, pauseRequested, pausedByBatch, backoff },
    ...(status === "Claimed" ? {} : { wasClaimed: task.wasClaimed }),
  };
}

/** The reference names one of several reasons that may hold, and none where the contract names none. */
function checkReason(row: TaskRow, { status, reason }: Task): void {
  if (status === "Success") expect(row.failureReason, row.id).toBeNull();
  else if (reason?.startsWith("Required parent task"))
    expect(row.failureReason).toMatch(/^Required parent task t\d failed$/);
  else if (reason !== null) expect(row.failureReason, row.id).toBe(reason);
  else if (status !== "Skipped") expect(row.failureReason, row.id).not.toBeNull();
}

const isBatch = (what: TaskCommand | BatchCommand): what is BatchCommand =>
  (batchCommands as readonly string[]).includes(what);

/** Moves that bring tasks to an end are more frequent, so that ends come early enough to have consequences. */
const move = fc.oneof(
  { weight: 25, arbitrary: fc.constantFrom<TaskCommand>("claim", "started", "succeed", "fail") },
  { weight: 15, arbitrary: fc.constantFrom<TaskCommand>(...taskCommands) },
  { weight: 4, arbitrary: fc.constantFrom<BatchCommand>("pause_batch", "resume_batch") },
  { weight: 1, arbitrary: fc.constant<BatchCommand>("stop_batch") },
);
const commands = fc.array(fc.tuple(move, fc.nat()), { maxLength: 50 });
/** Each with so many portions after it. */
const meetings = fc.array(fc.tuple(move, fc.nat(), fc.nat(3)), { maxLength: 40 });

const kinds = [
  {},
  { requires_success: true },
  { condition: "on_success" },
  { condition: "on_failure" },
  { condition: "always" },
  { condition: "none_failed" },
] as const;

const batch = fc
  .array(
    fc.record({
      retries: fc.option(fc.nat(1), { nil: null }),
      barrier: fc.boolean(),
      keep: fc.nat(3),
      paused: fc.nat(9).map((n) => n === 0),
      any: fc.nat(2),
      edges: fc.array(fc.tuple(fc.nat(), fc.nat(5)), { maxLength: 3 }),
    }),
    { minLength: 1, maxLength: 9 },
  )
  .map((tasks) =>
    tasks.map(({ retries, barrier, keep, any, edges, paused }, n): TaskSpec => {
      const parents = new Map(n === 0 ? [] : edges.map(([p, kind]) => [`t${p % n}`, kinds[kind]]));
      return {
        id: `t${n}`,
        ...(retries === null ? {} : { retry: { max_retries: retries } }),
        dead_end_barrier: barrier,
        paused,
        dead_end: keep === 0 ? "keep" : "cancel",
        join: any === 0 ? "any" : "all",
        dependencies: [...parents].map(([id, kind]) => ({ id, ...kind })),
      };
    }),
  );
