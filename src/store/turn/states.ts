// How a turn writes its tasks, batches and events: one statement, of which each row and each column costs. So it names the columns
// that have changed, and what rows have in common is sent once. There are few such sets, so that there are few statements.
import type { BatchRow, TaskEventRow, TaskRow } from "#domain/row";
import type { Sql } from "#store/pg/pool";
import { type Column, type Scalar, type Shared, unnest, values } from "#store/pg/unnest";

/** A row, and what was read. */
interface Change<Row> {
  readonly row: Row;
  readonly before: Row;
}

export interface StateChanges {
  readonly rows: readonly Change<TaskRow>[];
  readonly batches: readonly Change<BatchRow>[];
  readonly events: readonly TaskEventRow[];
  readonly now: Date;
}

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

const onlyOf = <Field extends string>(columns: readonly Column<Field>[], ...fields: readonly Field[]) =>
  columns.filter(([, , field]) => fields.includes(field));

/** What an end changes; what the outcome of a start call changes, too; what nearly everything does. Each column costs. */
const ofTask = [
  onlyOf(common, "id", "status", "endedAt", "lastUpdated", "dueAt"),
  onlyOf(common, "id", "status", "owner", "startedAt", "endedAt", "lastUpdated", "dueAt"),
  common,
];

/** The fewest of these columns that hold all that the rows have changed; all of them are in the last. */
function narrowest<Row, Field extends string & keyof Row>(
  sets: readonly (readonly Column<Field>[])[],
  changes: readonly Change<Row>[],
): readonly Column<Field>[] {
  const all = sets.at(-1) ?? [];
  const holds = (columns: readonly Column<Field>[]) => {
    const others = all.filter((column) => !columns.includes(column));
    return changes.every(({ row, before }) => others.every(([, , field]) => row[field] === before[field]));
  };
  return sets.find(holds) ?? all;
}

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
const allOfBatch: readonly Column<keyof BatchRow>[] = [
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
/** What successes change; what anything may. */
const ofBatch = [onlyOf(allOfBatch, "id", "unfinished", "succeeded", "completedAt"), allOfBatch];
/** What the tasks that ended in this turn add to the sums of their batch. */
const ofEnded: readonly Column<keyof Ended>[] = [
  ["ended_success", "float8", "success"],
  ["ended_failures", "float8", "failures"],
  ["ended_expected", "float8", "expected"],
  ["ended_unexpected", "int", "unexpected"],
];

/** Rows, batches and events. One statement: each by itself costs as much as some of the rows. */
export function writeStates(sql: Sql, { rows, batches, events, now }: StateChanges): Promise<unknown> {
  const params: (string | null)[] = [];
  // Most rows have changed in the common columns only.
  const isRare = ({ row, before }: StateChanges["rows"][number]) =>
    rare.some(([, , field]) => row[field] !== before[field]);
  const full = rows.filter(isRare);
  const short = full.length === 0 ? rows : rows.filter((change) => !isRare(change));
  const updates: string[] = [];
  if (short.length > 0) updates.push(updateRows(params, narrowest(ofTask, short), short, alike));
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
  rows: StateChanges["rows"],
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

function endedOf(rows: StateChanges["rows"]): ReadonlyMap<string, Ended> {
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
  changes: StateChanges["batches"],
  ended: ReadonlyMap<string, Ended>,
): string {
  const own = narrowest(ofBatch, changes);
  const columns: readonly Column<keyof BatchRow | keyof Ended>[] = [
    ...own,
    ...ofEnded,
    ["last_ended", "timestamptz", "last"],
  ];
  const from = unnest(
    params,
    columns,
    changes.map(({ row }) => ({ ...row, ...(ended.get(row.id) ?? noneEnded) })),
  );
  const set = [
    ...own.slice(1).map(([name]) => `"${name}" = u."${name}"`),
    ...ofEnded.map(([name]) => `${name} = b.${name} + u.${name}`),
    "last_ended = greatest(b.last_ended, u.last_ended)",
  ];
  return `update batch b set ${set.join(", ")} from ${from} where b.id = u.id`;
}

function insertEvents(params: (string | null)[], events: readonly TaskEventRow[], now: Date): string {
  // Most events have no detail, and each column costs.
  const fields = events.some(({ detail }) => detail !== undefined) ? withDetail : ofEvent;
  const { names, from } = values(params, fields, events, alikeEvents, (event, field) =>
    field === "detail" ? (event.detail === undefined ? null : JSON.stringify(event.detail)) : event[field],
  );
  const columns = fields.map(([name]) => `"${name}"`);
  const at = `$${params.push(now.toISOString())}::timestamptz`;
  return `insert into event (${columns.join(", ")}, at) select ${names.join(", ")}, ${at} from ${from}`;
}
