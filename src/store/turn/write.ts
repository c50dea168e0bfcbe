// What a turn writes: everything it changed, by value, in a handful of set-based statements that go out together with
// the commit. Only rows that the same transaction has locked are written, so no write can overtake another.
import type { DeliveryRow } from "#domain/row";
import type { SpecChange } from "#domain/turn/rows";
import type { Sql } from "#store/pg/pool";
import type { SendWrite } from "#store/pg/transaction";
import { idList } from "#store/pg/unnest";
import { type StateChanges, writeStates } from "#store/turn/states";

export interface Changes extends StateChanges {
  readonly deliveries: readonly DeliveryRow[];
  readonly specs: readonly SpecChange[];
  /** Tasks that get other rules. */
  readonly ruled: ReadonlyMap<string, readonly unknown[]>;
  /** Tasks whose start call was answered: their deliveries need not wait any longer. */
  readonly releasedDeliveries: readonly string[];
  readonly answers: readonly {
    readonly id: string;
    readonly hash: string | null;
    readonly answer: unknown;
    /** The work that the final answer waits for. */
    readonly batchId: string | null;
    readonly seq: number | null;
  }[];
}

/** Issues the writes; the caller commits. */
export function write(sql: Sql, changes: Changes, send: SendWrite): void {
  const { now } = changes;
  if (changes.rows.length + changes.batches.length + changes.events.length > 0) send(writeStates(sql, changes));
  if (changes.deliveries.length > 0) send(writeDeliveries(sql, changes.deliveries, now));
  if (changes.specs.length > 0) send(writeSpecs(sql, changes.specs));
  if (changes.ruled.size > 0) send(writeRules(sql, changes.ruled));
  if (changes.releasedDeliveries.length > 0) send(releaseHeld(sql, changes.releasedDeliveries));
  if (changes.answers.length > 0) send(writeAnswers(sql, changes.answers, now));
}

/** Issued at once: a query that is only awaited would go out after the commit. */
type Write = Promise<unknown>;

const json = (value: unknown): string => JSON.stringify(value);

function writeDeliveries(sql: Sql, deliveries: readonly DeliveryRow[], now: Date): Write {
  return sql`
    insert into delivery (id, key, task_id, batch_id, trigger, action, receiver, facts, hold_until, next_at, created_at)
    select id, key, task_id, batch_id, trigger, action, receiver, facts, hold_until, ${now}::timestamptz, ${now}::timestamptz
    from json_to_recordset(${json(deliveries)}::text::json) as u (id uuid, key text, task_id uuid, batch_id uuid,
      trigger text, action jsonb, receiver text, facts jsonb, hold_until timestamptz)`.execute();
}

function writeSpecs(sql: Sql, changes: readonly SpecChange[]): Write {
  const values = changes.map((change) => ({
    i: change.id,
    m: change.metadata,
    r: change.result,
    a: change.addActions,
  }));
  return sql`
    update task_spec s set metadata = coalesce(u.m, s.metadata), result = coalesce(u.r::jsonb, s.result),
      -- as JSON it is still the text that was sent, in compact form
      result_bytes = coalesce(octet_length(u.r::text), s.result_bytes),
      -- a service that answers every attempt alike means one action
      actions = s.actions || coalesce((
        select jsonb_agg(n.action) from jsonb_array_elements(u.a) n (action)
        where not exists (select from jsonb_array_elements(s.actions) k (action) where k.action = n.action)), '[]')
    from json_to_recordset(${json(values)}::text::json) as u (i uuid, m jsonb, r json, a jsonb)
    where s.id = u.i`.execute();
}

/** Many tasks get the same: each text is sent once. */
function writeRules(sql: Sql, ruled: Changes["ruled"]): Write {
  const tasks = Map.groupBy(ruled.keys(), (task) => ruled.get(task));
  return Promise.all(
    [...tasks].map(([rules, ids]) =>
      sql`update task_spec set rules = ${json(rules)}::text::jsonb where id = any(${idList(ids)}::uuid[])`.execute(),
    ),
  );
}

function releaseHeld(sql: Sql, tasks: readonly string[]): Write {
  return sql`
    update delivery set hold_until = null where id in (
      -- in the same order as the transactions that write outcomes of several
      select id from delivery where task_id = any(${idList(tasks)}::uuid[]) and status = 'pending' and hold_until is not null
      order by id for no key update)`.execute();
}

/** Remembers answers that were given; issued at once. */
export function writeAnswers(sql: Sql, answers: Changes["answers"], now: Date): Write {
  // No `on conflict`: the same id twice would mean that one command took effect twice, and must fail the turn.
  return sql`
    insert into command (id, hash, answer, batch_id, seq, at) select id, hash, answer, "batchId", seq, ${now}::timestamptz
    from json_to_recordset(${json(answers)}::text::json)
      as u (id text, hash text, answer jsonb, "batchId" uuid, seq int)`.execute();
}
