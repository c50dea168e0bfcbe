// What a batch of the fake Baton has to tell services of ends: kept until it arrives or is exhausted, as the contract has it.
import type { Action } from "../types.ts";
import { type Life, retryOf } from "./life.ts";

export interface Parcel {
  readonly life: Life | null;
  readonly attempt: number;
  readonly trigger: "end" | "cancel";
  readonly key: string;
  readonly action: Action;
  /** What Baton adds to the body as `baton`. */
  readonly facts: Readonly<Record<string, unknown>>;
  status: "pending" | "success" | "exhausted";
  tries: number;
  dueAt: number;
  isOnItsWay: boolean;
}

const triesMax = 10;
const backoffFirstSecs = 2;
const backoffMaxSecs = 300;

export const numbered = (life: Life, trigger: "start" | "cancel", attempt: number): string =>
  `${life.id}:${trigger}${attempt === 0 ? "" : `:${attempt}`}`;

/** The handle of a task that may be retried names the attempt. */
export const handleOf = (url: string, life: Life, attempt: number): string =>
  `${url}/task/${life.id}${retryOf(life) === null ? "" : `?attempt=${attempt}`}`;

/** The notifications that an end or a cancel of this task causes. */
export function parcelsOf(
  url: string,
  life: Life,
  on: "success" | "failure" | "cancel",
  attempt: number,
  now: number,
): Parcel[] {
  const { input, id, status, endedAt, reason } = life;
  const actions = { success: input.on_success, failure: input.on_failure, cancel: input.on_cancel }[on] ?? [];
  const trigger = on === "cancel" ? "cancel" : "end";
  const facts = {
    ...{ task_id: id, status, ended_at: timeOf(endedAt), trigger, attempt, failure_reason: reason },
    handle: handleOf(url, life, attempt),
  };
  const key = on === "cancel" ? numbered(life, "cancel", attempt) : `${id}:end:${on}`;
  return actions.map((action, i) => parcel({ life, attempt, trigger, key: nth(key, i), action, facts }, now));
}

export function completionOf(
  batchId: string,
  actions: readonly Action[],
  counts: Readonly<Record<string, number>>,
  now: number,
): Parcel[] {
  const facts = { batch_id: batchId, counts, completed_at: timeOf(now) };
  const key = `batch:${batchId}:complete`;
  return actions.map((action, i) =>
    parcel({ life: null, attempt: 0, trigger: "end", key: nth(key, i), action, facts }, now),
  );
}

const nth = (key: string, i: number): string => (i === 0 ? key : `${key}#${i + 1}`);
const parcel = (one: Omit<Parcel, "status" | "tries" | "dueAt" | "isOnItsWay">, now: number): Parcel => ({
  ...one,
  ...{ status: "pending", tries: 0, dueAt: now, isOnItsWay: false },
});

/** What becomes of it by the answer; `status` 0: there was none. */
export function settleParcel(one: Parcel, status: number, retryAfterMs: number | null, now: number): void {
  one.isOnItsWay = false;
  one.tries += 1;
  if (status >= 200 && status < 300) one.status = "success";
  else if (one.tries >= triesMax) one.status = "exhausted";
  else {
    const wait = Math.min(backoffFirstSecs * 2 ** (one.tries - 1), backoffMaxSecs) * 1000;
    one.dueAt = now + Math.max(wait, retryAfterMs ?? 0);
  }
}

export const timeOf = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());
