// What a turn writes: everything it changed, by value, in a handful of set-based statements that go out together with
// the commit. Only rows that the same transaction has locked are written, so no write can overtake another.
import type { LaterAction } from "#domain/action";
import type { DeliveryRow, TaskEventRow, TaskRow } from "#domain/row";
import { type Column, idList, type Scalar, type Shared, unnest, values } from "#store/arrays";
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
  if (changes.rows.length + changes.batches.length + changes.events.length > 0)
    last(writeStates(sql, changes).then(written));
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

const ofEvent: readonly Column<keyof TaskEventRow>[] = [
  ["task_id", "uuid", "task_id"],
  ["batch_id", "uuid", "batch_id"],
  ["from", "task_status", "from"],
  ["to", "task_status", "to"],
  ["event", "text", "event"],
  ["attempt", "int", "attempt"],
  ["reason", "text", "reason"],
];
/** In which columns rows are alike that were claimed, or ended, together; and their events. */
const alike: readonly Shared<keyof TaskRow>[] = [
  ["status", "waitFinished", "waitSuccess", "owner", "startedAt", "endedAt", "lastUpdated"],
  ["waitFinished", "waitSuccess", "owner", "endedAt", "lastUpdated"],
];
const alikeEvents: readonly Shared<keyof TaskEventRow>[] = [
  ["from", "to", "event", "attempt", "reason"],
  ["attempt", "reason"],
];
const ofBatch: readonly Column<keyof BatchRow>[] = [
  ["id", "uuid", "id"],
  ["unfinished", "int", "unfinished"],
];

/** Rows, batches and events; gives the ids of the events. One statement: each by itself costs as much as some of the rows. */
async function writeStates(sql: Sql, { rows, batches, events, now }: Changes): Promise<number[]> {
  const params: (string | null)[] = [];
  // Most rows have changed in the common columns only, and each column costs.
  const isRare = ({ row, before }: Changes["rows"][number]) => rare.some(([, , field]) => row[field] !== before[field]);
  const full = rows.filter(isRare);
  const short = full.length === 0 ? rows : rows.filter((change) => !isRare(change));
  const updates: string[] = [];
  if (short.length > 0) updates.push(updateRows(params, common, short, alike));
  if (full.length > 0) updates.push(updateRows(params, all, full, []));
  if (batches.length > 0) updates.push(updateBatches(params, batches, now));
  const main = events.length > 0 ? insertEvents(params, events, now) : "select null as id where false";
  const others = updates.map((update, i) => `u${i} as (${update})`);
  const statement = others.length > 0 ? `with ${others.join(", ")} ${main}` : main;
  const ids = await sql.unsafe<{ id: number }[]>(statement, params, { prepare: true }).execute();
  return ids.map(({ id }) => id);
}

function updateRows(
  params: (string | null)[],
  columns: readonly Column<keyof TaskRow>[],
  rows: Changes["rows"],
  shared: readonly Shared<keyof TaskRow>[],
): string {
  const { names, from } = values(params, columns, rows, shared, ({ row }, field) => row[field] as Scalar);
  const set = columns.map(([name], i) => `${name} = ${names[i]}`).slice(1);
  return `update task t set ${set.join(", ")} from ${from} where t.id = u.id`;
}

function updateBatches(params: (string | null)[], batches: readonly BatchRow[], now: Date): string {
  const from = unnest(params, ofBatch, batches);
  const completed = `case when u.unfinished = 0 then $${params.push(now.toISOString())}::timestamptz end`;
  return `update batch b set unfinished = u.unfinished, completed_at = ${completed} from ${from} where b.id = u.id`;
}

function insertEvents(params: (string | null)[], events: readonly TaskEventRow[], now: Date): string {
  const { names, from } = values(params, ofEvent, events, alikeEvents, (event, field) => event[field]);
  const columns = ofEvent.map(([name]) => `"${name}"`);
  const common = `$${params.push(now.toISOString())}::timestamptz, $${params.push(events[0]?.actor ?? "")}`;
  return `insert into event (${columns.join(", ")}, at, actor) select ${names.join(", ")}, ${common} from ${from} returning id`;
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
