// The operations on tasks: creating and reading them, reports of services, what operators ask of one.
import { startKinds } from "#domain/action";
import { Conflict, ValidationError } from "#domain/schema/answers/system";
import { Accepted, CreatedTasks, DryRun, ListedTask, Task, TaskEvent, TaskState } from "#domain/schema/answers/task";
import { Patch, Put, readOverride, readPatch, readPut, TaskOverride } from "#domain/schema/report";
import { NewBatch } from "#domain/schema/task";
import { taskStates } from "#domain/state";
import { operation, propagating, warningHeader } from "#http/operations/operation";
import * as query from "#http/query";

/** Known on every call about one task: each may be made by what was built from a handle. */
export const handle = {
  attempt: query.integer(0, 2 ** 31 - 1, "The attempt that the report speaks of; none means the present one.", 0),
  sig: query.text(
    "The signature of a handle (where HANDLE_SECRET is set), which needs no token for this task and attempt.",
    "q83vEjRWeJA",
  ),
};

/** What the id of the batch stands in. */
const batchIdHeader = { "X-Batch-ID": "The id of the batch." };
export const createdHeaders = {
  ...batchIdHeader,
  "Baton-Deduplicated":
    "Ids of the tasks that were left out, as sent: comma-separated, each percent-encoded, at most 100.",
  ...warningHeader,
};

const eventId = (what: string) => query.integer(0, Number.MAX_SAFE_INTEGER, what, 42);

const changed = { what: "The task as it is now; propagation to its children is committed too.", schema: TaskState };
const moved = (verb: "cancel" | "pause" | "resume", what: string) =>
  operation({
    method: verb === "cancel" ? "delete" : "patch",
    path: verb === "cancel" ? "/task/{id}" : `/task/${verb}/{id}`,
    tag: "tasks",
    summary: what,
    right: "operate",
    query: { ...handle, reason: query.reason },
    keyed: true,
    answers: { 200: changed, 202: propagating("TaskState", TaskState) },
    refusals: [{ code: "not_in_this_state", status: 400 }, "wrong_attempt", "unknown_task", "busy"],
    refusalSchemas: { 409: Conflict },
  });

export const taskOperations = {
  createBatch: operation({
    method: "post",
    path: "/task",
    tag: "tasks",
    summary: "Create a batch of tasks",
    description:
      "The body is an array of tasks, or an object with `tasks` and what holds for the whole batch. All tasks are created in one transaction, or none. Dependencies may be listed in any order.",
    right: "submit",
    query: { dry_run: query.flag("1: validate and plan only, write nothing.") },
    body: {
      schema: NewBatch,
      bareTasks: true,
      large: true,
      example: [
        {
          id: "extract",
          name: "Extract the orders",
          kind: "etl",
          on_start: { kind: "Webhook", params: { url: "https://service.example.com/extract", verb: "Post" } },
        },
        { id: "load", name: "Load the orders", kind: "etl", dependencies: [{ id: "extract", requires_success: true }] },
      ],
    },
    keyed: true,
    answers: {
      200: { what: "With dry_run=1: what would be created.", schema: DryRun },
      201: { what: "The created tasks, in the order sent.", schema: CreatedTasks, headers: createdHeaders },
      204: { what: "Nothing to create: the array is empty, or all tasks were deduplicated.", headers: createdHeaders },
    },
    refusals: ["key_in_flight", "too_many_unfinished", "busy"],
    refusalSchemas: { 400: ValidationError },
  }),
  listTasks: operation({
    method: "get",
    path: "/task",
    tag: "tasks",
    summary: "List tasks, newest first",
    right: "read",
    query: {
      ...query.paging,
      after: query.after("task"),
      status: query.someOf(taskStates, "Tasks in this state.", "Running"),
      kind: query.text("Tasks whose kind contains this text, case-sensitive.", "etl"),
      name: query.text("Tasks whose name contains this text, case-sensitive.", "orders"),
      batch_id: query.uuid("Tasks of this batch."),
      metadata: query.object("Tasks whose metadata contains this JSON object.", '{"tenant":"a"}'),
      timeout: query.integer(0, 2 ** 31 - 1, "Tasks with this timeout, in seconds.", 60),
      start_kind: query.oneOf(
        [...startKinds, "none"] as const,
        "Tasks that start so; none: without a start action.",
        "Wait",
      ),
    },
    answers: {
      200: {
        what: "A page of tasks, without actions, rules and metadata. It may be short: the end is where there is no `Link`.",
        listOf: ListedTask,
        headers: query.pageHeaders,
      },
    },
    refusals: ["busy"],
  }),
  getTask: operation({
    method: "get",
    path: "/task/{id}",
    tag: "tasks",
    summary: "Get a task, with its actions and why it does not run now",
    right: "read",
    query: handle,
    answers: { 200: { what: "The task.", schema: Task } },
    refusals: ["unknown_task", "busy"],
  }),
  patchTask: operation({
    method: "patch",
    path: "/task/{id}",
    tag: "tasks",
    summary:
      "Report that a task succeeded, failed or was skipped, change its other fields, or say that it is alive (the handle)",
    right: "operate",
    byHandle: true,
    query: handle,
    body: { schema: Patch, read: readPatch, example: { status: "Success", result: { rows: 1000 } } },
    keyed: true,
    answers: {
      200: { ...changed, headers: warningHeader },
      202: propagating("TaskState", TaskState, warningHeader),
    },
    refusals: [
      {
        code: "forbidden",
        what: "The token's role does not allow this, or a signed handle asks for another priority.",
      },
      "unknown_task",
      { code: "not_in_this_state", status: 409, what: "The task does not accept it; nothing was changed." },
      "wrong_attempt",
      "busy",
    ],
    refusalSchemas: { 409: Conflict },
  }),
  addProgress: operation({
    method: "put",
    path: "/task/{id}",
    tag: "tasks",
    summary: "Add to the counters of a task, or say that it is alive",
    description:
      "Zeros, or no counters at all, are a heartbeat: it moves `last_updated`, and with it the time-out; the first one of a task whose message lies in a queue puts `timeout` in force in place of `queue_timeout_secs`. Counters are those of the present attempt. Without an `Idempotency-Key`, an update that is sent again after a 503 or a lost answer may count twice: the first one may have been stored. With one it counts once.",
    right: "operate",
    byHandle: true,
    query: handle,
    body: { schema: Put, read: readPut, example: { new_success: 10, new_failures: 1 } },
    keyed: true,
    answers: { 202: { what: "Stored; it will be counted exactly once.", schema: Accepted } },
    refusals: [
      "unknown_task",
      { code: "not_in_this_state", status: 409, what: "The task has ended." },
      "wrong_attempt",
    ],
    refusalSchemas: { 409: Conflict },
  }),
  cancelTask: moved("cancel", "Cancel a task"),
  pauseTask: moved("pause", "Pause a task"),
  resumeTask: moved("resume", "Resume a task"),
  overrideTask: operation({
    method: "post",
    path: "/task/{id}/override",
    tag: "tasks",
    summary: "Say how an unfinished task ends, whatever its state",
    description:
      "An operator's word: everything follows as if the task had ended so, and it is not tried again. The cancel action follows if its service may be at work on it. `reason` stands in the event `override`.",
    right: "operate",
    query: handle,
    body: { schema: TaskOverride, read: readOverride, example: { status: "Success", reason: "done by hand" } },
    keyed: true,
    answers: { 200: changed, 202: propagating("TaskState", TaskState) },
    refusals: [
      "unknown_task",
      { code: "not_in_this_state", status: 409, what: "The task has ended." },
      "wrong_attempt",
      "busy",
    ],
    refusalSchemas: { 409: Conflict },
  }),
  listTaskEvents: operation({
    method: "get",
    path: "/task/{id}/events",
    tag: "tasks",
    summary: "List the transitions of a task, oldest first",
    right: "read",
    query: handle,
    answers: {
      200: { what: "Its events. A refused report is an event whose from and to are the same.", listOf: TaskEvent },
    },
    refusals: ["unknown_task", "busy"],
  }),
  followEvents: operation({
    method: "get",
    path: "/events",
    tag: "tasks",
    summary: "Follow the transitions of all tasks, or of one batch",
    description: [
      "Server-Sent Events. Each is `id: <id>` and `data: <the event as GET /task/{id}/events lists it>`, in the order of ids. With the header `Last-Event-ID` (or the parameter) the stream goes on after that event, without a gap and without a repetition, at any API process; without it, it starts now and says where in its first line.",
      'A comment comes every 15 s. A client that reads too slowly is dropped and may resume. Where retention has dropped events after the one that was named, `event: gap` with `data: {"dropped_to": <id>}` comes first.',
    ].join("\n\n"),
    right: "read",
    query: {
      batch_id: query.uuid("Events of this batch only."),
      last_event_id: eventId("The same as the header Last-Event-ID, which wins, for clients that cannot set it."),
    },
    headers: { "Last-Event-ID": eventId("The stream goes on after this event; 0: from the beginning.") },
    answers: {
      200: {
        what: "The stream; it does not end by itself.",
        type: "text/event-stream",
        example: "id: 4711\ndata: {}\n\n",
      },
    },
    refusals: ["unknown_batch", "too_many_streams", "busy"],
  }),
} as const;
