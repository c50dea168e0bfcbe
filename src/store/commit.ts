// What a turn writes: everything it changed, by value, in a handful of set-based statements that go out together with
// the commit. Only rows that the same transaction has locked are written, so no write can overtake another.
import type { LaterAction } from "#domain/action";
import type { DeliveryRow, TaskEventRow, TaskRow } from "#domain/row";
import type { Sql } from "#store/client";
import { type BatchRow, idList } from "#store/load";

/** The cold row's part of a change. */
export interface SpecChange {
  readonly id: string;
  readonly metadata?: unknown;
  readonly result?: unknown;
  readonly addActions?: readonly LaterAction[];
}

export interface Changes {
  readonly rows: readonly TaskRow[];
  readonly batches: readonly BatchRow[];
  readonly events: readonly TaskEventRow[];
  readonly deliveries: readonly DeliveryRow[];
  readonly specs: readonly SpecChange[];
  /** Tasks whose start call was answered: their deliveries need not wait any longer. */
  readonly unheld: readonly string[];
  readonly answers: readonly { readonly id: string; readonly hash: string | null; readonly answer: unknown }[];
  readonly now: Date;
}

/** Issues the writes; the caller commits. */
export function write(sql: Sql, changes: Changes, last: (write: Promise<unknown>) => void): void {
  const { now } = changes;
  if (changes.rows.length > 0) last(writeRows(sql, changes.rows));
  if (changes.events.length > 0) last(writeEvents(sql, changes.events));
  if (changes.batches.length > 0) last(writeBatches(sql, changes.batches, now));
  if (changes.deliveries.length > 0) last(writeDeliveries(sql, changes.deliveries, now));
  if (changes.specs.length > 0) last(writeSpecs(sql, changes.specs));
  if (changes.unheld.length > 0) last(releaseHeld(sql, changes.unheld));
  if (changes.answers.length > 0) last(writeAnswers(sql, changes.answers, now));
}

/** Issued at once: a query that is only awaited would go out after the commit. */
type Write = Promise<unknown>;

const json = (value: unknown): string => JSON.stringify(value);

function writeRows(sql: Sql, rows: readonly TaskRow[]): Write {
  const values = rows.map((row) => ({
    i: row.id,
    s: row.status,
    p: row.priority,
    wf: row.waitFinished,
    ws: row.waitSuccess,
    su: row.success,
    fa: row.failures,
    ex: row.expectedCount,
    at: row.attempt,
    ac: row.acts,
    pr: row.pauseRequested,
    dt: row.inDoubt,
    o: row.owner,
    c: row.claimId,
    sa: row.startedAt,
    ea: row.endedAt,
    lu: row.lastUpdated,
    du: row.dueAt,
    ra: row.runAt,
    nr: row.nextRetryAt,
    fr: row.failureReason,
    re: row.rejected,
  }));
  return sql`
    update task t set status = u.s, priority = u.p, wait_finished = u.wf, wait_success = u.ws, success = u.su,
      failures = u.fa, expected_count = u.ex, attempt = u.at, acts = u.ac, pause_requested = u.pr, in_doubt = u.dt,
      owner = u.o, claim_id = u.c, started_at = u.sa, ended_at = u.ea, last_updated = u.lu, due_at = u.du, run_at = u.ra,
      next_retry_at = u.nr, failure_reason = u.fr, rejected = u.re
    from json_to_recordset(${json(values)}::text::json) as u (i uuid, s task_status, p smallint, wf int, ws int,
      su bigint, fa bigint, ex bigint, at int, ac smallint, pr boolean, dt boolean, o int, c bigint, sa timestamptz,
      ea timestamptz, lu timestamptz, du timestamptz, ra timestamptz, nr timestamptz, fr text, re smallint)
    where t.id = u.i`.execute();
}

function writeEvents(sql: Sql, events: readonly TaskEventRow[]): Write {
  return sql`
    insert into event (task_id, batch_id, "from", "to", event, at, attempt, reason, actor)
    select task_id, batch_id, "from", "to", event, at, attempt, reason, actor
    from json_to_recordset(${json(events)}::text::json) as u (task_id uuid, batch_id uuid, "from" task_status,
      "to" task_status, event text, at timestamptz, attempt int, reason text, actor text)`.execute();
}

function writeBatches(sql: Sql, batches: readonly BatchRow[], now: Date): Write {
  const values = batches.map((batch) => ({ i: batch.id, n: batch.unfinished }));
  return sql`
    update batch b set unfinished = u.n, completed_at = case when u.n = 0 then ${now}::timestamptz end
    from json_to_recordset(${json(values)}::text::json) as u (i uuid, n int) where b.id = u.i`.execute();
}

function writeDeliveries(sql: Sql, deliveries: readonly DeliveryRow[], now: Date): Write {
  return sql`
    insert into delivery (id, key, task_id, batch_id, trigger, action, facts, hold_until, next_at, created_at)
    select id, key, task_id, batch_id, trigger, action, facts, hold_until, ${now}::timestamptz, ${now}::timestamptz
    from json_to_recordset(${json(deliveries)}::text::json) as u (id uuid, key text, task_id uuid, batch_id uuid,
      trigger text, action jsonb, facts jsonb, hold_until timestamptz)`.execute();
}

function writeSpecs(sql: Sql, changes: readonly SpecChange[]): Write {
  const values = changes.map((change) => ({
    i: change.id,
    m: change.metadata,
    r: change.result,
    a: change.addActions,
  }));
  return sql`
    update task_spec s set metadata = coalesce(u.m, s.metadata), result = coalesce(u.r, s.result),
      actions = s.actions || coalesce(u.a, '[]')
    from json_to_recordset(${json(values)}::text::json) as u (i uuid, m jsonb, r jsonb, a jsonb)
    where s.id = u.i`.execute();
}

function releaseHeld(sql: Sql, tasks: readonly string[]): Write {
  return sql`
    update delivery set hold_until = null
    where task_id = any(${idList(tasks)}::uuid[]) and status = 'pending' and hold_until is not null`.execute();
}

function writeAnswers(sql: Sql, answers: Changes["answers"], now: Date): Write {
  // No `on conflict`: the same id twice would mean that one command took effect twice, and must fail the turn.
  return sql`
    insert into command (id, hash, answer, at) select id, hash, answer, ${now}::timestamptz
    from json_to_recordset(${json(answers)}::text::json) as u (id text, hash text, answer jsonb)`.execute();
}
