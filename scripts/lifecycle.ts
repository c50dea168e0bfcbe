// Writes docs/lifecycle.md from machines/task.ts, so that the page cannot say anything that the machine does not do.
// Run it with `node scripts/lifecycle.ts`; a test compares the committed page with what this renders.
// A guard, action or event that has no words here stops it: whoever adds one says in words what it is.
import { writeFileSync } from "node:fs";
import { type TaskState, taskMachine } from "../machines/task.ts";

export const lifecyclePath = "docs/lifecycle.md";

const stateWords: Record<TaskState, string> = {
  Waiting: "some of its dependencies are not met yet",
  Pending: "may be claimed as soon as its time and its rules allow",
  Claimed: "a worker holds it and makes its start call",
  Running: "the start call was answered; the service works on it and will report",
  Retrying: "an attempt failed and the next one waits for its backoff",
  Paused: "held by a user; hears of its parents all the same",
  Success: "final",
  Failure: "final",
  Canceled: "final",
  Skipped: "final: a condition on a parent cannot be met any more",
};

const eventWords: Record<string, string> = {
  parent_met: "a dependency was met",
  parent_lost: "a dependency can never be met",
  claim: "a worker takes the task, to make its start call",
  started: "the start action was answered 2xx",
  start_deferred: "the start action was answered 429 or 503 with Retry-After",
  start_failed: "the start action failed",
  lease_expired: "the worker that held the task died; its start call may have been made",
  released: "the worker gives the task back; the call was not made",
  succeed: "reported: done",
  fail: "reported: failed",
  timeout: "no update for `timeout` seconds",
  run_at_reached: "the time before which it may not start has come",
  backoff_elapsed: "the wait before the next attempt is over",
  pause: "a user holds it, or its batch",
  request_pause: "its batch was paused: hold it when it comes back",
  withdraw_pause: "its batch was resumed before that",
  resume: "a user lets it go on, or its batch",
  cancel: "a user, the end of its batch, or a dead end: nobody needs it any more",
  update: "fields that decide nothing are changed",
};

const guardWords: Record<string, string> = {
  lastDependency: "it was the last one",
  owedByParent: "it was still missing",
  lostToFailure: "it was a required success (`requires_success`)",
  lostToSkipped: "it was a `condition`",
  inDoubt: "the call of a dead worker may have been made",
  inDoubtAndMayRetry: "the call of a dead worker may have been made, and a retry is left",
  pauseRequested: "its batch was paused meanwhile",
  notPauseRequested: "not asked for yet",
  hasDependencies: "a dependency is still missing",
  inBackoff: "a retry is owed",
  mayRetry: "a retry is left for this cause",
  mayRetryPaused: "a retry is left for this cause, and its batch was paused meanwhile",
};

const actionWords: Record<string, string> = {
  countParent: "wait_finished - 1, and wait_success - 1 for a required one",
  doubt: "remember that the call may have been made",
  settleClaim: "no more doubt about an earlier call",
  settlePause: "the requested pause is settled",
  requestPause: "remember to pause it on its way back",
  oweRetry: "a retry is owed",
  nextAttempt: "attempt + 1",
  changeFields: "write the changed fields",
  forgetStart: "started_at is null again",
  armRunAt: "wake at `run_at`",
  armTimeout: "the time-out clock starts",
  armBackoff: "wake when the backoff is over",
  disarm: "no timer",
  deliverSuccess: "deliver on_success",
  deliverFailure: "deliver on_failure",
  deliverCancel: "deliver on_cancel",
};

interface Edge {
  readonly from: string;
  readonly to: string;
  readonly event: string;
  readonly guard: string | null;
  readonly actions: readonly string[];
}

export function renderLifecycle(): string {
  const edges = states().flatMap(edgesOf);
  return `${[
    "# The life of a task",
    "",
    "<!-- Generated from machines/task.ts by `node scripts/lifecycle.ts`; do not edit. -->",
    "",
    "A task with nothing to wait for is created `Pending`, any other `Waiting`. `Success`, `Failure`, `Canceled` and",
    "`Skipped` are final: they never change. An event that the table below does not name for a state is refused, and the",
    "task stays as it is, `last_updated` included. Where an event stands in several rows of a state, the first whose",
    "condition holds applies; where none holds, it is refused.",
    "",
    "```mermaid",
    ...diagram(edges),
    "```",
    "",
    "Not drawn: what leaves the state as it is, and `cancel`, which every state that is not final accepts.",
    "",
    "## States",
    "",
    "| state | meaning | on entering it |",
    "|---|---|---|",
    ...states().map(
      (state) =>
        `| \`${state.key}\` | ${stateWords[state.key as TaskState]} | ${words(actionWords, names(state.entry))} |`,
    ),
    "",
    "## Events",
    "",
    "| event | meaning |",
    "|---|---|",
    ...taskMachine.events.map((event) => `| \`${event}\` | ${word(eventWords, event)} |`),
    "",
    "## Transitions",
    "",
    "| from | event | only if | to | besides entering it |",
    "|---|---|---|---|---|",
    ...edges.map(
      ({ from, event, guard, to, actions }) =>
        `| \`${from}\` | \`${event}\` | ${guard === null ? "" : word(guardWords, guard)} | ${to === from ? "stays" : `\`${to}\``} | ${words(actionWords, actions)} |`,
    ),
  ].join("\n")}\n`;
}

type Node = (typeof taskMachine.states)[TaskState];
type Transition = { readonly target?: readonly { key: string }[]; readonly guard?: unknown; readonly actions: unknown };

const states = (): Node[] => Object.values(taskMachine.states);

function edgesOf(node: Node): Edge[] {
  return [...node.transitions].flatMap(([event, transitions]) =>
    (transitions as readonly Transition[]).map(({ target, guard, actions }) => ({
      from: node.key,
      to: target?.[0]?.key ?? node.key,
      event,
      guard: names(guard)[0] ?? null,
      actions: names(actions),
    })),
  );
}

/** One arrow for each pair of states, labelled with all events that lead along it. */
function diagram(edges: readonly Edge[]): string[] {
  const arrows = new Map<string, Set<string>>();
  for (const { from, to, event } of edges) {
    if (from === to || event === "cancel") continue;
    const arrow = `${from} --> ${to}`;
    arrows.set(arrow, (arrows.get(arrow) ?? new Set()).add(event));
  }
  return [
    "stateDiagram-v2",
    "  [*] --> Waiting: created with dependencies",
    "  [*] --> Pending: created without",
    ...[...arrows].map(([arrow, events]) => `  ${arrow}: ${[...events].join(", ")}`),
    ...states().flatMap(({ key, type }) => (type === "final" ? [`  ${key} --> [*]`] : [])),
  ];
}

/** A guard or action stands in the machine as its name, as an object with its type, or as a list of these. */
function names(some: unknown): string[] {
  if (some === undefined) return [];
  return (Array.isArray(some) ? some : [some]).map((one) => (typeof one === "string" ? one : String(one.type)));
}

const words = (dictionary: Record<string, string>, some: readonly string[]) =>
  some.map((name) => word(dictionary, name)).join("; ");

function word(dictionary: Record<string, string>, name: string): string {
  const said = dictionary[name];
  if (said === undefined) throw new Error(`scripts/lifecycle.ts has no words for ${name}`);
  return said;
}

if (import.meta.main) writeFileSync(lifecyclePath, renderLifecycle());
