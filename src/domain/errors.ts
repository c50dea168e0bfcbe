// Expected failures, as tagged errors: what a caller may be told, its HTTP status, and whether repeating may help.
// Anything else that is thrown is our own broken promise.
export abstract class BatonError extends Error {
  abstract readonly _tag: string;
  abstract readonly status: number;
  readonly retryable: boolean = false;
  readonly details: readonly string[];
  constructor(message: string, details: readonly string[] = [], options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.details = details;
  }
}

/** The request is malformed; `details` lists every fault as `<path>: <what is wrong>`. */
export class Invalid extends BatonError {
  readonly _tag = "Invalid";
  readonly status = 400;
}

export class NotFound extends BatonError {
  readonly _tag = "NotFound";
  readonly status = 404;
}

/** Postgres or NATS cannot be reached, or no actor answered: nothing was done, repeating is safe. */
export class Unavailable extends BatonError {
  readonly _tag = "Unavailable";
  readonly status = 503;
  override readonly retryable = true;
  readonly retryAfterSecs = 1;
}

/** More than an ordinary turn should do at once: the command comes again, alone and with more time. */
export class TooLarge extends BatonError {
  readonly _tag = "TooLarge";
  readonly status = 503;
  override readonly retryable = true;
}

/** A limit on depth or rate was reached; repeating later may work. */
export class TooMany extends BatonError {
  readonly _tag = "TooMany";
  readonly status = 429;
  override readonly retryable = true;
  readonly retryAfterSecs = 5;
}
