// Why a task waits, as sentences: what, which, how much, when. Pure: a list of pieces, of which some are links; texts from tasks
// are pieces too, so that they are never markup.
import type { Blocker, Rule } from "../../sdk/client.ts";

export type Piece =
  | string
  | { readonly code: string }
  | { readonly task: string }
  | { readonly until: string }
  | { readonly receiver: string };

export interface Reason {
  /** Two to six words. */
  readonly title: string;
  readonly said: readonly Piece[];
  /** Tasks whose end would let this one start. */
  readonly tasks: readonly string[];
}

/** The most decisive first: what a person must act on, before what passes by itself. */
const order: readonly Blocker["type"][] = [
  ...(["paused", "circuit", "unreachable", "rule", "dependency", "backoff", "run_at", "slots"] as const),
];

export function reasonsOf(blockers: readonly Blocker[]): Reason[] {
  const waits = blockers.filter(({ type }) => type === "dependency");
  const others = blockers.filter(({ type }) => type !== "dependency").map(reasonOf);
  const all = waits.length === 0 ? others : [...others, forParents(waits)];
  return all.sort((a, b) => order.indexOf(a.type) - order.indexOf(b.type));
}

type Typed = Reason & { readonly type: Blocker["type"] };

function forParents(waits: readonly Blocker[]): Typed {
  const tasks = waits.flatMap(({ task_id }) => (task_id === undefined ? [] : [task_id]));
  const title = tasks.length === 1 ? "It waits for a task." : `It waits for ${tasks.length} tasks.`;
  return { type: "dependency", title, said: ["It starts when they have ended as its edges ask."], tasks };
}

function reasonOf(blocker: Blocker): Typed {
  const { type, host = "the receiver", until, error } = blocker;
  const when: readonly Piece[] = until === undefined ? [] : [{ until }];
  switch (type) {
    case "paused":
      return { type, title: "It is paused.", said: ["It goes on when somebody resumes it, or its batch."], tasks: [] };
    case "run_at":
      return { type, title: "Its time has not come.", said: ["It starts ", ...when, " at the earliest."], tasks: [] };
    case "backoff":
      return { type, title: "It is tried again.", said: ["The next attempt begins ", ...when, "."], tasks: [] };
    case "circuit": {
      const said = [
        "Calls to ",
        { receiver: host },
        " failed in a row, so none is made until one test call succeeds. ",
      ];
      return { type, title: "Its receiver is down.", said: [...said, "The next is due ", ...when, "."], tasks: [] };
    }
    case "unreachable": {
      const said: Piece[] = [
        "The start could not be sent to ",
        { receiver: host },
        ": ",
        { code: error ?? "no connection" },
      ];
      return {
        type,
        title: "Its receiver cannot be reached.",
        said: [...said, ". Next try ", ...when, "."],
        tasks: [],
      };
    }
    case "slots":
      return { type, title: "Every call slot is in use.", said: ["It is called as soon as a call ends."], tasks: [] };
    case "rule":
      return forRule(blocker);
    default:
      return { type, title: "It waits.", said: [], tasks: [] };
  }
}

function forRule(blocker: Blocker): Typed {
  const { rule, used, limit, holders: tasks = [], missing = [], until } = blocker;
  const said = ruleText(rule as Rule);
  if (missing.length > 0) {
    const lacks: Piece[] = ["Its metadata lacks ", { code: missing.join(", ") }, ", which its rule compares: "];
    return { type: "rule", title: "A rule can never admit it.", said: [...lacks, ...said, "."], tasks: [] };
  }
  const full: Piece[] = used === undefined || limit === undefined ? [] : [`: ${used} of ${limit} in use`];
  const when: Piece[] = until === undefined ? [] : [" The next may start ", { until }, "."];
  return {
    type: "rule",
    title: "It waits for a slot.",
    said: ["The rule ", ...said, " is full", ...full, ".", ...when],
    tasks,
  };
}

/** A rule as a phrase. */
function ruleText(rule: Rule | undefined): Piece[] {
  if (rule === undefined || rule === null) return ["of its kind"];
  const { kind, fields } = rule.matcher;
  const same: Piece[] = fields.length === 0 ? [] : [" with the same ", { code: fields.join(", ") }];
  if (rule.type === "Concurrency")
    return [`“at most ${rule.max_concurrency} of `, { code: kind }, ...same, " at once”"];
  if (rule.type === "Capacity") return [`“less than ${rule.max_capacity} left to do of `, { code: kind }, ...same, "”"];
  // Rules of a newer server.
  const { max_starts: starts, per_secs: secs } = rule as unknown as { max_starts?: number; per_secs?: number };
  return [`“at most ${starts ?? "?"} starts in ${secs ?? "?"} s of `, { code: kind }, ...same, "”"];
}
