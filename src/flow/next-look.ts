// When a worker looks for work again after a claim round, by what the round has left. Pure. That a call slot becomes free, or that
// work is notified, is no reason here: the trigger knows of those by itself.

/** What a round has left, and why. */
export interface Left {
  /** It claimed as many as one round may, and call slots are still free. */
  readonly moreHere: boolean;
  /** It claimed fewer than it had free call slots for. */
  readonly isShort: boolean;
  /** It passed over tasks that this turn holds, or whose start is being decided. */
  readonly hasPassed: boolean;
  /** There are more signals than it took, or queues stood in a wrong order. */
  readonly moreQueues: boolean;
  /** It did not come to the end of the queues or receivers; the next look goes on there. */
  readonly hasStopped: boolean;
  /** Other transactions had locked, or changed, some of what it wanted. */
  readonly hasLost: boolean;
  /** A window of a Rate has places that tasks which were chosen did not take. */
  readonly hasPlaces: boolean;
  /** It claimed something, or found out what some queue waits for, so that the next look does not do the same again. */
  readonly isProgress: boolean;
  /** Another round over tasks with rules was under way. */
  readonly hasRival: boolean;
}

/** Now; in some milliseconds; or "later": when there is a reason. The first case that holds decides. */
export function nextLook(left: Left): "now" | "soon" | "later" {
  if (left.moreHere) return "now";
  if (left.hasPassed) return "now";
  if (left.moreQueues && left.isShort) return "now";
  if (left.hasLost && left.isProgress) return "now";
  if (left.hasPlaces && left.isProgress) return "now";
  if (left.hasStopped && left.isShort) return left.isProgress ? "now" : "soon";
  return left.hasRival ? "soon" : "later";
}
