// The task machine against the contract's table: every (state, event) pair in every context that makes a difference,
// whether a task could ever be in it or not. A refused event changes nothing and asks for nothing; a final state
// absorbs everything. What a task can really live through is in paths.test.ts.
import { describe, expect, it } from "vitest";
import { transition } from "xstate";
import { type TaskContext, taskMachine } from "#machines/task";
import { eventKey, events, expected, finalStates, states } from "#test/table";

const flags = [false, true];
const policies: Pick<TaskContext, "attempt" | "maxRetries" | "retryOn">[] = [
  { attempt: 0, maxRetries: 0, retryOn: ["timeout", "start_failure", "explicit"] },
  { attempt: 0, maxRetries: 2, retryOn: ["timeout", "start_failure", "explicit"] },
  { attempt: 2, maxRetries: 2, retryOn: ["timeout", "start_failure", "explicit"] },
  { attempt: 1, maxRetries: 2, retryOn: ["timeout"] },
  { attempt: 1, maxRetries: 2, retryOn: ["start_failure"] },
  { attempt: 1, maxRetries: 2, retryOn: ["explicit"] },
  { attempt: 1, maxRetries: 2, retryOn: [] },
];
const waits = [0, 1, 2, 3].flatMap((waitFinished) => [0, 1, 2].map((waitSuccess) => ({ waitFinished, waitSuccess })));
const booleans = ["inDoubt", "pauseRequested", "pausedByBatch", "wasClaimed"] as const;
/** Every combination of them. */
const settingsWith = (name: "joinsAny" | "backoff") =>
  [name, ...booleans].reduce<Partial<TaskContext>[]>(
    (found, each) => found.flatMap((one) => flags.map((value) => ({ ...one, [each]: value }))),
    [{ joinsAny: false, backoff: false }],
  );
/** Who waits does not retry: every wait under one policy, every policy under few waits. */
const contexts = [
  ...waits.flatMap((wait) =>
    settingsWith("joinsAny").map((one) => ({ ...wait, ...policies[1], ...one }) as TaskContext),
  ),
  ...waits
    .slice(0, 2)
    .flatMap((wait) =>
      policies.flatMap((policy) =>
        settingsWith("backoff").map((one) => ({ ...wait, ...policy, ...one }) as TaskContext),
      ),
    ),
];

describe("the task machine and the contract's table", () => {
  it("know the same states and the same events", () => {
    expect(Object.keys(taskMachine.states).sort()).toEqual([...states].sort());
    expect([...taskMachine.events].sort()).toEqual([...new Set(events.map((event) => event.type))].sort());
    const ends = Object.values(taskMachine.states).filter((node) => node.type === "final");
    expect(ends.map((node) => node.key).sort()).toEqual([...finalStates].sort());
  });

  describe.each(states)("%s", (state) => {
    it.each(events.map((event) => [eventKey(event), event] as const))("%s", (_, event) => {
      for (const context of contexts) {
        const before = taskMachine.resolveState({ value: state, context });
        const row = expected(state, context, event);
        const [after, actions] = transition(taskMachine, before, event);
        const where = () => `${eventKey(event)} in ${state} with ${JSON.stringify(context)}`;
        if (before.can(event) !== (row !== null)) expect.fail(`${where()}: can is ${before.can(event)}`);
        if (row === null) {
          if (after !== before || actions.length > 0) expect.fail(`${where()} was refused, but not without effect`);
          continue;
        }
        expect({ to: after.value, ...after.context, does: named(actions) }, where()).toEqual({
          to: row.to,
          ...row.context,
          does: [...row.does].sort(),
        });
      }
    });
  });

  it("leave nothing to say about a final state", () => {
    for (const state of finalStates)
      for (const context of contexts) {
        const final = taskMachine.resolveState({ value: state, context });
        const said = events.filter((event) => expected(state, context, event) !== null || final.can(event));
        expect(said, `${state} with ${JSON.stringify(context)}`).toEqual([]);
      }
  });
});

const named = (actions: readonly { readonly type: string }[]) => actions.map(({ type }) => type).sort();
