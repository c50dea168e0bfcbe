// Why a task does not run now, or why it ended so, in lines for people, with what looks further. Pure.
import type { Blocker, ListedTask, Rule, Task } from "../../sdk/client.ts";
import { shortId } from "../context.ts";

/** How the reader asks further: `baton why 019b…` in a shell, another tool for a model. */
export type Next = (
  what: "why" | "events" | "rerun" | "resume" | "complete" | "fail" | "doctor" | "check-receiver",
  id?: string,
) => string;

/** `tasks`: those of its batch, where it waits for some of them. */
export function whyLines(task: Task, tasks: readonly ListedTask[], next: Next): string[] {
  if (task.ended_at !== null)
    return [
      `${task.local_id} has ended: ${task.status}${task.failure_reason ? `, ${task.failure_reason}` : ""}`,
      `Try: ${next("events", task.id)}`,
      ...(isRefused(task) ? [` or: ${next("check-receiver", urlOf(task))}`] : []),
      ...(task.status === "Failure" ? [` or: ${next("rerun", task.batch_id)}`] : []),
    ];
  const blockers = together(task.blocked_by ?? []);
  if (blockers.length === 0 && task.start_kind === "Wait") {
    const prompt = task.actions.find(({ kind }) => kind === "Wait")?.params?.prompt;
    return [
      `${task.local_id} is a gate, and waits for somebody's word${prompt ? `: ${prompt}` : ""}`,
      `Try: ${next("complete", task.id)}`,
      ` or: ${next("fail", task.id)}`,
    ];
  }
  if (blockers.length === 0)
    return [
      `${task.local_id} is ${task.status}: it runs, and was last heard of at ${task.last_updated}`,
      `It is timed out after ${task.timeout} s without a sign of life.`,
    ];
  const byId = new Map(tasks.map((one) => [one.id, one]));
  return [
    `${task.local_id} is ${task.status}. It waits for:`,
    ...blockers.map((blocker) => `  ${blockerLine(blocker, task, byId, next)}`),
  ];
}

/** Its service did not believe the call: a signature, a secret, or a clock may be wrong. */
const isRefused = (task: Task): boolean =>
  urlOf(task) !== undefined && /^on_start failed: HTTP 40[13]\b/.test(task.failure_reason ?? "");

function urlOf({ actions }: Task): string | undefined {
  const url = actions.find(({ kind, trigger }) => kind === "Webhook" && trigger === "Start")?.params?.url;
  return typeof url === "string" ? url : undefined;
}

/** Whether the tasks of its batch are wanted to say it. */
export const waitsForTasks = ({ blocked_by: blockers }: Task): boolean =>
  (blockers ?? []).some(({ type }) => type === "dependency");

/** A receiver that this task could not reach, and whose circuit is open: one line, with the time that is true. */
function together(blockers: readonly Blocker[]): Blocker[] {
  const circuits = new Map(blockers.filter(({ type }) => type === "circuit").map((one) => [one.host, one]));
  const known = new Set(blockers.filter(({ type }) => type === "unreachable").map(({ host }) => host));
  return blockers.flatMap((blocker) => {
    if (blocker.type === "circuit" && known.has(blocker.host)) return [];
    const { until } = circuits.get(blocker.host) ?? {};
    return blocker.type === "unreachable" && until && until > (blocker.until ?? "")
      ? [{ ...blocker, until }]
      : [blocker];
  });
}

function blockerLine(blocker: Blocker, task: Task, tasks: ReadonlyMap<string, ListedTask>, next: Next): string {
  const { type, until, host } = blocker;
  switch (type) {
    case "dependency": {
      const parent = tasks.get(blocker.task_id ?? "");
      if (!parent) return `the task ${blocker.task_id}`;
      return `${parent.local_id}, which is ${parent.status}: ${next("why", parent.id)}`;
    }
    case "rule": {
      const { used, limit, missing, holders: users = [] } = blocker;
      const rule = blocker.rule as Rule | undefined;
      const lacks = missing ? `; its metadata lacks ${JSON.stringify(missing)}` : "";
      const by = users.length > 0 ? `, by ${users.map(shortId).join(", ")}` : "";
      return `a rule (${rule?.type ?? "?"} of ${rule?.matcher.kind ?? "?"}): ${used} of ${limit} used${by}${until ? `; the next at ${until}` : ""}${lacks}`;
    }
    case "paused":
      return `somebody to resume it: ${next("resume", task.id)}`;
    case "circuit":
      return `${host}, which could not be reached; it is tried again at ${until}`;
    case "unreachable":
      return `${host}: ${blocker.error}; it is tried again at ${until}`;
    case "slots":
      return host ? `a free call slot to ${host}` : `a worker with a free call slot: ${next("doctor")}`;
    default:
      return `${type === "backoff" ? "its next try" : "its time"}: ${until}`;
  }
}
