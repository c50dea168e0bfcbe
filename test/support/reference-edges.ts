// The second opinion on edges: what each needs, and by which end of its parent it is met (the contract's table, by its rows).
import type { Status, TaskSpec } from "#test/reference";

export type Needs = "finish" | "required" | "success" | "failure" | "no_failure";
export type Dependency = NonNullable<TaskSpec["dependencies"]>[number];

export function needsOf({ requires_success, condition }: Omit<Dependency, "id">): Needs {
  if (requires_success) return "required";
  if (condition === "on_success") return "success";
  if (condition === "on_failure") return "failure";
  return condition === "none_failed" ? "no_failure" : "finish";
}

const meets: Readonly<Record<Needs, readonly Status[]>> = {
  finish: ["Success", "Failure", "Canceled", "Skipped"],
  required: ["Success"],
  success: ["Success"],
  failure: ["Failure", "Canceled"],
  no_failure: ["Success", "Skipped"],
};
export const meet = (needs: Needs, status: Status): boolean => meets[needs].includes(status);
