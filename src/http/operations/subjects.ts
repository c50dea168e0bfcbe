// The NATS subjects that clients may use, as data: the AsyncAPI document and the reference are made from it.
import type * as Schema from "effect/Schema";
import { headers, subjects } from "#bus/subjects";
import { acceptedVerbs } from "#domain/command";
import { CloseAnswer, CommandAnswer, CreateAnswer, Work } from "#domain/schema/answers/message";
import { TaskEvent } from "#domain/schema/answers/task";
import { Command, OverrideMessage, ProgressMessage } from "#domain/schema/report";
import { AddedTasks, NewBatch } from "#domain/schema/task";
import { exampleId } from "#domain/schema/text";
import { taskStates } from "#domain/state";

export interface SubjectParameter {
  readonly what: string;
  readonly choices?: readonly string[];
  readonly example: string;
}

export interface Subject {
  /** With names in braces. */
  readonly address: string;
  readonly summary: string;
  readonly description: string;
  /** What Baton does with a message there. */
  readonly action: "receive" | "send";
  readonly parameters: Readonly<Record<string, SubjectParameter>>;
  /** Left out: any. */
  readonly payload?: Schema.Top;
  readonly headers: Readonly<Record<string, string>>;
  /** `request`: the reply subject of the request. `header`: the inbox that a header names. */
  readonly reply?: { readonly schema: Schema.Top; readonly to: "request" | "header" };
}

const batchId = { what: "The id of the batch, a UUID.", example: exampleId };
const taskId = { what: "The id of the task, a UUID.", example: exampleId };
const once = { [headers.msgId]: "Makes the message count once, and its repetition get the first answer, for 24 h." };
const asks = { [headers.reply]: "An inbox for the answer: no wildcard, nothing under `baton.` or `$`." };

export const clientSubjects: Readonly<Record<string, Subject>> = {
  commandTask: {
    address: subjects.taskOf("{task_id}", "{verb}"),
    summary: "Ask something of a task",
    description:
      "Publish to JetStream. The fields are those of `PATCH /task/{id}`; the verb says what `status` says there. What cannot be read becomes a dead letter under `baton.dead` with its reason, and is answered where an answer was asked for. Commands of one task sent without waiting for the answer may take effect in another order.",
    action: "receive",
    parameters: {
      task_id: taskId,
      verb: { what: "What is asked.", choices: acceptedVerbs, example: "succeed" },
    },
    payload: Command,
    headers: { ...once, ...asks },
    reply: { schema: CommandAnswer, to: "header" },
  },
  overrideTask: {
    address: subjects.taskOf("{task_id}", "override"),
    summary: "Say how an unfinished task ends",
    description: "Publish to JetStream. An operator's word: the fields are those of `POST /task/{id}/override`.",
    action: "receive",
    parameters: { task_id: taskId },
    payload: OverrideMessage,
    headers: { ...once, ...asks },
    reply: { schema: CommandAnswer, to: "header" },
  },
  addProgress: {
    address: subjects.taskOf("{task_id}", "progress"),
    summary: "Add to the counters of a task",
    description: "Publish to JetStream. Each message counts exactly once, if it was stored before the task ended.",
    action: "receive",
    parameters: { task_id: taskId },
    payload: ProgressMessage,
    headers: { ...once, ...asks },
    reply: { schema: CommandAnswer, to: "header" },
  },
  createBatch: {
    address: subjects.createBatch,
    summary: "Create a batch of tasks",
    description: "A request, as large as the server's `max_payload`. The body is that of `POST /task`.",
    action: "receive",
    parameters: {},
    payload: NewBatch,
    headers: once,
    reply: { schema: CreateAnswer, to: "request" },
  },
  addToBatch: {
    address: subjects.addToBatch("{batch_id}"),
    summary: "Add tasks to a batch",
    description: "A request, as large as the server's `max_payload`. The body is that of `POST /batch/{id}/tasks`.",
    action: "receive",
    parameters: { batch_id: batchId },
    payload: AddedTasks,
    headers: once,
    reply: { schema: CreateAnswer, to: "request" },
  },
  closeBatch: {
    address: subjects.closeBatch("{batch_id}"),
    summary: "Say that nothing more is added to an open batch",
    description: "A request without a body, as `POST /batch/{id}/close`.",
    action: "receive",
    parameters: { batch_id: batchId },
    headers: once,
    reply: { schema: CloseAnswer, to: "request" },
  },
  work: {
    address: subjects.work.replace(">", "{name}"),
    summary: "Work for those who pull it",
    description:
      "What actions of kind `Nats` publish to JetStream. Pull it from a queue group, and report by the handle or by a command.",
    action: "send",
    parameters: { name: { what: "What the action names, one word or more.", example: "resize" } },
    payload: Work,
    headers: {
      "Idempotency-Key": "The same for every repetition of one call.",
      "X-Task-Id": "The task; missing when a batch is complete.",
      "X-Task-Trigger": "start, end or cancel.",
    },
  },
  event: {
    address: subjects.eventOf("{batch_id}", "{task_id}", "{to}"),
    summary: "A committed transition of a task",
    description: "As `GET /task/{id}/events` lists it. Reports that were refused are not published.",
    action: "send",
    parameters: {
      batch_id: batchId,
      task_id: taskId,
      to: { what: "The state after the transition.", choices: taskStates, example: "Success" },
    },
    payload: TaskEvent,
    headers: {
      [headers.msgId]: "The id of the event, by which a repetition is known.",
      "ce-specversion": "1.0: the headers are those of CloudEvents' binding to NATS.",
      "ce-id": "The id of the event.",
      "ce-source": "HOST_URL of Baton.",
      "ce-type": "`baton.task.` and the state after the transition, in lower case.",
      "ce-time": "When it happened, RFC 3339.",
    },
  },
  dead: {
    address: subjects.deadOf("baton.{subject}"),
    summary: "A message that could not be decided",
    description: "The message as it came, under the subject that it came to.",
    action: "send",
    parameters: { subject: { what: "Where it came, without `baton.`.", example: `task.${exampleId}.fail` } },
    headers: { [headers.reason]: "Why." },
  },
};
