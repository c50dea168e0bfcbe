// What Baton does to the outside: the shapes of an action as users send it and as it is kept.
export type Verb = "Get" | "Post" | "Put" | "Patch" | "Delete";

/** What a start asks for of the results of other tasks: of all its parents, or of tasks above it, by the name of each input. */
export type Inputs = "parents" | Readonly<Record<string, Input>>;
export interface Input {
  /** A local id. */
  readonly task: string;
  /** RFC 6901, into the result; left out: the whole. */
  readonly pointer?: string | null;
  /** Where there is no result, or the pointer finds nothing. */
  readonly default?: unknown;
}

export interface WebhookAction {
  readonly kind: "Webhook";
  readonly params: {
    readonly url: string;
    readonly verb: Verb;
    readonly body?: Readonly<Record<string, unknown>> | null;
    readonly headers?: Readonly<Record<string, string>> | null;
    readonly completes?: "on_callback" | "on_response";
    /** Of a start. */
    readonly inputs?: Inputs | null;
  };
}

export interface NatsAction {
  readonly kind: "Nats";
  readonly params: {
    readonly subject: string;
    readonly body?: Readonly<Record<string, unknown>> | null;
    readonly headers?: Readonly<Record<string, string>> | null;
    /** Of a start. */
    readonly queue_timeout_secs?: number | null;
    /** Of a start. */
    readonly inputs?: Inputs | null;
  };
}

/** A gate: nothing is called, and the task is Running until somebody reports. */
export interface WaitAction {
  readonly kind: "Wait";
  readonly params: { readonly prompt?: string };
}

export type Action = WebhookAction | NatsAction;
export type StartAction = Action | WaitAction;
export const startKinds = ["Webhook", "Nats", "Wait"] as const satisfies readonly StartAction["kind"][];

/** An action that is delivered after the start, as kept in `task_spec.actions`. */
export type LaterAction = Action &
  (
    | { readonly trigger: "End"; readonly on: Outcome }
    /** `answered`: it came with the answer to a start call, and is about that call alone. */
    | { readonly trigger: "Cancel"; readonly answered?: true }
  );
export type Outcome = "success" | "failure";

/** Bits of `task.acts`: which actions a task has; `stopped`: it was ended while its call may have been open;
 * `added`: it has added tasks to its batch. */
export const acts = { start: 1, success: 2, failure: 4, cancel: 8, stopped: 16, added: 32 } as const;

export function actsOf(start: StartAction | null, later: readonly LaterAction[]): number {
  let bits: number = start === null ? 0 : acts.start;
  for (const action of later) {
    bits |= action.trigger === "Cancel" ? acts.cancel : action.on === "success" ? acts.success : acts.failure;
  }
  return bits;
}

export const queueTimeoutDefaultSecs = 86_400;

/** How long the message of a start may wait in its queue; null: the start is none. */
export const queueTimeoutOf = (start: StartAction | null): number | null =>
  start?.kind === "Nats" ? (start.params.queue_timeout_secs ?? queueTimeoutDefaultSecs) : null;

/** What it asks for of other tasks; null: nothing. */
export const inputsOf = (start: StartAction | null): Inputs | null =>
  start === null || start.kind === "Wait" ? null : (start.params.inputs ?? null);

/** Scheme, host and port of a call: what concurrency per receiver counts by. Null where no HTTP call is made. */
export function receiverOf(action: StartAction | null | undefined): string | null {
  return action?.kind === "Webhook" ? new URL(action.params.url).origin : null;
}
