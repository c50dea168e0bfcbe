// Every call of the API, with what it takes and gives.
// Generated from the table of operations by `npm run docs`; do not edit.
import type { Accepted, AddedTasks, Batch, BatchClosed, BatchPaused, BatchPausedPropagating, BatchResumed, BatchResumedPropagating, Bulk, BulkAsked, BulkMatched, BulkOperation, Circuit, Counters, CreatedTasks, Dag, DeadLetter, DeadLetterReplayed, Delivery, DeliveryReplayed, DeliveryWithAttempts, DryRun, Found, Health, Limit, ListedBatch, ListedSchedule, ListedTask, NewBatch, Overview, Ready, Receiver, ReplaySince, Replayed, Rerun, RulesPatch, RulesSet, RulesSetPropagating, Schedule, ScheduleInput, Stopped, StoppedPropagating, Task, TaskAttempt, TaskEvent, TaskOverride, TaskPatch, TaskState, TaskStatePropagating, WhoAmI, WorkerProcess } from "./types.ts";

export interface Operations {
  /** Create a batch of tasks: `POST /task`. */
  readonly createBatch: {
    readonly path: never;
    readonly query: "dry_run";
    readonly body: NewBatch;
    readonly answer: DryRun | CreatedTasks | undefined;
  };
  /** List tasks, newest first: `GET /task`. */
  readonly listTasks: {
    readonly path: never;
    readonly query: "page" | "page_size" | "after" | "status" | "kind" | "name" | "batch_id" | "metadata" | "timeout" | "start_kind";
    readonly body: undefined;
    readonly answer: readonly ListedTask[];
  };
  /** Get a task, with its actions and why it does not run now: `GET /task/{id}`. */
  readonly getTask: {
    readonly path: "id";
    readonly query: "attempt" | "sig";
    readonly body: undefined;
    readonly answer: Task;
  };
  /** Report that a task succeeded, failed or was skipped, change its other fields, or say that it is alive (the handle): `PATCH /task/{id}`. */
  readonly patchTask: {
    readonly path: "id";
    readonly query: "attempt" | "sig";
    readonly body: TaskPatch;
    readonly answer: TaskState | TaskStatePropagating;
  };
  /** Add to the counters of a task, or say that it is alive: `PUT /task/{id}`. */
  readonly addProgress: {
    readonly path: "id";
    readonly query: "attempt" | "sig";
    readonly body: Counters;
    readonly answer: Accepted;
  };
  /** Cancel a task: `DELETE /task/{id}`. */
  readonly cancelTask: {
    readonly path: "id";
    readonly query: "attempt" | "sig" | "reason";
    readonly body: undefined;
    readonly answer: TaskState | TaskStatePropagating;
  };
  /** Pause a task: `PATCH /task/pause/{id}`. */
  readonly pauseTask: {
    readonly path: "id";
    readonly query: "attempt" | "sig" | "reason";
    readonly body: undefined;
    readonly answer: TaskState | TaskStatePropagating;
  };
  /** Resume a task: `PATCH /task/resume/{id}`. */
  readonly resumeTask: {
    readonly path: "id";
    readonly query: "attempt" | "sig" | "reason";
    readonly body: undefined;
    readonly answer: TaskState | TaskStatePropagating;
  };
  /** Say how an unfinished task ends, whatever its state: `POST /task/{id}/override`. */
  readonly overrideTask: {
    readonly path: "id";
    readonly query: "attempt" | "sig";
    readonly body: TaskOverride;
    readonly answer: TaskState | TaskStatePropagating;
  };
  /** List the transitions of a task, oldest first: `GET /task/{id}/events`. */
  readonly listTaskEvents: {
    readonly path: "id";
    readonly query: "attempt" | "sig";
    readonly body: undefined;
    readonly answer: readonly TaskEvent[];
  };
  /** Get a batch: its sums, and how many tasks are in which state: `GET /batch/{id}`. */
  readonly getBatch: {
    readonly path: "id";
    readonly query: never;
    readonly body: undefined;
    readonly answer: Batch;
  };
  /** List batches, newest first: `GET /batches`. */
  readonly listBatches: {
    readonly path: never;
    readonly query: "page" | "page_size" | "after" | "kind" | "name" | "status" | "scope" | "metadata" | "created_after" | "created_before";
    readonly body: undefined;
    readonly answer: readonly ListedBatch[];
  };
  /** Get the graph of a batch, page by page: `GET /dag/{id}`. */
  readonly getDag: {
    readonly path: "id";
    readonly query: "page" | "page_size" | "after" | "compact";
    readonly body: undefined;
    readonly answer: Dag;
  };
  /** Cancel every unfinished task of a batch: `DELETE /batch/{id}`. */
  readonly stopBatch: {
    readonly path: "id";
    readonly query: "reason";
    readonly body: undefined;
    readonly answer: Stopped | StoppedPropagating;
  };
  /** Pause a batch; Claimed and Running tasks go on: `POST /batch/{id}/pause`. */
  readonly pauseBatch: {
    readonly path: "id";
    readonly query: "reason";
    readonly body: undefined;
    readonly answer: BatchPaused | BatchPausedPropagating;
  };
  /** Resume a paused batch: `POST /batch/{id}/resume`. */
  readonly resumeBatch: {
    readonly path: "id";
    readonly query: "reason";
    readonly body: undefined;
    readonly answer: BatchResumed | BatchResumedPropagating;
  };
  /** Run an ended batch again, as a new batch: `POST /batch/{id}/rerun`. */
  readonly rerunBatch: {
    readonly path: "id";
    readonly query: never;
    readonly body: Rerun;
    readonly answer: CreatedTasks | undefined;
  };
  /** Replace the rules of the unfinished tasks of one kind: `PATCH /batch/{id}/rules`. */
  readonly setRules: {
    readonly path: "id";
    readonly query: never;
    readonly body: RulesPatch;
    readonly answer: RulesSet | RulesSetPropagating;
  };
  /** Add tasks to a batch that is not complete: `POST /batch/{id}/tasks`. */
  readonly addToBatch: {
    readonly path: "id";
    readonly query: "dry_run";
    readonly body: AddedTasks;
    readonly answer: DryRun | CreatedTasks | undefined;
  };
  /** Add tasks to the batch of a task that is at work (the handle, with /tasks before its query): `POST /task/{id}/tasks`. */
  readonly addByTask: {
    readonly path: "id";
    readonly query: "attempt" | "sig" | "dry_run";
    readonly body: AddedTasks;
    readonly answer: DryRun | CreatedTasks | undefined;
  };
  /** Say that nothing more is added to an open batch: `POST /batch/{id}/close`. */
  readonly closeBatch: {
    readonly path: "id";
    readonly query: never;
    readonly body: undefined;
    readonly answer: BatchClosed;
  };
  /** List schedules by name: `GET /schedules`. */
  readonly listSchedules: {
    readonly path: never;
    readonly query: "page" | "page_size" | "after";
    readonly body: undefined;
    readonly answer: readonly ListedSchedule[];
  };
  /** Make or change a schedule: `PUT /schedules/{name}`. */
  readonly putSchedule: {
    readonly path: "name";
    readonly query: never;
    readonly body: ScheduleInput;
    readonly answer: Schedule;
  };
  /** Get a schedule: its next times, its last batches, and what it skipped: `GET /schedules/{name}`. */
  readonly getSchedule: {
    readonly path: "name";
    readonly query: never;
    readonly body: undefined;
    readonly answer: Schedule;
  };
  /** Delete a schedule; its batches go on: `DELETE /schedules/{name}`. */
  readonly deleteSchedule: {
    readonly path: "name";
    readonly query: never;
    readonly body: undefined;
    readonly answer: Schedule;
  };
  /** Make a batch of a schedule at once, whatever overlaps and though it is paused: `POST /schedules/{name}/run`. */
  readonly runSchedule: {
    readonly path: "name";
    readonly query: never;
    readonly body: undefined;
    readonly answer: CreatedTasks | undefined;
  };
  /** Pause a schedule: `POST /schedules/{name}/pause`. */
  readonly pauseSchedule: {
    readonly path: "name";
    readonly query: never;
    readonly body: undefined;
    readonly answer: Schedule;
  };
  /** Resume a schedule, from its next time on: `POST /schedules/{name}/resume`. */
  readonly resumeSchedule: {
    readonly path: "name";
    readonly query: never;
    readonly body: undefined;
    readonly answer: Schedule;
  };
  /** List end, cancel and batch-complete notifications, newest first: `GET /webhook-deliveries`. */
  readonly listDeliveries: {
    readonly path: never;
    readonly query: "page" | "page_size" | "after" | "status" | "task_id" | "batch_id" | "receiver";
    readonly body: undefined;
    readonly answer: readonly Delivery[];
  };
  /** Get a delivery with each of its attempts: `GET /webhook-deliveries/{id}`. */
  readonly getDelivery: {
    readonly path: "id";
    readonly query: never;
    readonly body: undefined;
    readonly answer: DeliveryWithAttempts;
  };
  /** Send a delivery again that arrived or is exhausted: `POST /webhook-deliveries/{id}/replay`. */
  readonly replayDelivery: {
    readonly path: "id";
    readonly query: never;
    readonly body: undefined;
    readonly answer: DeliveryReplayed;
  };
  /** Send all deliveries again that were exhausted since some time: `POST /webhook-deliveries/replay`. */
  readonly replayDeliveries: {
    readonly path: never;
    readonly query: never;
    readonly body: ReplaySince;
    readonly answer: Replayed;
  };
  /** List the receivers that have failed lately, by name: `GET /circuits`. */
  readonly listCircuits: {
    readonly path: never;
    readonly query: never;
    readonly body: undefined;
    readonly answer: readonly Circuit[];
  };
  /** Cancel, pause, resume, run again or replay everything that matches a filter: `POST /bulk`. */
  readonly createBulk: {
    readonly path: never;
    readonly query: never;
    readonly body: Bulk;
    readonly answer: BulkMatched | BulkAsked;
  };
  /** List bulk operations, newest first: `GET /bulk`. */
  readonly listBulks: {
    readonly path: never;
    readonly query: "page" | "page_size" | "after";
    readonly body: undefined;
    readonly answer: readonly BulkOperation[];
  };
  /** Get a bulk operation: how far it is: `GET /bulk/{id}`. */
  readonly getBulk: {
    readonly path: "id";
    readonly query: never;
    readonly body: undefined;
    readonly answer: BulkOperation;
  };
  /** Stop a bulk operation: `DELETE /bulk/{id}`. */
  readonly stopBulk: {
    readonly path: "id";
    readonly query: never;
    readonly body: undefined;
    readonly answer: BulkOperation;
  };
  /** List the processes that are alive, the oldest first: `GET /workers`. */
  readonly listWorkers: {
    readonly path: never;
    readonly query: "page" | "page_size" | "after";
    readonly body: undefined;
    readonly answer: readonly WorkerProcess[];
  };
  /** List messages that could not be worked on, newest first: `GET /dead-letters`. */
  readonly listDeadLetters: {
    readonly path: never;
    readonly query: "page" | "page_size" | "after";
    readonly body: undefined;
    readonly answer: readonly DeadLetter[];
  };
  /** Send a dead letter again: `POST /dead-letters/{id}/replay`. */
  readonly replayDeadLetter: {
    readonly path: "id";
    readonly query: never;
    readonly body: undefined;
    readonly answer: DeadLetterReplayed;
  };
  /** List what rules limit: a row a type, key and limit: `GET /limits`. */
  readonly listLimits: {
    readonly path: never;
    readonly query: "page" | "page_size" | "after";
    readonly body: undefined;
    readonly answer: readonly Limit[];
  };
  /** List the receivers that were called in the last day, or that calls wait for, by name: `GET /receivers`. */
  readonly listReceivers: {
    readonly path: never;
    readonly query: "page" | "page_size" | "after";
    readonly body: undefined;
    readonly answer: readonly Receiver[];
  };
  /** Find tasks and batches by id, name or scope, newest first: `GET /search`. */
  readonly search: {
    readonly path: never;
    readonly query: "q";
    readonly body: undefined;
    readonly answer: readonly Found[];
  };
  /** Get a batch as the call that makes it again: `GET /batch/{id}/definition`. */
  readonly getBatchDefinition: {
    readonly path: "id";
    readonly query: never;
    readonly body: undefined;
    readonly answer: NewBatch;
  };
  /** List the claims of a task with their start calls, oldest first: `GET /task/{id}/attempts`. */
  readonly listTaskAttempts: {
    readonly path: "id";
    readonly query: never;
    readonly body: undefined;
    readonly answer: readonly TaskAttempt[];
  };
  /** Get the figures of the whole cluster: `GET /overview`. */
  readonly getOverview: {
    readonly path: never;
    readonly query: never;
    readonly body: undefined;
    readonly answer: Overview;
  };
  /** Whether the process is alive, and whether it is degraded: `GET /health`. */
  readonly getHealth: {
    readonly path: never;
    readonly query: never;
    readonly body: undefined;
    readonly answer: Health;
  };
  /** Whether the process can do its work now: `GET /ready`. */
  readonly getReady: {
    readonly path: never;
    readonly query: never;
    readonly body: undefined;
    readonly answer: Ready;
  };
  /** Metrics for Prometheus: `GET /metrics`. */
  readonly getMetrics: {
    readonly path: never;
    readonly query: never;
    readonly body: undefined;
    readonly answer: string;
  };
  /** Who the caller is, and what its token allows: `GET /whoami`. */
  readonly getWhoAmI: {
    readonly path: never;
    readonly query: never;
    readonly body: undefined;
    readonly answer: WhoAmI;
  };
  /** The description of this API: `GET /openapi.json`. */
  readonly getOpenApi: {
    readonly path: never;
    readonly query: never;
    readonly body: undefined;
    readonly answer: unknown;
  };
  /** The description of the NATS subjects: `GET /asyncapi.json`. */
  readonly getAsyncApi: {
    readonly path: never;
    readonly query: never;
    readonly body: undefined;
    readonly answer: unknown;
  };
  /** The contents of the docs for programs that read, with links to the Markdown of each page: `GET /llms.txt`. */
  readonly getLlmsTxt: {
    readonly path: never;
    readonly query: never;
    readonly body: undefined;
    readonly answer: string;
  };
}

export const operations: { readonly [Id in keyof Operations]: readonly [method: string, path: string] } = {
  createBatch: ["POST", "/task"],
  listTasks: ["GET", "/task"],
  getTask: ["GET", "/task/{id}"],
  patchTask: ["PATCH", "/task/{id}"],
  addProgress: ["PUT", "/task/{id}"],
  cancelTask: ["DELETE", "/task/{id}"],
  pauseTask: ["PATCH", "/task/pause/{id}"],
  resumeTask: ["PATCH", "/task/resume/{id}"],
  overrideTask: ["POST", "/task/{id}/override"],
  listTaskEvents: ["GET", "/task/{id}/events"],
  getBatch: ["GET", "/batch/{id}"],
  listBatches: ["GET", "/batches"],
  getDag: ["GET", "/dag/{id}"],
  stopBatch: ["DELETE", "/batch/{id}"],
  pauseBatch: ["POST", "/batch/{id}/pause"],
  resumeBatch: ["POST", "/batch/{id}/resume"],
  rerunBatch: ["POST", "/batch/{id}/rerun"],
  setRules: ["PATCH", "/batch/{id}/rules"],
  addToBatch: ["POST", "/batch/{id}/tasks"],
  addByTask: ["POST", "/task/{id}/tasks"],
  closeBatch: ["POST", "/batch/{id}/close"],
  listSchedules: ["GET", "/schedules"],
  putSchedule: ["PUT", "/schedules/{name}"],
  getSchedule: ["GET", "/schedules/{name}"],
  deleteSchedule: ["DELETE", "/schedules/{name}"],
  runSchedule: ["POST", "/schedules/{name}/run"],
  pauseSchedule: ["POST", "/schedules/{name}/pause"],
  resumeSchedule: ["POST", "/schedules/{name}/resume"],
  listDeliveries: ["GET", "/webhook-deliveries"],
  getDelivery: ["GET", "/webhook-deliveries/{id}"],
  replayDelivery: ["POST", "/webhook-deliveries/{id}/replay"],
  replayDeliveries: ["POST", "/webhook-deliveries/replay"],
  listCircuits: ["GET", "/circuits"],
  createBulk: ["POST", "/bulk"],
  listBulks: ["GET", "/bulk"],
  getBulk: ["GET", "/bulk/{id}"],
  stopBulk: ["DELETE", "/bulk/{id}"],
  listWorkers: ["GET", "/workers"],
  listDeadLetters: ["GET", "/dead-letters"],
  replayDeadLetter: ["POST", "/dead-letters/{id}/replay"],
  listLimits: ["GET", "/limits"],
  listReceivers: ["GET", "/receivers"],
  search: ["GET", "/search"],
  getBatchDefinition: ["GET", "/batch/{id}/definition"],
  listTaskAttempts: ["GET", "/task/{id}/attempts"],
  getOverview: ["GET", "/overview"],
  getHealth: ["GET", "/health"],
  getReady: ["GET", "/ready"],
  getMetrics: ["GET", "/metrics"],
  getWhoAmI: ["GET", "/whoami"],
  getOpenApi: ["GET", "/openapi.json"],
  getAsyncApi: ["GET", "/asyncapi.json"],
  getLlmsTxt: ["GET", "/llms.txt"],
};
