// What may be asked of an actor, and what it answers. The same shapes travel inside JetStream messages.
import type { ErrorCode } from "#domain/errors";
import type { Fault, Faults } from "#domain/faults";
import { nilUuid } from "#domain/values/uuid";
import type { Outcome } from "#machines/task";

/** Reported and changed fields of a task: the body of PATCH without `status`. */
export interface Fields {
  readonly new_success?: number;
  readonly new_failures?: number;
  readonly failure_reason?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly expected_count?: number;
  readonly priority?: number;
  /** RFC 3339; null: now. */
  readonly run_at?: string | null;
  readonly result?: unknown;
}

/** An operator's word on how a task ends. */
export interface Override {
  readonly status: Outcome;
  readonly reason: string;
  readonly result?: unknown;
}

/** What a refusal may name as accepted, in its order. */
export const acceptedVerbs = ["succeed", "fail", "skip", "cancel", "pause", "resume", "update"] as const;
export type AcceptedVerb = (typeof acceptedVerbs)[number];
export const taskVerbs = [...acceptedVerbs, "override"] as const;
export type TaskVerb = (typeof taskVerbs)[number];
export const batchVerbs = ["stop_batch", "pause_batch", "resume_batch", "set_rules", "close_batch"] as const;
export type BatchVerb = (typeof batchVerbs)[number];

/** A command as a client asked for it. `target` is a task id, or a batch id for batch verbs. */
export interface ClientCommand {
  /** Unique per asking; the answer is sent under this id. */
  readonly id: string;
  readonly verb: TaskVerb | BatchVerb;
  readonly target: string;
  /** Who asks, as events say it. */
  readonly actor: string;
  /** Why, in the words of who asks: of `cancel`, `pause` and `resume`, of a task or a batch. */
  readonly reason?: string;
  readonly fields?: Fields;
  /** Of `override`. */
  readonly override?: Override;
  /** Of `set_rules`: these, for the unfinished tasks of exactly this kind. */
  readonly rules?: { readonly kind: string; readonly rules: readonly unknown[] };
  /** Of a bulk operation: only while its target is in one of these states. */
  readonly states?: readonly string[];
  /** The attempt that the report speaks of; none means the present one. */
  readonly attempt?: number;
  /** The client's own idempotency key (`Idempotency-Key` or `Nats-Msg-Id`): its first answer is kept for 24 h. */
  readonly key?: string;
}

export const deliveryVerbs = ["replay", "replay_since"] as const;
export type DeliveryVerb = (typeof deliveryVerbs)[number];

/** What a client asks of deliveries; comes by the HTTP API alone. `target` is a delivery, or `anyDelivery`. */
export interface DeliveryCommand {
  readonly id: string;
  readonly verb: DeliveryVerb;
  readonly target: string;
  /** Of `replay_since`: those that were exhausted then or later. RFC 3339. */
  readonly since?: string;
  /** Of a bulk operation: only while it is in one of these states. */
  readonly states?: readonly string[];
  readonly key?: string;
}

/** The target of a command that names no single delivery. */
export const anyDelivery = nilUuid;

/** The answer to a command that is wrong by itself. */
export const invalidAnswer = (id: string, faults: Faults): Answer => ({
  ...{ status: 400, id, error: "Validation failed", code: "validation_failed" },
  ...{ details: faults.list, faults: faults.faults },
});

/** What is wrong with a request under a key that stands for another one. */
export const keyReused = "This idempotency key was used with another request";
export const keyReusedAnswer = (id: string): Answer => ({ status: 422, id, error: keyReused, code: "key_reused" });

/** What is wrong with a command that names another attempt than the present one. */
export const staleness = (present: number, named: number): string =>
  `attempt ${named} is not the present one, which is ${present}`;

/** The answer to a command. `status` is the HTTP code; the other fields are those of an answer by NATS. */
export interface Answer {
  readonly status: number;
  readonly id: string;
  readonly state?: string;
  readonly attempt?: number;
  readonly error?: string;
  /** With an error: as HTTP gives it. */
  readonly code?: ErrorCode;
  readonly details?: readonly string[];
  readonly faults?: readonly Fault[];
  /** With 409: what the machine accepts now. */
  readonly allowed?: readonly AcceptedVerb[];
  /** With 202: the command is committed, and what follows from it goes on. */
  readonly propagating?: true;
  /** Of batch commands: how many tasks, by what happened to them; of `replay_since`: how many deliveries. */
  readonly counts?: Readonly<Record<string, number>>;
}

/** One counter update. */
export interface Progress {
  /** Makes it count once, whatever message brings it. Without one it counts once with the message it came in. */
  readonly id?: string | undefined;
  readonly task: string;
  readonly success: number;
  readonly failures: number;
  /** It changes nothing under another one. Undefined: it is for the present attempt, whichever that is. */
  readonly attempt?: number | undefined;
  /** Of one with an id: the client named the attempt itself, so that another one under this id is another request. */
  readonly named?: boolean | undefined;
  /** Accepted while Postgres was away: nobody has looked whether the task had ended. */
  readonly unseen?: boolean | undefined;
}
