// What a task is by its parents: the table of docs/edges.md, and joins. Pure.
import type { DependencyInput, TaskStatus } from "../types.ts";
import type { Life, Link, Needs } from "./life.ts";

const meets: Readonly<Record<Needs, readonly TaskStatus[]>> = {
  always: ["Success", "Failure", "Canceled", "Skipped"],
  on_success: ["Success"],
  on_failure: ["Failure", "Canceled"],
  none_failed: ["Success", "Skipped"],
  requires_success: ["Success"],
};

export const needsOf = ({ requires_success, condition }: DependencyInput): Needs =>
  requires_success === true ? "requires_success" : (condition ?? "always");

export const hasEnded = ({ status }: Life): boolean => meets.always.includes(status);

/** By its parents a task waits, may start, or has ended before it began. */
export interface Fate {
  readonly status: "Waiting" | "Pending" | "Failure" | "Skipped";
  readonly reason?: string;
}

export function fateOf(links: readonly Link[], joinsAny: boolean): Fate {
  const ended = links.filter(({ parent }) => hasEnded(parent));
  const never = ended.filter(({ parent, needs }) => !meets[needs].includes(parent.status));
  const isLost = never.length > 0 && (!joinsAny || never.length === links.length);
  if (isLost) return lossBy(never);
  const isReady = joinsAny && links.length > 0 ? ended.length > never.length : ended.length === links.length;
  return { status: isReady ? "Pending" : "Waiting" };
}

/** The parent that ended last names the reason. */
function lossBy(never: readonly Link[]): Fate {
  const last = (links: readonly Link[]) =>
    links.reduce<Link | undefined>((a, b) => (a && a.parent.endedAs > b.parent.endedAs ? a : b), undefined);
  const required = last(never.filter(({ needs }) => needs === "requires_success"));
  if (required) return { status: "Failure", reason: `Required parent task ${required.parent.localId} failed` };
  const { parent, needs } = last(never) as Link;
  const reason = `Condition ${needs} of parent task ${parent.localId} not met: it is ${parent.status}`;
  return { status: "Skipped", reason };
}
