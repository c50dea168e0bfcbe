// What may be asked of an actor, and what it answers. The same shapes travel inside JetStream messages.

/** Reported and changed fields of a task: the body of PATCH without `status`. */
export interface Fields {
  readonly new_success?: number;
  readonly new_failures?: number;
  readonly failure_reason?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly expected_count?: number;
  readonly priority?: number;
  readonly result?: unknown;
}

export const taskVerbs = ["succeed", "fail", "cancel", "pause", "resume", "update"] as const;
export type TaskVerb = (typeof taskVerbs)[number];
export const batchVerbs = ["stop_batch", "pause_batch", "resume_batch", "set_rules"] as const;
export type BatchVerb = (typeof batchVerbs)[number];

/** A command as a client asked for it. `target` is a task id, or a batch id for batch verbs. */
export interface ClientCommand {
  /** Unique per asking; the answer is sent under this id. */
  readonly id: string;
  readonly verb: TaskVerb | BatchVerb;
  readonly target: string;
  readonly fields?: Fields;
  /** Of `set_rules`: these, for the unfinished tasks of exactly this kind. */
  readonly rules?: { readonly kind: string; readonly rules: readonly unknown[] };
  /** The attempt that the report speaks of; none means the present one. */
  readonly attempt?: number;
  /** The client's own idempotency key (`Idempotency-Key` or `Nats-Msg-Id`): its first answer is kept for 24 h. */
  readonly key?: string;
}

export const deliveryVerbs = ["replay", "replay_since"] as const;
export type DeliveryVerb = (typeof deliveryVerbs)[number];

/** What a client asks of deliveries; comes by the HTTP door alone. `target` is a delivery, or `anyDelivery`. */
export interface DeliveryCommand {
  readonly id: string;
  readonly verb: DeliveryVerb;
  readonly target: string;
  /** Of `replay_since`: those that were exhausted then or later. RFC 3339. */
  readonly since?: string;
  readonly key?: string;
}

/** The target of a command that names no single delivery. */
export const anyDelivery = "00000000-0000-0000-0000-000000000000";

/** The answer to a command. `status` is the HTTP code; the other fields are those of `contract` NATS answers. */
export interface Answer {
  readonly status: number;
  readonly id: string;
  readonly state?: string;
  readonly attempt?: number;
  readonly error?: string;
  readonly details?: readonly string[];
  /** With 409: what the machine accepts now. */
  readonly allowed?: readonly TaskVerb[];
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
}
