// The operations on many tasks, batches or deliveries at once.
import { Bulk, BulkAsked, BulkMatched, BulkOperation } from "#domain/schema/bulk";
import { readBulk } from "#http/bulk/body";
import { operation } from "#http/operations/operation";
import * as query from "#http/query";

export const bulkOperations = {
  createBulk: operation({
    method: "post",
    path: "/bulk",
    tag: "operators",
    summary: "Cancel, pause, resume, run again or replay everything that matches a filter",
    description: [
      "It takes what matches now, each once, by the commands of single calls, in portions that any worker does. What has left the filter's `status` by its turn is skipped.",
      "Where more than 10,000 match, or finding them takes over 3 s, `matched` is null and a worker collects the set: what was created before the call and matches when it is come to.",
      "With `dry_run` it counts what matches now, up to 100,000 and for 3 s; then `more` says that there is more. A token that may `read` is enough for that.",
    ].join("\n\n"),
    right: "operate",
    rehearsalRight: "read",
    body: {
      schema: Bulk,
      read: readBulk,
      example: { action: "cancel", tasks: { status: ["Pending", "Waiting"], kind: "etl" }, reason: "wrong input" },
    },
    keyed: true,
    answers: {
      200: { what: "With dry_run: what it would take.", schema: BulkMatched },
      202: { what: "It is written down, and goes on by itself.", schema: BulkAsked },
    },
    refusals: ["key_in_flight", "busy"],
  }),
  listBulks: operation({
    method: "get",
    path: "/bulk",
    tag: "operators",
    summary: "List bulk operations, newest first",
    description: "They are kept 30 days after they ended.",
    right: "read",
    query: { ...query.paging, after: query.after("bulk") },
    answers: { 200: { what: "A page of operations.", listOf: BulkOperation, headers: query.pageHeaders } },
    refusals: ["busy"],
  }),
  getBulk: operation({
    method: "get",
    path: "/bulk/{id}",
    tag: "operators",
    summary: "Get a bulk operation: how far it is",
    right: "read",
    answers: { 200: { what: "The operation.", schema: BulkOperation } },
    refusals: ["unknown_bulk", "busy"],
  }),
  stopBulk: operation({
    method: "delete",
    path: "/bulk/{id}",
    tag: "operators",
    summary: "Stop a bulk operation",
    description:
      "What it has done stays done. A portion that is under way, at most 128 items, is finished first; where that takes over 8 s the answer comes before, with the state `running`. One that is over does not change.",
    right: "operate",
    keyed: true,
    answers: { 200: { what: "The operation as it is now.", schema: BulkOperation } },
    refusals: ["unknown_bulk", "busy"],
  }),
} as const;
