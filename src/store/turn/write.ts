// What a turn writes: everything it changed, by value, in a handful of set-based statements that go out together with
// the commit. Only rows that the same transaction has locked are written, so no write can overtake another.
import type { BatchRow, DeliveryRow, TaskEventRow, TaskRow } from "#domain/row";
import type { SpecChange } from "#domain/turn/rows";
import type { Sql } from "#store/pg/pool";
import { type Column, idList, type Scalar, type Shared, unnest, values } from "#store/pg/unnest";

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
  readonly releasedDeliveries: readonly string[];
  readonly answers: readonly {
    readonly id: string;
    readonly hash: string | null;
    readonly answer: unknown;
    /** The work that the final answer waits for. */
    readonly batchId: string | null;
    readonly seq: number | null;
  }[];
  readonly now: Date;
}

/** Issues the writes; the caller commits. */
export function write(sql: Sql, changes: Changes, last: (write: Promise<unknown>) => void): void {
  const { now } = changes;
  if (changes.rows.length + changes.batches.length + changes.events.length > 0) last(writeStates(sql, changes));
  if (changes.deliveries.length > 0) last(writeDeliveries(sql, changes.deliveries, now));
  if (changes.specs.length > 0) last(writeSpecs(sql, changes.specs));
  if (changes.ruled.size > 0) last(writeRules(sql, changes.ruled));
  if (changes.releasedDeliveries.length > 0) last(releaseHeld(sql, changes.releasedDeliveries));
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
  ["first_claimed_at", "timestamptz", "firstClaimedAt"],
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
  ["open_children", "int", "openChildren"],
  ["pause_requested", "boolean", "pauseRequested"],
  ["paused_by_batch", "boolean", "pausedByBatch"],
  ["swept", "int", "swept"],
  ["in_doubt", "boolean", "inDoubt"],
  ["ready_at", "timestamptz", "readyAt"],
  ["run_at", "timestamptz", "runAt"],
  ["next_retry_at", "timestamptz", "nextRetryAt"],
  ["failure_reason", "text", "failureReason"],
  ["rejected", "smallint", "rejected"],
  ["heard", "boolean", "heard"],
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
  ["actor", "text", "actor"],
];
const withDetail: typeof ofEvent = [...ofEvent, ["detail", "jsonb", "detail"]];
/** In which columns rows are alike that were claimed, or ended, together; and their events. */
const alike: readonly Shared<keyof TaskRow>[] = [
  ["status", "waitFinished", "waitSuccess", "owner", "firstClaimedAt", "startedAt", "endedAt", "lastUpdated"],
  ["waitFinished", "waitSuccess", "owner", "endedAt", "lastUpdated"],
];
const alikeEvents: readonly Shared<keyof TaskEventRow>[] = [
  ["from", "to", "event", "attempt", "reason", "actor"],
  ["attempt", "reason", "actor"],
  ["attempt", "reason"],
];
const ofBatch: readonly Column<keyof BatchRow>[] = [
  ["id", "uuid", "id"],
  ["unfinished", "int", "unfinished"],
  ["succeeded", "int", "succeeded"],
  ["failed", "int", "failed"],
  ["canceled", "int", "canceled"],
  ["skipped", "int", "skipped"],
  ["dead_ends", "int", "deadEnds"],
  ["followed", "int", "followed"],
  ["first_failed", "uuid", "firstFailed"],
  ["open", "boolean", "open"],
  ["paused", "boolean", "paused"],
  ["stopping", "boolean", "stopping"],
  ["works", "int", "works"],
  ["seq", "int", "seq"],
  ["last_was_sweep", "boolean", "lastWasSweep"],
  ["completed_at", "timestamptz", "completedAt"],
];
/** What the tasks that ended in this turn add to the sums of their batch. */
const ofEnded: readonly Column<keyof Ended>[] = [
  ["ended_success", "float8", "success"],
  ["ended_failures", "float8", "failures"],
  ["ended_expected", "float8", "expected"],
  ["ended_unexpected", "int", "unexpected"],
];

/** Rows, batches and events. One statement: each by itself costs as much as some of the rows. */
function writeStates(sql: Sql, { rows, batches, events, now }: Changes): Write {
  const params: (string | null)[] = [];
  // Most rows have changed in the common columns only, and each column costs.
  const isRare = ({ row, before }: Changes["rows"][number]) => rare.some(([, , field]) => row[field] !== before[field]);
  const full = rows.filter(isRare);
  const short = full.length === 0 ? rows : rows.filter((change) => !isRare(change));
  const updates: string[] = [];
  if (short.length > 0) updates.push(updateRows(params, common, short, alike));
  if (full.length > 0) updates.push(updateRows(params, all, full, []));
  if (batches.length > 0) updates.push(updateBatches(params, batches, endedOf(rows)));
  const main = events.length > 0 ? insertEvents(params, events, now) : "select where false";
  const others = updates.map((update, i) => `u${i} as (${update})`);
  const statement = others.length > 0 ? `with ${others.join(", ")} ${main}` : main;
  return sql.unsafe(statement, params, { prepare: true }).execute();
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

interface Ended {
  success: number;
  failures: number;
  expected: number;
  unexpected: number;
  last: Date | null;
}

function endedOf(rows: Changes["rows"]): ReadonlyMap<string, Ended> {
  const byBatch = new Map<string, Ended>();
  for (const { row, before } of rows) {
    if (row.endedAt === null || before.endedAt !== null) continue;
    const sums = byBatch.get(row.batchId) ?? { ...noneEnded };
    sums.success += row.success;
    sums.failures += row.failures;
    sums.expected += row.expectedCount ?? 0;
    if (row.expectedCount === null) sums.unexpected++;
    if (sums.last === null || row.lastUpdated > sums.last) sums.last = row.lastUpdated;
    byBatch.set(row.batchId, sums);
  }
  return byBatch;
}
const noneEnded: Ended = { success: 0, failures: 0, expected: 0, unexpected: 0, last: null };

function updateBatches(
  params: (string | null)[],
  batches: readonly BatchRow[],
  ended: ReadonlyMap<string, Ended>,
): string {
  const columns: readonly Column<keyof BatchRow | keyof Ended>[] = [
    ...ofBatch,
    ...ofEnded,
    ["last_ended", "timestamptz", "last"],
  ];
  const from = unnest(
    params,
    columns,
    batches.map((batch) => ({ ...batch, ...(ended.get(batch.id) ?? noneEnded) })),
  );
  const set = [
    ...ofBatch.slice(1).map(([name]) => `"${name}" = u."${name}"`),
    ...ofEnded.map(([name]) => `${name} = b.${name} + u.${name}`),
    "last_ended = greatest(b.last_ended, u.last_ended)",
  ];
  return `update batch b set ${set.join(", ")} from ${from} where b.id = u.id`;
}

function insertEvents(params: (string | null)[], events: readonly TaskEventRow[], now: Date): string {
  // Most events have no detail, and each column costs.
  const fields = events.some(({ detail }) => detail !== undefined) ? withDetail : ofEvent;
  const { names, from } = values(params, fields, events, alikeEvents, (event, field) =>
    field === "detail" ? (event.detail === undefined ? null : json(event.detail)) : event[field],
  );
  const columns = fields.map(([name]) => `"${name}"`);
  const at = `$${params.push(now.toISOString())}::timestamptz`;
  return `insert into event (${columns.join(", ")}, at) select ${names.join(", ")}, ${at} from ${from}`;
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
