// Creations under a key of the client's, remembered in the transaction that creates: either both are there or neither.
// Kept are the hash of the body, the ids and the time, not the answer: a repetition brings the same body again, and all
// else follows from it. The tables cannot give the answer, since tasks change; its text would be stored twice over.
import type { BatchPlan } from "#domain/batch";
import { array } from "#store/arrays";
import type { Sql } from "#store/client";

export interface CreateKey {
  readonly text: string;
  /** Of the body. */
  readonly hash: string;
}

/** The creation that a key stands for. */
export interface Kept {
  readonly hash: string;
  readonly batchId: string;
  /** Ids by position in the call; null or missing: was deduplicated. */
  readonly tasks: readonly (string | null)[];
  readonly created: Date;
}

/** Any number that no other advisory lock of ours uses as its first key. */
const keyLock = 7_227_870;

/**
 * Takes the key for this transaction, unless it stands for a creation already, or another transaction has it (also one
 * whose process is dead, or does not know how its commit ended). Never waits, so it cannot be part of a deadlock.
 */
export async function take(sql: Sql, { text }: CreateKey): Promise<Kept | "taken" | "busy"> {
  const [[lock], [kept]] = await Promise.all([
    sql<{ got: boolean }[]>`select pg_try_advisory_xact_lock(${keyLock}, hashtext(${text})) as got`.execute(),
    // A statement of its own: whoever had the lock until now has committed what this one must see.
    sql<Kept[]>`
      select hash, batch_id as "batchId", to_json(tasks) as tasks, at as created from create_key where key = ${text}`.execute(),
  ]);
  return kept ?? (lock?.got ? "taken" : "busy");
}

/** Issued at once, so that it may go out with the commit. */
export function remember(sql: Sql, key: CreateKey, plan: BatchPlan): Promise<unknown> {
  const ids: (string | null)[] = [];
  for (const { id, pos } of plan.tasks) {
    while (ids.length < pos) ids.push(null);
    ids.push(id);
  }
  return sql`
    insert into create_key (key, hash, batch_id, tasks)
    values (${key.text}, ${key.hash}, ${plan.id}, ${array(ids)}::uuid[])`.execute();
}
