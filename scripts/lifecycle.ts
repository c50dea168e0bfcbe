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
  Skipped:
    "final: a condition on a parent cannot be met any more, or its service or an operator says that there was nothing to do",
};

const eventWords: Record<string, string> = {
  parent_met: "a dependency was met",
  parent_lost: "a dependency can never be met",
  parents_left: "so many dependencies can still be met",
  claim: "a worker takes the task, to make its start call",
  started: "the start action was answered 2xx",
  start_deferred: "the start action was answered 429 or 503 with Retry-After",
  start_unsent: "not a byte of the start call could be sent",
  start_failed: "the start action failed",
  start_unanswered: "the start call was sent, and no answer came in time, or the connection broke",
  lease_expired: "the worker that held the task died; its start call may have been made",
  released: "the worker gives the task back; the call was not made",
  succeed: "reported: done",
  fail: "reported: failed",
  skip: "reported: nothing to do",
  timeout: "no update for `timeout` seconds, or none at all for `queue_timeout_secs`",
  expire: "it was not started within `expires_secs`",
  overrun: "`max_duration_secs` have passed since its first claim",
  run_at_reached: "the time before which it may not start has come",
  backoff_elapsed: "the wait before the next attempt is over",
  pause: "a user holds it, or its batch",
  request_pause: "its batch was paused: hold it when it comes back",
  withdraw_pause: "its batch was resumed before that",
  resume: "a user lets it go on, or its batch",
  cancel: "a user, the end of its batch, or a dead end: nobody needs it any more",
  override: "an operator says how it ends",
  reschedule: "fields are changed, and with them when it may start or be tried next",
  update: "fields that decide nothing are changed",
};

const guardWords: Record<string, string> = {
  lastDependency: "it was the last one",
  expectsParent: "it was still missing",
  lostToFailure: "it was a required success (`requires_success`)",
  lostToSkipped: "it was a `condition`",
  fewerLeft: "any of them is enough (`join`), and they are fewer than before",
  mayResume: "not with its batch where it was paused by itself",
  inDoubt: "the call of a dead worker may have been made",
  inDoubtAndMayRetry: "the call of a dead worker may have been made, and a retry is left",
  endsAs: "that end was asked for",
  wasClaimed: "it was claimed before, and that claim was not put back",
  neverClaimed: "it was never claimed, put-backs aside",
  pauseRequested: "it is to be paused on its way back",
  pauseRequestedByBatch: "its batch asked for it",
  notPauseRequested: "not asked for yet",
  mayResumeWaiting: "a dependency is still missing",
  mayResumeBackoff: "a retry is to come",
  mayRetry: "a retry is left for this cause",
  mayRetryPaused: "a retry is left for this cause, and it is to be paused on its way back",
};

const actionWords: Record<string, string> = {
  countParent: "wait_finished - 1, and wait_success - 1 for a required one",
  countParents: "wait_finished is that number",
  notePause: "remember whether its batch was paused",
  forgetPause: "who paused it, or was to, is forgotten",
  countClaim: "it counts as claimed, unless the claim is put back",
  doubt: "remember that the call may have been made",
  settleClaim: "no more doubt about an earlier call",
  settlePause: "the requested pause is settled",
  requestPause: "remember to pause it on its way back",
  keepPause: "remember to pause it again on its way back",
  awaitRetry: "a retry is to come",
  nextAttempt: "attempt + 1",
  resetCounters: "the counters start at 0, and so does what is heard of the attempt",
  changeFields: "write the changed fields",
  forgetUnsent: "its tries that could not be sent are over",
  forgetStart: "started_at is null again",
  setRunAt: "`run_at` is that time; in back-off, that of the next try",
  armRunAt: "arm a timer for `run_at`",
  armTimeout: "the time-out clock starts",
  armBackoff: "arm a timer for the end of the back-off",
  disarm: "no timer",
  deliverSuccess: "deliver on_success",
  deliverFailure: "deliver on_failure",
  deliverCancel: "deliver on_cancel",
  deliverCancelInDoubt: "deliver on_cancel, if the call of a dead worker may have been made",
};

interface Edge {
  readonly from: string;
  readonly to: string;
  readonly event: string;
  /** All of them. */
  readonly guards: readonly string[];
  readonly actions: readonly string[];
}

/** All that the machine does, state by state. */
export const transitions = (): readonly Edge[] => states().flatMap(edgesOf);

export function renderLifecycle(): string {
  const edges = transitions();
  return `${[
    "# The life of a task",
    "",
    "<!-- Generated from machines/task.ts by `node scripts/lifecycle.ts`; do not edit. -->",
    "",
    "A task with nothing to wait for is created `Pending`, any other `Waiting`, and either `Paused` where it is sent with",
    "`paused`, or its batch is. `Success`, `Failure`, `Canceled` and `Skipped` are final: they never change. An event that",
    "the table below does not name for a state is refused, and the task stays as it is, `last_updated` included. Where an",
    "event stands in several rows of a state, the first whose condition holds applies; where none holds, it is refused.",
    "",
    "```mermaid",
    ...diagram(edges),
    "```",
    "",
    "Not drawn: what leaves the state as it is, and `cancel` and `override`, which every state that is not final accepts.",
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
      ({ from, event, guards, to, actions }) =>
        `| \`${from}\` | \`${event}\` | ${words(guardWords, guards)} | ${to === from ? "stays" : `\`${to}\``} | ${words(actionWords, actions)} |`,
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
      guards: names(guard),
      actions: names(actions),
    })),
  );
}

/** One arrow for each pair of states, labelled with all events that lead along it. */
function diagram(edges: readonly Edge[]): string[] {
  const arrows = new Map<string, Set<string>>();
  for (const { from, to, event } of edges) {
    if (from === to || event === "cancel" || event === "override") continue;
    const arrow = `${from} --> ${to}`;
    arrows.set(arrow, (arrows.get(arrow) ?? new Set()).add(event));
  }
  return [
    "stateDiagram-v2",
    "  [*] --> Waiting: created with dependencies",
    "  [*] --> Pending: created without",
    "  [*] --> Paused: created paused",
    ...[...arrows].map(([arrow, events]) => `  ${arrow}: ${[...events].join(", ")}`),
    ...states().flatMap(({ key, type }) => (type === "final" ? [`  ${key} --> [*]`] : [])),
  ];
}

/** A guard or action stands in the machine as its name, as an object with its type, as `and` of guards, or as a list of these. */
function names(some: unknown): string[] {
  if (some === undefined) return [];
  return (Array.isArray(some) ? some : [some]).flatMap((one) =>
    typeof one === "string" ? one : "guards" in one ? names(one.guards) : String(one.type),
  );
}

const words = (dictionary: Record<string, string>, some: readonly string[]) =>
  some.map((name) => word(dictionary, name)).join("; ");

function word(dictionary: Record<string, string>, name: string): string {
  const said = dictionary[name];
  if (said === undefined) throw new Error(`scripts/lifecycle.ts has no words for ${name}`);
  return said;
}

if (import.meta.main) writeFileSync(lifecyclePath, renderLifecycle());
