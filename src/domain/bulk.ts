// A bulk operation: what it may ask of what, how far it is, and what the answer to each of its commands counts as. Pure. Its
// commands are those of single calls, under ids that a repetition has again.
import { reasonIn } from "#domain/actor";
import type { Answer, ClientCommand, DeliveryCommand } from "#domain/command";

export const bulkActions = ["cancel", "pause", "resume", "rerun", "replay"] as const;
export type BulkAction = (typeof bulkActions)[number];
export const bulkKinds = ["tasks", "batches", "deliveries"] as const;
export type BulkKind = (typeof bulkKinds)[number];
export const bulkStates = ["collecting", "running", "done", "stopped"] as const;
export type BulkState = (typeof bulkStates)[number];

/** What each action may be asked of. */
export const kindsOfAction = {
  cancel: ["tasks", "batches"],
  pause: ["tasks", "batches"],
  resume: ["tasks", "batches"],
  rerun: ["batches"],
  replay: ["deliveries"],
} as const satisfies Record<BulkAction, readonly BulkKind[]>;

/** Filters of a listing, by the names of its query: every one is given, none is empty. */
export type BulkFilter = Readonly<Record<string, unknown>>;

/** What was asked for. */
export interface BulkAsk {
  readonly action: BulkAction;
  readonly kind: BulkKind;
  readonly filter: BulkFilter;
  readonly reason: string | null;
}

export const actorOfBulk = (id: string): string => `bulk:${id}`;

/** How far an operation is. */
export interface BulkLife {
  readonly state: BulkState;
  readonly stopAsked: boolean;
  readonly collected: number;
  /** Null while it is collecting. */
  readonly matched: number | null;
  /** Items up to `reached` are counted, those up to `taken` are under way. */
  readonly taken: number;
  readonly reached: number;
}

export const isBulkOver = ({ state }: BulkLife): boolean => state === "done" || state === "stopped";

/** A new one. `matched`: null where the set is still to be collected. */
export const begunBulk = (matched: number | null): BulkLife => {
  const life = { stopAsked: false, collected: matched ?? 0, matched, taken: 0, reached: 0 };
  return { ...life, state: matched === null ? "collecting" : matched === 0 ? "done" : "running" };
};

/** So many more were collected; `isAll`: nothing more matches. */
export function collectedBulk(life: BulkLife, count: number, isAll: boolean): BulkLife {
  const collected = life.collected + count;
  if (!isAll) return { ...life, collected };
  return { ...life, collected, matched: collected, state: collected === 0 ? "done" : "running" };
}

/** The next portion is under way; one that a worker left is taken up as it was. */
export const takenBulk = (life: BulkLife, max: number): BulkLife =>
  life.taken > life.reached ? life : { ...life, taken: Math.min(life.collected, life.reached + max) };

/** What was under way is counted. */
export function countedBulk(life: BulkLife): BulkLife {
  const counted = { ...life, reached: life.taken };
  if (counted.reached === counted.matched) return { ...counted, state: "done" };
  return life.stopAsked ? { ...counted, state: "stopped" } : counted;
}

/** What is under way is finished and counted first, so that the counts of one that is stopped are exact. */
export function stoppedBulk(life: BulkLife): BulkLife {
  if (isBulkOver(life)) return life;
  return life.taken > life.reached ? { ...life, stopAsked: true } : { ...life, state: "stopped" };
}

export const bulkOutcomes = ["done", "skipped", "failed"] as const;
export type BulkOutcome = (typeof bulkOutcomes)[number];

const refusals: ReadonlySet<string> = new Set(["not_in_this_state", "delivery_pending", "batch_not_complete"]);

/** What the answer to one command counts as. A rerun that has nothing to take is 204: the state of the batch does not take it. */
export function bulkOutcome({ status, code }: Pick<Answer, "status" | "code">): BulkOutcome {
  if (status === 204 || refusals.has(code ?? "")) return "skipped";
  return status < 300 ? "done" : "failed";
}

/** The states in which a task or delivery is taken; undefined: any that its machine takes. */
function statesOf({ filter, kind }: Pick<BulkAsk, "filter" | "kind">): readonly string[] | undefined {
  const asked = filter.status as readonly string[] | undefined;
  if (kind !== "batches") return asked;
  // States of tasks are asked for before the command; a batch that is complete takes none of these commands.
  const own = asked?.every((one) => one === one.toLowerCase()) ? asked : unfinishedBatch;
  return unfinishedBatch.filter((one) => own.includes(one));
}

const unfinishedBatch = ["running", "paused"] as const;

const verbs = {
  tasks: { cancel: "cancel", pause: "pause", resume: "resume" },
  batches: { cancel: "stop_batch", pause: "pause_batch", resume: "resume_batch" },
} as const;

/** The command for one item; the same each time, so that a repetition gets the first answer. Null: a rerun, which is none. */
export function bulkCommand(bulk: BulkAsk & { readonly id: string }, target: string): BulkCommand | null {
  const { id, action, kind, reason } = bulk;
  const states = statesOf(bulk);
  const common = { id: actorOfBulk(id), target, ...(states === undefined ? {} : { states }) };
  if (action === "rerun") return null;
  if (action === "replay" || kind === "deliveries") return { ...common, verb: "replay" };
  return { ...common, verb: verbs[kind][action], actor: actorOfBulk(id), ...reasonIn(reason) };
}
export type BulkCommand = ClientCommand | (DeliveryCommand & { readonly verb: "replay" });
