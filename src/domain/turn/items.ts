// What a turn decides: commands of clients, and what this process found out by itself; and which kind of turn decides each.
import type { Action } from "#domain/action";
import type { Unsendable } from "#domain/calls/unsent";
import { type Answer, batchVerbs, type ClientCommand } from "#domain/command";
import type { StartCall } from "#domain/row";

/** `start_unanswered`: the call was sent, and the service may have taken it. */
type StartFailure = "start_failed" | "start_unanswered";

/** What this worker can recompute from a row: outcomes of start calls, timers, leases. `claimId` fences: a late outcome of an earlier claim is refused. `call`: how the start call went that this is the outcome of. */
export type LocalCommand = { readonly call?: StartCall } & (
  | {
      readonly type: "started";
      readonly task: string;
      readonly claimId: number;
      readonly cancelAction?: Action;
      /** Why an action in the answer was not taken. */
      readonly ignored?: string;
    }
  | { readonly type: "start_deferred"; readonly task: string; readonly claimId: number; readonly waitMs: number }
  | ({ readonly type: "start_unsent"; readonly task: string; readonly claimId: number } & Unsendable)
  | { readonly type: StartFailure; readonly task: string; readonly claimId: number; readonly reason: string }
  /** The call was not made: back to Pending at once, without doubt. */
  | { readonly type: "released"; readonly task: string; readonly claimId: number }
  /** `wasSent`: its worker lives, and the call left by a connection that was closed. */
  | { readonly type: "lease_expired"; readonly task: string; readonly claimId: number; readonly wasSent?: true }
  /** A task without start action was claimed: it succeeds by itself. */
  | { readonly type: "joined"; readonly task: string; readonly claimId: number }
  /** The call's answer is the report. */
  | {
      readonly type: "answered";
      readonly task: string;
      readonly claimId: number;
      readonly result: Readonly<Record<string, unknown>> | null;
      /** Why the answer is not kept as the result. */
      readonly ignored?: string;
    }
  | { readonly type: "due"; readonly task: string; readonly ends: boolean }
  /** The deadline of a batch has passed. */
  | { readonly type: "deadline"; readonly batch: string }
);

/** One thing to decide, and what to do when it is settled. */
export type Item =
  | { readonly from: "local"; readonly command: LocalCommand }
  | {
      readonly from: "client";
      readonly command: ClientCommand;
      /** When JetStream stored it, ms. */
      readonly storedAt: number;
      /** Its caller gives up after the deadline: then it must not take effect any more. */
      readonly expires: boolean;
      /** Where an answer that comes later goes, as the bus writes it; null: the client asked for none. */
      readonly replyTo: string | null;
      /** Once; with 202 the final answer comes later, by `replyTo`. */
      readonly settle: (answer: Answer | null) => void;
    };

export const targetOf = ({ from, command }: Item): string =>
  from === "client" ? command.target : command.type === "deadline" ? command.batch : command.task;

/** Whether it is a command for a whole batch. */
export const isOfBatch = ({ from, command }: Item): boolean =>
  from === "client" ? (batchVerbs as readonly string[]).includes(command.verb) : command.type === "deadline";

/** A batch turn locks batch rows first and may end tasks; a task turn locks its task rows alone. */
export type TurnKind = "batch" | "task";

const endingTypes = new Set<LocalCommand["type"]>([
  "start_unsent",
  "start_failed",
  "start_unanswered",
  "joined",
  "answered",
  "deadline",
]);

/** Which kind of turn decides a command: those that may end a task lock the batch first. */
export function kindOf(item: Item): TurnKind {
  if (item.from === "client") return item.command.verb === "update" ? "task" : "batch";
  const { command } = item;
  if (command.type === "due") return command.ends ? "batch" : "task";
  return endingTypes.has(command.type) ? "batch" : "task";
}
