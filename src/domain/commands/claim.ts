// The claim of one task: what it changes in the row, and what the call needs to know.
import type { StartAction } from "#domain/action";
import type { Claimed } from "#domain/calls/claimed";
import type { StartInputs } from "#domain/inputs/starts";
import type { EventDetail, TaskRow } from "#domain/row";
import { beginWithinMs } from "#domain/rules/rate";
import type { Uses } from "#domain/rules/uses";
import type { TurnState } from "#domain/turn/state";
import { advance, arm } from "#domain/turn/step";

/** Who claims: the round gives out a token for each call, and counts. */
interface Claiming {
  claims: number;
  newToken(): { readonly owner: number; readonly claimId: number };
}

interface Start {
  readonly action: StartAction | null;
  readonly uses: Uses | undefined;
  readonly isProbe: boolean;
  /** For a rule. */
  readonly hasWaited?: boolean;
  readonly inputs: StartInputs | undefined;
}

/** Null where no call is made: a `Wait` task is Running at once, and no worker holds it. */
export function claim(
  state: TurnState,
  round: Claiming,
  row: TaskRow,
  { action, uses, isProbe, hasWaited, inputs }: Start,
): Claimed | null {
  if (!advance(state, row, { type: "claim" }, { detail: detailOf(hasWaited, inputs) }))
    throw new Error(`task ${row.id} is ${row.status}: not claimable`);
  round.claims++;
  row.firstClaimedAt ??= state.now;
  row.startedAt = state.now;
  arm(state, row, null);
  state.keys.set(row.id, uses?.keys ?? []);
  if (action?.kind === "Wait") {
    advance(state, row, { type: "started" });
    return null;
  }
  const { owner, claimId } = round.newToken();
  row.owner = owner;
  row.claimId = claimId;
  const rates = uses?.rates ?? [];
  if (rates.length > 0) state.starts.push({ claimId, rates });
  const within = beginWithinMs(rates);
  const beginByMs = within === null ? null : state.askedMs + within;
  const { id: task, batchId: batch, kind, attempt, receiver, timeout: timeoutSecs, retry } = row;
  const hasRetry = retry !== null;
  const claimed = { task, batch, kind, attempt, claimId, hasRetry, timeoutSecs, receiver, action, isProbe, beginByMs };
  return inputs === undefined ? claimed : { ...claimed, inputs: inputs.given };
}

function detailOf(hasWaited: boolean | undefined, inputs: StartInputs | undefined): EventDetail | undefined {
  const unended = inputs?.unended ?? [];
  if (!hasWaited && unended.length === 0) return undefined;
  return { ...(hasWaited ? { waited_for: "rule" } : {}), ...(unended.length > 0 ? { unended } : {}) };
}
