// What Baton does to the outside: the shapes of an action as users send it and as it is kept.
export type Verb = "Get" | "Post" | "Put" | "Patch" | "Delete";

export interface WebhookAction {
  readonly kind: "Webhook";
  readonly params: {
    readonly url: string;
    readonly verb: Verb;
    readonly body?: Readonly<Record<string, unknown>> | null;
    readonly headers?: Readonly<Record<string, string>> | null;
    readonly completes?: "on_callback" | "on_response";
  };
}

export interface NatsAction {
  readonly kind: "Nats";
  readonly params: {
    readonly subject: string;
    readonly body?: Readonly<Record<string, unknown>> | null;
    readonly headers?: Readonly<Record<string, string>> | null;
  };
}

export type Action = WebhookAction | NatsAction;

/** An action that is delivered after the start, as kept in `task_spec.actions`. */
export type LaterAction = Action &
  (
    | { readonly trigger: "End"; readonly on: Outcome }
    /** `answered`: it came with the answer to a start call, and is about that call alone. */
    | { readonly trigger: "Cancel"; readonly answered?: true }
  );
export type Outcome = "success" | "failure";

/** Bits of `task.acts`. */
export const acts = { start: 1, success: 2, failure: 4, cancel: 8 } as const;

export function actsOf(start: Action | null, later: readonly LaterAction[]): number {
  let bits: number = start === null ? 0 : acts.start;
  for (const action of later) {
    bits |= action.trigger === "Cancel" ? acts.cancel : action.on === "success" ? acts.success : acts.failure;
  }
  return bits;
}

/** Scheme, host and port of a call: what concurrency per receiver counts by. Null where no HTTP call is made. */
export function receiverOf(action: Action | null | undefined): string | null {
  return action?.kind === "Webhook" ? new URL(action.params.url).origin : null;
}
