// The table of operations: everything that the HTTP API can be asked.
import { batchOperations } from "#http/operations/batches";
import { bulkOperations } from "#http/operations/bulk";
import { deliveryOperations } from "#http/operations/deliveries";
import { growingOperations } from "#http/operations/growing";
import type { Operation } from "#http/operations/operation";
import { operatorOperations } from "#http/operations/operators";
import { scheduleOperations } from "#http/operations/schedules";
import { systemOperations } from "#http/operations/system";
import { taskOperations } from "#http/operations/tasks";

export const operations = {
  ...taskOperations,
  ...batchOperations,
  ...growingOperations,
  ...scheduleOperations,
  ...deliveryOperations,
  ...bulkOperations,
  ...operatorOperations,
  ...systemOperations,
} as const;
export type OperationId = keyof typeof operations;

/** The rows with their names. */
export const table = Object.entries(operations) as unknown as readonly (readonly [id: OperationId, op: Operation])[];

/**
 * What a path of a request may be asked for, in capitals: HEAD where there is GET. Empty: there is no such path. One that has a
 * name of its own where others have an id (`/webhook-deliveries/replay`) is asked for by that name alone.
 */
export function methodsAt(path: string, rows: Iterable<Operation>): string[] {
  const methods = new Set<string>();
  const fitting = [...rows].filter((row) => patternOf(row.path).test(path));
  const own = fitting.filter((row) => row.path === path);
  for (const { method } of own.length > 0 ? own : fitting) {
    methods.add(method.toUpperCase());
    if (method === "get") methods.add("HEAD");
  }
  return [...methods];
}

const patternOf = (path: string): RegExp => new RegExp(`^${path.replace(/[.]/g, "\\.").replace(/\{\w+\}/g, "[^/]+")}$`);
