/** A message that could not be read or decided, as it is kept for people. */
export interface DeadLetter {
  /** The same for the same message, however often it comes. */
  readonly id: string;
  /** As it was sent. */
  readonly subject: string;
  readonly reason: string;
  readonly at: Date;
  /** Up to 64 KB. */
  readonly payload: Uint8Array;
  /** The message was longer. */
  readonly cut: boolean;
}
