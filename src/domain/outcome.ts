// What became of a command, as it is counted: of one that a client sent, and of what a worker learned by itself.
import type { Answer } from "#domain/command";

/**
 * `done`: it took effect. `rejected`: it was refused, and the answer says why. `expired`: it waited too long to be begun.
 * `stale`: there was nothing left to do. `failed`: it could not be decided, and a sweep asks again. `dead_letter`: it could not
 * be decided, and was set aside with its reason.
 */
export type CommandOutcome = "done" | "rejected" | "expired" | "stale" | "failed" | "dead_letter";

/** Of an answer to a client; of what a worker learned: whether it changed anything. A dead letter is none of these. */
export function outcomeOf(result: Answer | boolean): CommandOutcome {
  if (typeof result === "boolean") return result ? "done" : "stale";
  if (result.status < 300) return "done";
  return result.status === 503 ? "expired" : "rejected";
}
