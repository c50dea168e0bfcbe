// What matches the filter of a bulk operation: the rows that the listing would show, by the same walk, in the same order.
import type { BulkAsk } from "#domain/bulk";
import { batchStates } from "#domain/schema/answers/batch";
import { taskStates } from "#domain/state";
import type { Cursor } from "#domain/values/cursor";
import type { Sql } from "#store/pg/pool";
import { type BatchFilter, stillMatching, walkBatches } from "#store/read/batch-list";
import { type DeliveryFilter, walkDeliveries } from "#store/read/deliveries";
import { type TaskFilter, walkTasks } from "#store/read/task-list";
import type { Listed, Page } from "#store/read/walk";

type Asked = Pick<BulkAsk, "kind" | "filter">;

export function matching(sql: Sql, { kind, filter }: Asked, page: Page): Promise<Listed<Cursor>> {
  if (kind === "tasks") return walkTasks(sql, { ...ofTasks(filter as TasksFilter), ...page });
  if (kind === "batches") return walkBatches(sql, { ...ofBatches(filter as BatchesFilter), ...page });
  return walkDeliveries(sql, { ...ofDeliveries(filter as DeliveriesFilter), ...page });
}

/** Those of these batches that have not left the states that the filter names. */
export const inStates = (sql: Sql, filter: BulkAsk["filter"], batches: readonly string[]): Promise<string[]> =>
  stillMatching(sql, batches, ofBatches(filter as BatchesFilter));

/** As it is kept: by the names of the query, times as texts. */
type TasksFilter = Omit<TaskFilter, keyof Page | "batchId" | "startKind"> & {
  readonly batch_id?: string;
  readonly start_kind?: TaskFilter["startKind"];
};

const ofTasks = ({ batch_id, start_kind, ...rest }: TasksFilter): Omit<TaskFilter, keyof Page> => ({
  ...rest,
  ...(batch_id === undefined ? {} : { batchId: batch_id }),
  ...(start_kind === undefined ? {} : { startKind: start_kind }),
});

type BatchesFilter = Pick<BatchFilter, "kind" | "name" | "scope" | "metadata"> & {
  readonly status?: readonly string[];
  readonly created_after?: string;
  readonly created_before?: string;
};

function ofBatches({ status, created_after, created_before, ...rest }: BatchesFilter): Omit<BatchFilter, keyof Page> {
  const ofTask = taskStates.filter((state) => status?.includes(state));
  const own = batchStates.filter((state) => status?.includes(state));
  return {
    ...rest,
    ...(ofTask.length === 0 ? {} : { status: ofTask }),
    ...(own.length === 0 ? {} : { state: own }),
    ...(created_after === undefined ? {} : { createdAfter: new Date(created_after) }),
    ...(created_before === undefined ? {} : { createdBefore: new Date(created_before) }),
  };
}

type DeliveriesFilter = Pick<DeliveryFilter, "status" | "receiver"> & {
  readonly task_id?: string;
  readonly batch_id?: string;
};

const ofDeliveries = ({ task_id, batch_id, ...rest }: DeliveriesFilter): Omit<DeliveryFilter, keyof Page> => ({
  ...rest,
  ...(task_id === undefined ? {} : { taskId: task_id }),
  ...(batch_id === undefined ? {} : { batchId: batch_id }),
});
