// What a task can live through: the paths that xstate/graph finds in the machine, from every way a task is created,
// are walked in the contract's table as well; then random walks, far longer than any shortest path.
// Reproduce a failed walk with SEED=<seed>; fast-check prints the shrunk one.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { transition } from "xstate";
import { createTestModel, getAdjacencyMap } from "xstate/graph";
import { type TaskContext, type TaskEvent, type TaskState, taskMachine } from "#machines/task";
import { computingMs, seed } from "#test/seed";
import { eventKey, events, expected, finalStates, states } from "#test/table";

const walks = 10_000;
const stepsMax = 60;

type Snapshot = ReturnType<typeof taskMachine.resolveState>;
type Step = { readonly event: TaskEvent; readonly state: Snapshot };
const stateOf = (snapshot: Snapshot) => snapshot.value as TaskState;
const isFinal = (state: TaskState) => (finalStates as readonly string[]).includes(state);

const plain: TaskContext = {
  waitFinished: 0,
  waitSuccess: 0,
  attempt: 0,
  maxRetries: 0,
  retryOn: [],
  inDoubt: false,
  pauseRequested: false,
  pausedByBatch: false,
  joinsAny: false,
  backoff: false,
  wasClaimed: false,
};
/**
 * Every way a task is created: with so many dependencies, so many of them required or any one of them, Paused by itself or with
 * its batch, and some retry policy.
 */
const created: Snapshot[] = (
  [
    [0, 0, {}],
    [1, 0, {}],
    [1, 1, {}],
    [3, 2, {}],
    [3, 0, { joinsAny: true }],
    [0, 0, { paused: true }],
    [2, 1, { paused: true }],
    [2, 1, { paused: true, pausedByBatch: true }],
  ] as const
).flatMap(([waitFinished, waitSuccess, { paused = false, ...how }]: readonly [number, number, How]) =>
  ([[0], [1, "explicit"], [2, "timeout", "start_failure", "explicit"]] as const).map(([maxRetries, ...retryOn]) =>
    taskMachine.resolveState({
      value: paused ? "Paused" : waitFinished === 0 ? "Pending" : "Waiting",
      context: { ...plain, waitFinished, waitSuccess, ...how, maxRetries, retryOn },
    }),
  ),
);
type How = Partial<TaskContext> & { readonly paused?: boolean };

const serializeState = (snapshot: Snapshot) => JSON.stringify([snapshot.value, snapshot.context]);
// A state that breaks a promise is a dead end for the search: a counter that runs away would make it endless.
const search = { events: [...events], serializeState, stopWhen: (snapshot: Snapshot) => broken(snapshot).length > 0 };
const reachableFrom = (fromState: Snapshot) =>
  Object.values(getAdjacencyMap<Snapshot, TaskEvent, unknown>(taskMachine, { ...search, fromState }));
const title = ({ value, context: c }: Snapshot) =>
  `${value}${c.pausedByBatch ? " by its batch" : ""} ${c.joinsAny ? "any of " : ""}${c.waitFinished}/${c.waitSuccess}, retries ${c.maxRetries}`;

describe.each(created.map((start) => [title(start), start] as const))(
  "a task created as %s",
  { timeout: computingMs },
  (_, start) => {
    const reachable = reachableFrom(start);
    const model = createTestModel(taskMachine, search);

    it("lives as the table says on every shortest path", async () => {
      const paths = model.getShortestPaths({ fromState: start });
      expect(paths.length).toBeGreaterThan(10);
      for (const path of paths) {
        let sut = { to: stateOf(start), context: start.context };
        const play = ({ event }: { event: { type: string } }) => {
          if (event.type === "xstate.init") return;
          const row = expected(sut.to, sut.context, event as TaskEvent);
          if (row === null) throw new Error(`The table refuses ${event.type} in ${sut.to}: ${path.description}`);
          sut = row;
        };
        await path.test({
          states: { "*": (snapshot) => expect(sut).toMatchObject({ to: snapshot.value, context: snapshot.context }) },
          events: Object.fromEntries(events.map(({ type }) => [type, play])),
        });
      }
    });

    it("keeps its promises in every reachable state, and answers every event there as the table says", () => {
      for (const { state, transitions } of reachable) {
        expect(broken(state), title(state)).toEqual([]);
        for (const { event, state: next } of Object.values<Step>(transitions)) {
          const row = expected(stateOf(state), state.context, event);
          expect(state.can(event), `${event.type} in ${title(state)}`).toBe(row !== null);
          expect([stateOf(next), next.context]).toEqual([row?.to ?? stateOf(state), row?.context ?? state.context]);
        }
      }
    });

    it("can reach every state that its kind can, and an end from everywhere", () => {
      const seen = new Set(reachable.map(({ state }) => stateOf(state)));
      const { waitFinished, maxRetries } = start.context;
      const never = (state: TaskState) =>
        (waitFinished === 0 && state === "Waiting") || (maxRetries === 0 && state === "Retrying");
      expect([...seen].sort()).toEqual(states.filter((state) => !never(state)).sort());
      for (const { state } of reachable) expect(isFinal(stateOf(state)) || state.can({ type: "cancel" })).toBe(true);
    });
  },
);

it("no state is out of reach", { timeout: computingMs }, () => {
  const all = created.flatMap((fromState) => reachableFrom(fromState));
  expect([...new Set(all.map(({ state }) => stateOf(state)))].sort()).toEqual([...states].sort());
});

it(`${walks} random walks keep the promises (SEED=${seed})`, { timeout: computingMs }, () => {
  const start = fc.constantFrom(...created.keys());
  const walk = fc.array(fc.constantFrom(...events), { minLength: 1, maxLength: stepsMax });
  fc.assert(
    fc.property(start, walk, (from, steps) => {
      expect(walkThrough(created[from] as Snapshot, steps)).toEqual([]);
    }),
    { seed, numRuns: walks },
  );
});

it("a task that a person paused stays at a resume of its batch, also when it was started late in between", () => {
  const start = taskMachine.resolveState({
    value: "Pending",
    context: { ...plain, maxRetries: 1, retryOn: ["explicit"], inDoubt: true },
  });
  const live = (from: Snapshot, ...steps: readonly TaskEvent[]) =>
    steps.reduce<Snapshot>((now, event) => transition(taskMachine, now, event)[0], from);
  const running = live(start, { type: "pause" }, { type: "started" });
  expect(stateOf(running)).toBe("Running");
  expect(running.can({ type: "withdraw_pause" }), "the batch's resume takes back what a person asked for").toBe(false);
  const back = live(running, { type: "request_pause" }, { type: "withdraw_pause" }, { type: "fail" });
  expect(stateOf(back)).toBe("Paused");
  expect(back.can({ type: "resume", byBatch: true })).toBe(false);
  expect(stateOf(live(back, { type: "resume" }))).toBe("Retrying");
});

/** Walks as a careless sender would, refused events included, and lists the promises that were broken on the way. */
function walkThrough(from: Snapshot, steps: readonly TaskEvent[]): string[] {
  const faults: string[] = [];
  const delivered: Record<string, number> = {};
  // It was paused by itself, and no person has let it go since.
  let isOwn = stateOf(from) === "Paused" && !from.context.pausedByBatch;
  let now = from;
  for (const event of steps) {
    const accepted = now.can(event);
    const [next, actions] = transition(taskMachine, now, event);
    const say = (what: string) => faults.push(`${eventKey(event)} in ${title(now)}: ${what}`);
    if (!accepted && (next !== now || actions.length > 0)) say("was refused, and had an effect");
    if (accepted && isFinal(stateOf(now))) say("moved a final state");
    for (const what of broken(next)) say(what);
    for (const { type } of actions) {
      const key = type === "deliverCancel" ? `${type} of attempt ${now.context.attempt}` : type;
      delivered[key] = (delivered[key] ?? 0) + 1;
      if (type.startsWith("deliver") && delivered[key] > 1) say(`${key} twice`);
      if (type === "deliverSuccess" && stateOf(next) !== "Success") say("deliverSuccess without Success");
      if (type === "deliverFailure" && stateOf(next) !== "Failure") say("deliverFailure without Failure");
    }
    if (isOwn && accepted && opensByBatch(event)) say("opened with its batch what a person had paused");
    if (accepted && event.type === "pause") isOwn = event.byBatch !== true;
    if (accepted && event.type === "resume") isOwn = false;
    if (next.context.attempt < now.context.attempt) say("the attempt went back");
    if (next.context.waitFinished > now.context.waitFinished) say("a dependency came back");
    now = next;
  }
  return faults;
}

const opensByBatch = (event: TaskEvent) =>
  event.type === "withdraw_pause" || (event.type === "resume" && event.byBatch === true);

/** The promises that a task in this state breaks. What a final task remembers has no meaning, its counters aside. */
function broken(snapshot: Snapshot): string[] {
  const { context: c } = snapshot;
  const state = stateOf(snapshot);
  const among = (...some: TaskState[]) => isFinal(state) || some.includes(state);
  const promises = {
    "waitFinished is not negative": c.waitFinished >= 0,
    "waitSuccess is not negative": c.waitSuccess >= 0,
    "a required success is also unfinished": c.waitSuccess <= c.waitFinished,
    "attempt is not over maxRetries": c.attempt >= 0 && c.attempt <= c.maxRetries,
    "Waiting waits for something": state !== "Waiting" || c.waitFinished > 0,
    "only Waiting and Paused wait": among("Waiting", "Paused") || c.waitFinished === 0,
    "in doubt only in Pending, Claimed and Paused": !c.inDoubt || among("Pending", "Claimed", "Paused"),
    "in doubt and waiting for a retry exclude each other": !(c.inDoubt && c.backoff) || isFinal(state),
    "a pause is requested only of Claimed and Running": !c.pauseRequested || among("Claimed", "Running"),
    "only what is Paused, or will be, was paused by its batch": !c.pausedByBatch || among("Paused") || c.pauseRequested,
    "who joins any misses no success": !c.joinsAny || c.waitSuccess === 0,
    "only what was claimed is in doubt, runs or is tried again":
      c.wasClaimed || isFinal(state) || (!c.inDoubt && !c.backoff && state !== "Running" && c.attempt === 0),
    "what waits for its parents was never claimed": !c.wasClaimed || state !== "Waiting",
    "a retry is to come only in Retrying and Paused": !c.backoff || among("Retrying", "Paused"),
    "Retrying waits for a retry": state !== "Retrying" || c.backoff,
    "a retry is to come only where one is left": !c.backoff || isFinal(state) || c.attempt < c.maxRetries,
  };
  return Object.entries(promises).flatMap(([promise, kept]) => (kept ? [] : [`broken: ${promise}`]));
}
