// The reference model against the machine, one task at a time, and against the contract's own promises on whole batches.
// Both are opinions about the same page: where they differ, one of them has not read it. SEED=<seed> repeats a run.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { transition } from "xstate";
import { type Outcome, outcomes } from "#domain/state";
import { type TaskEvent, taskMachine } from "#machines/task";
import { batchCommands, Reference, type Task, type TaskSpec, taskCommands } from "#test/reference";
import { computingMs, seed } from "#test/seed";
import { finalStates } from "#test/table";

const causes = ["timeout", "start_failure", "explicit"] as const;
const isFinal = (task: Task) => (finalStates as readonly string[]).includes(task.status);

it(`knows a single task as the machine does (SEED=${seed})`, { timeout: computingMs }, () => {
  const policy = fc.record({ max_retries: fc.nat(2), retry_on: fc.subarray([...causes]) });
  const walk = fc.array(fc.constantFrom(...taskCommands, "pause_batch" as const, "resume_batch" as const), {
    maxLength: 40,
  });
  fc.assert(
    fc.property(policy, walk, (retry, commands) => {
      const reference = new Reference([{ id: "a", retry }]);
      const task = reference.tasks.get("a") as Task;
      let machine = taskMachine.resolveState({
        value: "Pending",
        context: {
          waitFinished: 0,
          waitSuccess: 0,
          attempt: 0,
          maxRetries: retry.max_retries,
          retryOn: retry.retry_on,
          inDoubt: false,
          pauseRequested: false,
          pausedByBatch: false,
          joinsAny: false,
          backoff: false,
          wasClaimed: false,
        },
      });
      for (const command of commands) {
        const event = eventOf(command, task);
        const can = machine.can(event);
        if (command === "pause_batch" || command === "resume_batch") reference.tellBatch(command);
        else expect(reference.tell(command, "a") === "done", `${command} in ${String(machine.value)}`).toBe(can);
        [machine] = transition(taskMachine, machine, event);
        const { attempt, inDoubt, pauseRequested, pausedByBatch, backoff, wasClaimed } = machine.context;
        expect(task).toMatchObject({ status: machine.value, attempt });
        if (!isFinal(task)) expect(task).toMatchObject({ inDoubt, pauseRequested, pausedByBatch, backoff, wasClaimed });
      }
    }),
    { seed, numRuns: 3000 },
  );
});

describe(`keeps the contract's promises on whole batches (SEED=${seed})`, { timeout: computingMs }, () => {
  it.each([true, false])("with dead ends canceled: %s", (deadEnds) => {
    fc.assert(
      fc.property(batch, fc.array(fc.tuple(command, fc.nat()), { maxLength: 60 }), (specs, commands) => {
        const reference = new Reference(specs, { deadEnds });
        const ends = new Map<string, string>();
        for (const [what, n] of commands) {
          if (what.endsWith("_batch")) reference.tellBatch(what as (typeof batchCommands)[number]);
          else reference.tell(what as (typeof taskCommands)[number], (specs[n % specs.length] as TaskSpec).id);
          for (const task of reference.tasks.values()) {
            expect(broken(task, specs, reference)).toEqual([]);
            if (ends.has(task.id)) expect(task.status).toBe(ends.get(task.id));
            if (isFinal(task)) ends.set(task.id, task.status);
          }
          expect(reference.completions).toBe(reference.completed ? 1 : 0);
        }
      }),
      { seed, numRuns: 1000 },
    );
  });
});

it("says what the contract's sentences say", () => {
  const diamond: TaskSpec[] = [
    { id: "top" },
    { id: "left", dependencies: [{ id: "top", requires_success: true }] },
    { id: "right", dependencies: [{ id: "top", condition: "on_success" }] },
    { id: "always", dependencies: [{ id: "left" }, { id: "right", condition: "always" }] },
    {
      id: "both",
      dependencies: [
        { id: "left", requires_success: true },
        { id: "right", condition: "on_success" },
      ],
    },
    { id: "rescue", dependencies: [{ id: "top", condition: "on_failure" }] },
  ];
  const statuses = (reference: Reference) => [...reference.tasks.values()].map(({ status }) => status);
  const play = (end: "succeed" | "fail" | "cancel") => {
    const reference = new Reference(diamond);
    reference.tell("claim", "top");
    reference.tell(end, "top");
    return statuses(reference);
  };
  expect(play("succeed")).toEqual(["Success", "Pending", "Pending", "Waiting", "Waiting", "Skipped"]);
  expect(play("fail")).toEqual(["Failure", "Failure", "Skipped", "Pending", "Failure", "Pending"]);
  expect(play("cancel")).toEqual(["Canceled", "Failure", "Skipped", "Pending", "Failure", "Pending"]);

  const dead = (barrier: boolean) => {
    const reference = new Reference([
      { id: "root" },
      { id: "middle", dead_end_barrier: barrier, dependencies: [{ id: "root" }] },
      { id: "leaf", dependencies: [{ id: "middle" }] },
    ]);
    reference.tell("cancel", "leaf");
    return statuses(reference);
  };
  expect(dead(false)).toEqual(["Canceled", "Canceled", "Canceled"]);
  expect(dead(true)).toEqual(["Pending", "Canceled", "Canceled"]);
});

const command = fc.constantFrom(...taskCommands, ...batchCommands.slice(1), "stop_batch" as const);
const batch = fc
  .array(
    fc.record({
      retries: fc.nat(1),
      barrier: fc.boolean(),
      keep: fc.boolean(),
      any: fc.boolean(),
      edges: fc.array(fc.tuple(fc.nat(), fc.nat(5)), { maxLength: 3 }),
    }),
    { minLength: 1, maxLength: 7 },
  )
  .map((tasks) =>
    tasks.map(({ retries, barrier, keep, any, edges }, n): TaskSpec => {
      const kinds = [
        {},
        { requires_success: true },
        { condition: "on_success" },
        { condition: "on_failure" },
        { condition: "always" },
        { condition: "none_failed" },
      ] as const;
      const parents = new Map(n === 0 ? [] : edges.map(([p, kind]) => [`t${p % n}`, kinds[kind]]));
      return {
        id: `t${n}`,
        retry: { max_retries: retries },
        dead_end_barrier: barrier,
        dead_end: keep ? "keep" : "cancel",
        join: any ? "any" : "all",
        dependencies: [...parents].map(([id, kind]) => ({ id, ...kind })),
      };
    }),
  );

/** A command, as the machine of one task hears it. */
function eventOf(command: string, task: Task): TaskEvent {
  const active = task.status === "Claimed" || task.status === "Running";
  if (command === "pause_batch") return active ? { type: "request_pause" } : { type: "pause", byBatch: true };
  if (command === "resume_batch") return active ? { type: "withdraw_pause" } : { type: "resume", byBatch: true };
  const [, as] = /^override_(.*)$/.exec(command) ?? [];
  if (as !== undefined) return { type: "override", as: outcomes.find((one) => one.toLowerCase() === as) as Outcome };
  return { type: command } as TaskEvent;
}

function broken(task: Task, specs: readonly TaskSpec[], { tasks }: Reference): string[] {
  if (isFinal(task)) return [];
  const edges = specs.find(({ id }) => id === task.id)?.dependencies ?? [];
  const open = edges.filter(({ id }) => !isFinal(tasks.get(id) as Task));
  const required = open.filter((edge) => edge.requires_success || edge.condition === "on_success");
  const lost = edges.filter((edge) => isFinal(tasks.get(edge.id) as Task) && !isMet(edge, tasks.get(edge.id) as Task));
  const isAny = specs.find(({ id }) => id === task.id)?.join === "any";
  const opened = edges.length > lost.length + open.length;
  const waits = isAny ? (opened ? 0 : open.length) : open.length;
  const promises = {
    "wait_finished counts what can still be met": task.wait_finished === waits,
    "wait_success counts the successes that are missing": task.wait_success === (isAny ? 0 : required.length),
    "it does not outlive a dependency that can never be met":
      lost.length === 0 || (isAny && lost.length < edges.length),
    "Waiting waits, and only Waiting and Paused do":
      waits > 0 ? ["Waiting", "Paused"].includes(task.status) : task.status !== "Waiting",
  };
  return Object.entries(promises).flatMap(([promise, kept]) => (kept ? [] : [`${task.id}: ${promise}`]));
}

function isMet(edge: NonNullable<TaskSpec["dependencies"]>[number], { status }: Task): boolean {
  if (edge.requires_success || edge.condition === "on_success") return status === "Success";
  if (edge.condition === "on_failure") return status === "Failure" || status === "Canceled";
  return edge.condition !== "none_failed" || status === "Success" || status === "Skipped";
}
