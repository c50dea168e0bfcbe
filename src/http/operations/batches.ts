// The operations on whole batches.
import {
  Batch,
  BatchPaused,
  BatchResumed,
  batchStates,
  Dag,
  ListedBatch,
  RulesSet,
  Stopped,
} from "#domain/schema/answers/batch";
import { CreatedTasks } from "#domain/schema/answers/task";
import { Rerun, readRerun } from "#domain/schema/rerun";
import { RulesPatch, readRules } from "#domain/schema/rules";
import { taskStates } from "#domain/state";
import { operation, propagating, warningHeader } from "#http/operations/operation";
import * as query from "#http/query";
import { dagLinksMax, dagTasksMax } from "#store/read/dag";

const newBatchId = { "X-Batch-ID": "The id of the new batch." };

export const batchOperations = {
  getBatch: operation({
    method: "get",
    path: "/batch/{id}",
    tag: "batches",
    summary: "Get a batch: its sums, and how many tasks are in which state",
    right: "read",
    answers: { 200: { what: "The batch.", schema: Batch } },
    refusals: ["unknown_batch", "busy"],
  }),
  listBatches: operation({
    method: "get",
    path: "/batches",
    tag: "batches",
    summary: "List batches, newest first",
    right: "read",
    query: {
      ...query.paging,
      after: query.after("batches"),
      kind: query.text("Batches with a task whose kind contains this text.", "etl"),
      name: query.text("Batches with a task whose name contains this text.", "orders"),
      status: query.someOf(
        [...taskStates, ...batchStates],
        "Batches with a task in this state or, in lower case, in this state themselves.",
        "Failure",
      ),
      scope: query.text("Batches of exactly this scope.", "nightly"),
      metadata: query.object("Batches whose own metadata contains this JSON object.", '{"owner":"data"}'),
      created_after: query.time("Batches created after this time."),
      created_before: query.time("Batches created before this time."),
    },
    answers: {
      200: {
        what: "A page of batches. It may be short: the end is where there is no `Link`.",
        listOf: ListedBatch,
        headers: query.pageHeaders,
      },
    },
    refusals: ["busy"],
  }),
  getDag: operation({
    method: "get",
    path: "/dag/{id}",
    tag: "batches",
    summary: "Get the graph of a batch, page by page",
    right: "read",
    query: {
      ...query.paging,
      after: query.after("dag"),
      compact: query.flag(
        "1: tasks as `[id, local_id, name, kind, status]`, links as `[parent, child, edge]` by place among the tasks over all pages; `edge` is `requires_success`, the condition, or `always`.",
      ),
    },
    answers: {
      200: {
        what: `Its tasks in the order of creation, but parents before children, and every edge from a task of this page to one above it, which is on this page or an earlier one. At most ${dagTasksMax} tasks a page (the default); one with more than ${dagLinksMax} links ends early.`,
        schema: Dag,
        headers: query.pageHeaders,
      },
    },
    refusals: ["unknown_batch", "busy"],
  }),
  stopBatch: operation({
    method: "delete",
    path: "/batch/{id}",
    tag: "batches",
    summary: "Cancel every unfinished task of a batch",
    right: "operate",
    query: { reason: query.reason },
    keyed: true,
    answers: {
      200: { what: "How many tasks were canceled, by the state they were in.", schema: Stopped },
      202: propagating("Stopped", Stopped),
    },
    refusals: ["unknown_batch", "busy"],
  }),
  pauseBatch: operation({
    method: "post",
    path: "/batch/{id}/pause",
    tag: "batches",
    summary: "Pause a batch; Claimed and Running tasks go on",
    right: "operate",
    query: { reason: query.reason },
    keyed: true,
    answers: {
      200: { what: "How many tasks were paused.", schema: BatchPaused },
      202: propagating("BatchPaused", BatchPaused),
    },
    refusals: ["unknown_batch", "busy"],
  }),
  resumeBatch: operation({
    method: "post",
    path: "/batch/{id}/resume",
    tag: "batches",
    summary: "Resume a paused batch",
    right: "operate",
    query: { reason: query.reason },
    keyed: true,
    answers: {
      200: { what: "How many tasks were resumed.", schema: BatchResumed },
      202: propagating("BatchResumed", BatchResumed),
    },
    refusals: ["unknown_batch", "busy"],
  }),
  rerunBatch: operation({
    method: "post",
    path: "/batch/{id}/rerun",
    tag: "batches",
    summary: "Run an ended batch again, as a new batch",
    description: [
      "The new batch has new ids and the same local ids, scope, metadata and on_batch_complete. Its tasks are as the old ones are now (a PATCH may have replaced metadata, priority or expected_count), with counters and attempts from zero and without results.",
      "`failed`, the default, is every task that is not Success, but for those that the tasks that are left out would skip or fail again at once (`on_failure` of a parent that succeeded). With `dependents` also what depends on these, though it succeeded. `all` is every task. `from` is the tasks that it names and what depends on them.",
      "A parent that is left out counts as it ended in the first batch: as the table in docs/edges.md says, it is met, or the task that depends on it is Failure or Skipped as soon as it exists. Only the tasks that `from` names start whatever such parents did.",
      "A `run_at` that has passed is now; a `delay_secs` begins again. A batch that was open is not open again.",
      "`dedupe_strategy` is kept and not applied. Cancel actions that a service answered to a start call are not kept.",
      "Each call makes another batch, unless it has the `Idempotency-Key` of one before: then it gets that one's answer, as for `POST /task`.",
    ].join("\n\n"),
    right: "operate",
    body: { schema: Rerun, read: readRerun, optional: true, example: { only: "failed", dependents: true } },
    keyed: true,
    answers: {
      201: { what: "The created tasks, in the order of the first call.", schema: CreatedTasks, headers: newBatchId },
      204: { what: "Nothing to run again: no batch was made." },
    },
    refusals: ["unknown_batch", "batch_not_complete", "key_in_flight", "too_many_unfinished", "busy"],
  }),
  setRules: operation({
    method: "patch",
    path: "/batch/{id}/rules",
    tag: "batches",
    summary: "Replace the rules of the unfinished tasks of one kind",
    description:
      "Tasks that are Claimed or Running go on, and count as before. What waits is judged by the new rules at once.",
    right: "operate",
    body: {
      schema: RulesPatch,
      read: readRules,
      example: {
        kind: "resize",
        rules: [
          {
            type: "Concurrency",
            max_concurrency: 5,
            matcher: { kind: "resize", status: "Running", fields: ["tenant"] },
          },
        ],
      },
    },
    keyed: true,
    answers: {
      200: { what: "How many tasks have these rules now.", schema: RulesSet, headers: warningHeader },
      202: propagating("RulesSet", RulesSet, warningHeader),
    },
    refusals: ["unknown_batch", "busy"],
  }),
} as const;
