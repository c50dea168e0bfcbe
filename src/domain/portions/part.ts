// What a portion is about to do in its batch: a part of one sweep, or some steps of propagation. Of a portion of the smallest
// size that is one sweep or one step, which is to blame where the portion fails.
import { keyOf, type Step } from "#domain/propagation/work";

/** `sweep`: the number of its work. */
export type Part = { readonly sweep: number; readonly kind: string } | { readonly step: Pick<Step, "taskId" | "step"> };

export const nameOf = (part: Part): string => ("sweep" in part ? `sweep:${part.sweep}` : keyOf(part.step));
