// Creations under a key of the client's, remembered in the transaction that creates: either both are there or neither.
// Kept are the hash of the body, the ids and the time, not the answer: a repetition brings the same body again, and all
// else follows from it. The tables cannot give the answer, since tasks change; its text would be stored twice over.
import { type BatchPlan, isNothing } from "#domain/create/batch";
import type { Sql } from "#store/pg/pool";
import { array } from "#store/pg/unnest";

export interface CreateKey {
  readonly text: string;
  /** Of the body. */
  readonly hash: string;
}

/** The creation that a key stands for. */
export interface Kept {
  readonly hash: string;
  /** Null: a rerun that had nothing to take. */
  readonly batchId: string | null;
  /** Ids by position in the call; null or missing: was deduplicated. */
  readonly tasks: readonly (string | null)[];
  readonly created: Date;
  /** How the tasks began, where that was written with it. */
  readonly began: unknown;
}

/** Any number that no other advisory lock of ours uses as its first key. */
const keyLock = 7_227_870;

/**
 * Takes the key for this transaction, unless it stands for a creation already, or another transaction has it (also one
 * whose process is dead, or does not know how its commit ended). Never waits, so it cannot be part of a deadlock.
 */
export async function take(sql: Sql, { text }: CreateKey): Promise<Kept | "taken" | "in_flight"> {
  const [[lock], [kept]] = await Promise.all([
    sql<{ got: boolean }[]>`select pg_try_advisory_xact_lock(${keyLock}, hashtext(${text})) as got`.execute(),
    // A statement of its own: whoever had the lock until now has committed what this one must see.
    sql<Kept[]>`select ${columns(sql)} from create_key where key = ${text}`.execute(),
  ]);
  return kept ?? (lock?.got ? "taken" : "in_flight");
}

/** What the key stands for already, asked without taking it. */
export async function find(sql: Sql, text: string): Promise<Kept | undefined> {
  const [kept] = await sql<Kept[]>`select ${columns(sql)} from create_key where key = ${text}`;
  return kept;
}

const columns = (sql: Sql) => sql`hash, batch_id as "batchId", to_json(tasks) as tasks, at as created, began`;

/** The answer to a change that makes no batch, by its key. Issued at once, so that it may go out with the commit. */
export const rememberAnswer = (sql: Sql, { text, hash }: CreateKey, answer: object): Promise<unknown> =>
  sql`
  insert into create_key (key, hash, batch_id, tasks, began)
  values (${text}, ${hash}, null, '{}', ${JSON.stringify(answer)}::text::jsonb)`.execute();

/** Issued at once, so that it may go out with the commit. */
export function remember(sql: Sql, key: CreateKey, plan: BatchPlan, began: object | null = null): Promise<unknown> {
  const ids: (string | null)[] = [];
  for (const { id, pos } of plan.tasks) {
    while (ids.length < pos) ids.push(null);
    ids.push(id);
  }
  return sql`
    insert into create_key (key, hash, batch_id, tasks, began)
    values (${key.text}, ${key.hash}, ${isNothing(plan) ? null : plan.id}, ${array(ids)}::uuid[],
      ${began === null ? null : JSON.stringify(began)}::text::jsonb)`.execute();
}
