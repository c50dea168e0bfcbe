// Expected failures, as tagged errors: the text for the caller, its HTTP status and code, and whether repeating may help.
// Anything else that is thrown is our own broken promise.
import { type Fault, type FaultCode, Faults } from "#domain/faults";

/** Every `code` of an error answer: the HTTP statuses that it may come with, and when it comes. */
export const errorCodes = {
  malformed_json: { statuses: [400], when: "The body is no JSON in UTF-8." },
  invalid_id: { statuses: [400], when: "An id in the path is no UUID." },
  validation_failed: {
    statuses: [400, 417, 431],
    when: "Something in the body, the query or a header is wrong; `details` and `faults` list everything.",
  },
  not_in_this_state: {
    statuses: [400, 409],
    when: "The task or delivery does not accept this in its state (400 for DELETE, pause and resume of a task).",
  },
  unauthorized: { statuses: [401], when: "A token or a good signature is needed, and none was sent." },
  forbidden: { statuses: [403], when: "The token or the signed handle does not allow this." },
  unknown_task: { statuses: [404], when: "There is no task of this id." },
  unknown_batch: { statuses: [404], when: "There is no batch of this id." },
  unknown_delivery: { statuses: [404], when: "There is no delivery of this id." },
  unknown_schedule: { statuses: [404], when: "There is no schedule of this name." },
  unknown_bulk: { statuses: [404], when: "There is no bulk operation of this id." },
  unknown_dead_letter: { statuses: [404], when: "There is no dead letter of this id." },
  unknown_route: { statuses: [404], when: "There is no such path." },
  method_not_allowed: { statuses: [405], when: "The path has other methods, which `Allow` names." },
  wrong_attempt: { statuses: [409], when: "The report names an attempt that is not the present one." },
  batch_complete: { statuses: [409], when: "The batch is complete or was stopped: no task can be added to it." },
  batch_not_complete: { statuses: [409], when: "Some tasks of the batch are unfinished." },
  delivery_pending: { statuses: [409], when: "The delivery is still being tried." },
  key_in_flight: {
    statuses: [409],
    when: "The first call with this Idempotency-Key has been under way for over 10 s. Repeat it after `Retry-After`.",
  },
  body_too_large: { statuses: [413], when: "The body is larger than PAYLOAD_MAX_BYTES." },
  unsupported_media_type: {
    statuses: [415],
    when: "The body is not application/json in UTF-8, or it has a content coding such as gzip.",
  },
  key_reused: { statuses: [422], when: "The Idempotency-Key was used with another request." },
  too_many_unfinished: {
    statuses: [429],
    when: "As many tasks are unfinished as MAX_UNFINISHED_TASKS allows. Repeat the call after `Retry-After`.",
  },
  too_many_streams: {
    statuses: [429],
    when: "Too many streams of events are open at this process. Repeat the call after `Retry-After`.",
  },
  internal: { statuses: [500], when: "Baton has a fault; its log has the cause." },
  unavailable: {
    statuses: [503],
    when: "Postgres or NATS cannot be reached. Nothing was done, or it is not known; repeating the call after `Retry-After` is safe.",
  },
  busy: {
    statuses: [503],
    when: "No worker answered within 10 s, or the database is too busy. Repeating the call after `Retry-After` is safe.",
  },
} as const satisfies Record<string, { readonly statuses: readonly number[]; readonly when: string }>;
export type ErrorCode = keyof typeof errorCodes;

export abstract class BatonError extends Error {
  abstract readonly _tag: string;
  abstract readonly status: number;
  abstract readonly code: ErrorCode;
  readonly retryable: boolean = false;
  readonly details: readonly string[];
  readonly faults: readonly Fault[];
  constructor(message: string, found: Faults | readonly string[] = [], options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.details = found instanceof Faults ? found.list : found;
    this.faults = found instanceof Faults ? found.faults : [];
  }
}

/** The request is wrong; the faults say where and why. */
export class Invalid extends BatonError {
  readonly _tag = "Invalid";
  readonly status = 400;
  readonly code: ErrorCode;
  constructor(
    message: string,
    faults: Faults,
    code: "validation_failed" | "malformed_json" | "invalid_id" = "validation_failed",
  ) {
    super(message, faults);
    this.code = code;
  }

  /** One fault outside of the body. */
  static outside(message: string, path: string, name: string, code: FaultCode, wrong: string): Invalid {
    const faults = new Faults();
    faults.addOutside(path, name, code, wrong);
    return new Invalid(message, faults);
  }
}

export class NotFound extends BatonError {
  readonly _tag = "NotFound";
  readonly status = 404;
  readonly code: ErrorCode;
  constructor(what: Known) {
    super(`No such ${what === "bulk" ? "bulk operation" : what.replace("_", " ")}`);
    this.code = `unknown_${what}`;
  }
}

/** What an id or a name in a path may name. */
export type Known = "task" | "batch" | "delivery" | "bulk" | "schedule" | "dead_letter";

/** It is there, and as it is now this cannot be done with it. */
export class Conflict extends BatonError {
  readonly _tag = "Conflict";
  readonly status = 409;
  readonly code: ErrorCode = "not_in_this_state";
}

/** Postgres or NATS cannot be reached: nothing was done, or it is not known, and repeating is safe. */
export class Unavailable extends BatonError {
  readonly _tag: string = "Unavailable";
  readonly status = 503;
  readonly code: ErrorCode = "unavailable";
  override readonly retryable = true;
  readonly retryAfterSecs = 1;
}

/** No actor answered in time: the command is dropped if it was not begun, and repeating is safe. */
export class Busy extends Unavailable {
  override readonly _tag = "Busy";
  override readonly code = "busy";
}

/** A limit on depth or rate was reached; repeating later may work. */
export class TooMany extends BatonError {
  readonly _tag = "TooMany";
  readonly status = 429;
  readonly code: ErrorCode;
  override readonly retryable = true;
  readonly retryAfterSecs = 5;
  constructor(code: "too_many_unfinished" | "too_many_streams", message: string, details: readonly string[] = []) {
    super(message, details);
    this.code = code;
  }
}

/** Throws where there is none. */
export function found<T>(value: T | undefined, what: Known): T {
  if (value === undefined) throw new NotFound(what);
  return value;
}
