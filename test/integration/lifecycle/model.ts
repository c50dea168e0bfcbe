// The paths to be driven against the real system, as xstate/graph finds them in the machine: for every transition that
// can be brought about from outside, the shortest path to it and then that transition. Paths that are the beginning of
// another are left out.
import { getAdjacencyMap, getShortestPaths } from "xstate/graph";
import { type TaskContext, type TaskEvent, type TaskState, taskMachine } from "#machines/task";
import { eventKey } from "#test/table";

export interface Step {
  readonly event: TaskEvent;
  readonly to: TaskState;
  readonly context: TaskContext;
}
export interface Path {
  readonly title: string;
  readonly context: TaskContext;
  readonly steps: readonly Step[];
}

type Snapshot = ReturnType<typeof taskMachine.resolveState>;

// What takes time stands last: of two paths of one length the first found is taken. `released` and `run_at_reached`
// leave no trace outside by which a test could ask for them; `start_unsent` arrives at no receiver (webhook/unsent.test.ts).
const events: readonly TaskEvent[] = [
  { type: "parent_met", required: true },
  { type: "parent_met", required: false },
  { type: "parent_lost", as: "Failure" },
  { type: "parent_lost", as: "Skipped" },
  { type: "claim" },
  { type: "started" },
  { type: "succeed" },
  { type: "fail" },
  { type: "skip" },
  { type: "pause" },
  { type: "resume" },
  { type: "request_pause" },
  { type: "withdraw_pause" },
  { type: "cancel" },
  // To one end for all: where it leads is the only thing that the others do otherwise.
  { type: "override", as: "Success" },
  { type: "update" },
  { type: "start_failed" },
  { type: "start_deferred" },
  { type: "backoff_elapsed" },
  { type: "timeout" },
  { type: "expire" },
  { type: "overrun" },
  { type: "lease_expired" },
];
const serializeState = (snapshot: Snapshot) => JSON.stringify([snapshot.value, snapshot.context]);

/** All paths of a task that is created with these waits and so many retries. */
export function pathsFrom(waitFinished: number, waitSuccess: number, maxRetries: number): Path[] {
  const context: TaskContext = {
    waitFinished,
    waitSuccess,
    attempt: 0,
    maxRetries,
    retryOn: ["timeout", "start_failure", "explicit"],
    inDoubt: false,
    pauseRequested: false,
    pausedByBatch: false,
    joinsAny: false,
    backoff: false,
    wasClaimed: false,
  };
  const fromState = taskMachine.resolveState({ value: waitFinished > 0 ? "Waiting" : "Pending", context });
  const options = { fromState, events: [...events], serializeState };
  const edges = getAdjacencyMap<Snapshot, TaskEvent, unknown>(taskMachine, options);
  const paths = getShortestPaths(taskMachine, options).flatMap(({ state, steps }) => {
    const way = steps.filter(({ event }) => (event.type as string) !== "xstate.init").map(stepOf);
    const exits = Object.values(edges[serializeState(state) as keyof typeof edges]?.transitions ?? {});
    return (exits as { event: TaskEvent; state: Snapshot }[])
      .filter(({ event }) => state.can(event))
      .map((exit) => [...way, stepOf(exit)]);
  });
  const begins = (short: readonly Step[], long: readonly Step[]) =>
    short.length < long.length && short.every((step, n) => JSON.stringify(step) === JSON.stringify(long[n]));
  return paths
    .filter((path) => !paths.some((other) => begins(path, other)))
    .map((steps) => ({ title: titleOf(fromState.value, steps), context, steps }));
}

export const has = (path: Path, type: TaskEvent["type"]): boolean =>
  path.steps.some(({ event }) => event.type === type);

/** The late 2xx of a worker that was taken for dead: it can only come from one that lives again. */
export const isLateStart = (path: Path): boolean =>
  path.steps.some(({ event }, n) => event.type === "started" && path.steps[n - 1]?.to !== "Claimed");

const stepOf = ({ event, state }: { event: TaskEvent; state: Snapshot }): Step => ({
  event,
  to: state.value as TaskState,
  context: state.context,
});

const titleOf = (from: unknown, steps: readonly Step[]) =>
  [from, ...steps.map(({ event, to }) => `-${eventKey(event)}-> ${to}`)].join(" ");
