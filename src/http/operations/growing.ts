// The operations that add tasks to a batch, and say that nothing more comes.
import { BatchClosed } from "#domain/schema/answers/batch";
import { AddingConflict } from "#domain/schema/answers/system";
import { CreatedTasks, DryRun } from "#domain/schema/answers/task";
import { AddedTasks } from "#domain/schema/task";
import { operation } from "#http/operations/operation";
import { createdHeaders, handle } from "#http/operations/tasks";
import * as query from "#http/query";

const dryRun = { dry_run: query.flag("1: validate and plan only, write nothing.") };

const body = {
  schema: AddedTasks,
  bareTasks: true,
  large: true,
  example: [{ id: "page-2", name: "Load page 2", kind: "etl", dependencies: [{ id: "page-1" }] }],
} as const;

const answers = {
  200: {
    what: "With dry_run=1: what would be added. What depends only on tasks of the batch is level 0.",
    schema: DryRun,
  },
  201: { what: "The added tasks, in the order sent.", schema: CreatedTasks, headers: createdHeaders },
  204: { what: "Nothing to add: the array is empty, or all tasks were deduplicated.", headers: createdHeaders },
};

const rules = [
  "Ids stay unique in the batch. Dependencies may name tasks of the call and of the batch: one that has ended counts at once, as the table in docs/edges.md says, so an added task may end as soon as it exists. The id of a task that was deduplicated may be named, counts as met, and is free again.",
  "One transaction, without a worker. In a paused batch the tasks are created Paused. A batch has at most 50,000 tasks and 1,000,000 dependencies. With an `Idempotency-Key` a repetition gets the first answer, also when the batch is complete by then.",
];

export const growingOperations = {
  addToBatch: operation({
    method: "post",
    path: "/batch/{id}/tasks",
    tag: "batches",
    summary: "Add tasks to a batch that is not complete",
    description: rules.join("\n\n"),
    right: "submit",
    query: dryRun,
    body,
    keyed: true,
    answers,
    refusals: ["unknown_batch", "batch_complete", "key_in_flight", "too_many_unfinished", "busy"],
  }),
  addByTask: operation({
    method: "post",
    path: "/task/{id}/tasks",
    tag: "tasks",
    summary: "Add tasks to the batch of a task that is at work (the handle, with /tasks before its query)",
    description: [
      "While the task is Claimed, Running, or in doubt. One that is at work and has added tasks is no dead end when they end before it.",
      "By a signature alone, the added tasks may depend on that task, on tasks that it added, and on each other.",
      ...rules,
    ].join("\n\n"),
    right: "operate",
    byHandle: true,
    query: { ...handle, ...dryRun },
    body,
    keyed: true,
    answers,
    refusals: [
      "unknown_task",
      { code: "not_in_this_state", status: 409, what: "The task is not at work." },
      "wrong_attempt",
      "batch_complete",
      "key_in_flight",
      "too_many_unfinished",
      "busy",
    ],
    refusalSchemas: { 409: AddingConflict },
  }),
  closeBatch: operation({
    method: "post",
    path: "/batch/{id}/close",
    tag: "batches",
    summary: "Say that nothing more is added to an open batch",
    description:
      "From then on it is complete when its last task has ended, at once if all have. Tasks can be added until then. A batch that was never open, or is complete, is closed already: 200. It makes no dead ends.",
    right: "submit",
    keyed: true,
    answers: { 200: { what: "It is closed.", schema: BatchClosed } },
    refusals: ["unknown_batch", "busy"],
  }),
} as const;
