// What a turn writes: everything it changed, by value, in a handful of set-based statements that go out together with
// the commit. Only rows that the same transaction has locked are written, so no write can overtake another.
import type { LaterAction } from "#domain/action";
import type { DeliveryRow, TaskEventRow, TaskRow } from "#domain/row";
import { array, type Column, idList, type Scalar, unnest } from "#store/arrays";
import type { Sql } from "#store/client";
import type { BatchRow } from "#store/load";

/** The cold row's part of a change. */
export interface SpecChange {
  readonly id: string;
  readonly metadata?: unknown;
  readonly result?: unknown;
  readonly addActions?: readonly LaterAction[];
}

export interface Changes {
  /** Each with what was read. */
  readonly rows: readonly { readonly row: TaskRow; readonly before: TaskRow }[];
  readonly batches: readonly BatchRow[];
  readonly events: readonly TaskEventRow[];
  readonly deliveries: readonly DeliveryRow[];
  readonly specs: readonly SpecChange[];
  /** Tasks that get other rules. */
  readonly ruled: ReadonlyMap<string, readonly unknown[]>;
  /** Tasks whose start call was answered: their deliveries need not wait any longer. */
  readonly unheld: readonly string[];
  readonly answers: readonly { readonly id: string; readonly hash: string | null; readonly answer: unknown }[];
  readonly now: Date;
}

/** Issues the writes; the caller commits. `written` gets the ids of the events, in their order. */
export function write(
  sql: Sql,
  changes: Changes,
  last: (write: Promise<unknown>) => void,
  written: (ids: readonly number[]) => void,
): void {
  const { now } = changes;
  if (changes.rows.length > 0) last(writeRows(sql, changes.rows));
  if (changes.events.length > 0) last(writeEvents(sql, changes.events, now).then(written));
  if (changes.batches.length > 0) last(writeBatches(sql, changes.batches, now));
  if (changes.deliveries.length > 0) last(writeDeliveries(sql, changes.deliveries, now));
  if (changes.specs.length > 0) last(writeSpecs(sql, changes.specs));
  if (changes.ruled.size > 0) last(writeRules(sql, changes.ruled));
  if (changes.unheld.length > 0) last(releaseHeld(sql, changes.unheld));
  if (changes.answers.length > 0) last(writeAnswers(sql, changes.answers, now));
}

/** Issued at once: a query that is only awaited would go out after the commit. */
type Write = Promise<unknown>;

const json = (value: unknown): string => JSON.stringify(value);

/** What nearly every transition changes. */
const common: readonly Column<keyof TaskRow>[] = [
  ["id", "uuid", "id"],
  ["status", "task_status", "status"],
  ["wait_finished", "int", "waitFinished"],
  ["wait_success", "int", "waitSuccess"],
  ["owner", "int", "owner"],
  ["claim_id", "bigint", "claimId"],
  ["started_at", "timestamptz", "startedAt"],
  ["ended_at", "timestamptz", "endedAt"],
  ["last_updated", "timestamptz", "lastUpdated"],
  ["due_at", "timestamptz", "dueAt"],
];
const rare: readonly Column<keyof TaskRow>[] = [
  ["priority", "smallint", "priority"],
  ["success", "bigint", "success"],
  ["failures", "bigint", "failures"],
  ["expected_count", "bigint", "expectedCount"],
  ["attempt", "int", "attempt"],
  ["acts", "smallint", "acts"],
  ["pause_requested", "boolean", "pauseRequested"],
  ["in_doubt", "boolean", "inDoubt"],
  ["run_at", "timestamptz", "runAt"],
  ["next_retry_at", "timestamptz", "nextRetryAt"],
  ["failure_reason", "text", "failureReason"],
  ["rejected", "smallint", "rejected"],
];

const all = [...common, ...rare];

/** Two statements: most rows have changed in the common columns only, and each column costs. */
function writeRows(sql: Sql, changed: Changes["rows"]): Write {
  const isRare = ({ row, before }: Changes["rows"][number]) => rare.some(([, , field]) => row[field] !== before[field]);
  const full = changed.filter(isRare);
  const short = full.length === 0 ? changed : changed.filter((change) => !isRare(change));
  return Promise.all([
    short.length > 0 ? update(sql, common, short) : null,
    full.length > 0 ? update(sql, all, full) : null,
  ]);
}

function update(sql: Sql, columns: readonly Column<keyof TaskRow>[], rows: Changes["rows"]): Write {
  const params: string[] = [];
  const values = unnest(params, columns, rows, ({ row }, field) => row[field] as Scalar);
  const set = columns.slice(1).map(([name]) => `${name} = u.${name}`);
  const statement = `update task t set ${set.join(", ")} from ${values} where t.id = u.id`;
  return sql.unsafe(statement, params, { prepare: true }).execute();
}

async function writeEvents(sql: Sql, events: readonly TaskEventRow[], now: Date): Promise<number[]> {
  const of = (field: keyof TaskEventRow) => array(events.map((event) => event[field]));
  const rows = await sql<{ id: number }[]>`
    insert into event (task_id, batch_id, "from", "to", event, attempt, reason, at, actor)
    select u.*, ${now}::timestamptz, ${events[0]?.actor ?? ""}
    from unnest(${of("task_id")}::uuid[], ${of("batch_id")}::uuid[], ${of("from")}::task_status[],
      ${of("to")}::task_status[], ${of("event")}::text[], ${of("attempt")}::int[], ${of("reason")}::text[]) u
    returning id`.execute();
  return rows.map(({ id }) => id);
}

function writeBatches(sql: Sql, batches: readonly BatchRow[], now: Date): Write {
  const ids = idList(batches.map((batch) => batch.id));
  return sql`
    update batch b set unfinished = u.n, completed_at = case when u.n = 0 then ${now}::timestamptz end
    from unnest(${ids}::uuid[], ${array(batches.map((batch) => batch.unfinished))}::int[]) as u (i, n) where b.id = u.i`.execute();
}

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
    update task_spec s set metadata = coalesce(u.m, s.metadata), result = coalesce(u.r, s.result),
      -- a service that answers every attempt alike means one action
      actions = s.actions || coalesce((
        select jsonb_agg(n.action) from jsonb_array_elements(u.a) n (action)
        where not exists (select from jsonb_array_elements(s.actions) k (action) where k.action = n.action)), '[]')
    from json_to_recordset(${json(values)}::text::json) as u (i uuid, m jsonb, r jsonb, a jsonb)
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
      -- in one order with whoever writes outcomes of several
      select id from delivery where task_id = any(${idList(tasks)}::uuid[]) and status = 'pending' and hold_until is not null
      order by id for no key update)`.execute();
}

/** Remembers answers that were given; issued at once. */
export function writeAnswers(sql: Sql, answers: Changes["answers"], now: Date): Write {
  // No `on conflict`: the same id twice would mean that one command took effect twice, and must fail the turn.
  return sql`
    insert into command (id, hash, answer, at) select id, hash, answer, ${now}::timestamptz
    from json_to_recordset(${json(answers)}::text::json) as u (id text, hash text, answer jsonb)`.execute();
}
