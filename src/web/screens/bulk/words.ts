// What a bulk operation does to how many of what, in words. Pure.
import type { Bulk, BulkOperation } from "../../../sdk/client.ts";
import { countText } from "../../data/format.ts";

export type BulkNoun = "tasks" | "batches" | "deliveries";
export type BulkAction = Bulk["action"];

export const actionWords: Readonly<Record<BulkAction, string>> = {
  cancel: "Cancel",
  pause: "Pause",
  resume: "Resume",
  rerun: "Rerun what failed of",
  replay: "Replay",
};

const singular: Readonly<Record<BulkNoun, string>> = { tasks: "task", batches: "batch", deliveries: "delivery" };

export const nounText = (n: number, noun: BulkNoun): string => countText(n, singular[noun], noun);

export const nounOf = ({ filter }: Pick<BulkOperation, "filter">): BulkNoun =>
  (["tasks", "batches", "deliveries"] as const).find((noun) => noun in filter) ?? "tasks";

/** The filter as the query of the list that it is of. */
export function filterOfBulk(operation: Pick<BulkOperation, "filter">): Record<string, string> {
  const filter = operation.filter[nounOf(operation)] ?? {};
  return Object.fromEntries(
    Object.entries(filter as Record<string, unknown>).map(([name, value]) => [name, textOf(value)]),
  );
}

const textOf = (value: unknown): string =>
  Array.isArray(value) ? value.join(",") : typeof value === "object" ? JSON.stringify(value) : String(value);

export const filterText = (operation: Pick<BulkOperation, "filter">): string =>
  Object.entries(filterOfBulk(operation))
    .map(([name, value]) => `${name} = ${value}`)
    .join(", ");
