// The operations by which operators see what runs, what waits, and for what.
import {
  DeadLetter,
  DeadLetterReplayed,
  Found,
  Limit,
  Overview,
  Receiver,
  TaskAttempt,
  WorkerProcess,
} from "#domain/schema/answers/operators";
import { NewBatch } from "#domain/schema/task";
import type { Listing } from "#domain/values/cursor";
import { operation } from "#http/operations/operation";
import * as query from "#http/query";

const paged = (listing: Listing) => ({ ...query.paging, after: query.after(listing) });

export const operatorOperations = {
  listWorkers: operation({
    method: "get",
    path: "/workers",
    tag: "operators",
    summary: "List the processes that are alive, the oldest first",
    right: "read",
    query: paged("workers"),
    answers: {
      200: { what: "A page of processes, in every role.", listOf: WorkerProcess, headers: query.pageHeaders },
    },
    refusals: ["busy"],
  }),
  listDeadLetters: operation({
    method: "get",
    path: "/dead-letters",
    tag: "operators",
    summary: "List messages that could not be worked on, newest first",
    description: "They are kept 30 days. Only a token that may `operate` sees their payload.",
    right: "read",
    query: paged("dead-letters"),
    answers: { 200: { what: "A page of dead letters.", listOf: DeadLetter, headers: query.pageHeaders } },
    refusals: ["busy"],
  }),
  replayDeadLetter: operation({
    method: "post",
    path: "/dead-letters/{id}/replay",
    tag: "operators",
    summary: "Send a dead letter again",
    description:
      "The message is sent on its subject as it came, and the dead letter goes; the same fault makes a new one. A command that a worker could not decide is decided anew first, under its key and in the name of the caller: the dead letter goes once that is done, and stays after a 503.",
    right: "operate",
    answers: { 202: { what: "The message was sent again.", schema: DeadLetterReplayed } },
    refusals: [
      "unknown_dead_letter",
      {
        code: "not_in_this_state",
        status: 409,
        what: "Only a part of the message was kept, or nothing takes messages on its subject.",
      },
      "busy",
    ],
  }),
  listLimits: operation({
    method: "get",
    path: "/limits",
    tag: "operators",
    summary: "List what rules limit: a row a type, key and limit",
    description:
      "In no order that says anything. A limit is listed until an hour after the last task with the rule has ended.",
    right: "read",
    query: paged("limits"),
    answers: { 200: { what: "A page of limits.", listOf: Limit, headers: query.pageHeaders } },
    refusals: ["busy"],
  }),
  listReceivers: operation({
    method: "get",
    path: "/receivers",
    tag: "operators",
    summary: "List the receivers that were called in the last day, or that calls wait for, by name",
    description: "What was called is noted every 5 s.",
    right: "read",
    query: paged("receivers"),
    answers: { 200: { what: "A page of receivers.", listOf: Receiver, headers: query.pageHeaders } },
    refusals: ["busy"],
  }),
  search: operation({
    method: "get",
    path: "/search",
    tag: "operators",
    summary: "Find tasks and batches by id, name or scope, newest first",
    description:
      "An id, whole or its first 13 characters or more; the beginning of a task's name; the whole scope of a batch. Case-sensitive, but for ids. Of names that begin alike, the first 200 in the order of their letters are looked at.",
    right: "read",
    query: { q: query.searched },
    answers: { 200: { what: "At most 20 of them.", listOf: Found } },
    refusals: ["busy"],
  }),
  getBatchDefinition: operation({
    method: "get",
    path: "/batch/{id}/definition",
    tag: "operators",
    summary: "Get a batch as the call that makes it again",
    description:
      "The body of `POST /task`, with the tasks that were added later, as they are kept now: with their metadata, rules and headers. Dependencies on deduplicated tasks, and a `run_at` that has passed, are left out.",
    right: "operate",
    answers: { 200: { what: "The body.", schema: NewBatch } },
    refusals: ["unknown_batch", "busy"],
  }),
  listTaskAttempts: operation({
    method: "get",
    path: "/task/{id}/attempts",
    tag: "operators",
    summary: "List the claims of a task with their start calls, oldest first",
    description:
      "A row a claim, the newest 100; put-backs have one too. Read from the events: of a call whose task was reported on before its answer came, nothing is kept.",
    right: "read",
    answers: { 200: { what: "The claims.", listOf: TaskAttempt } },
    refusals: ["unknown_task", "busy"],
  }),
  getOverview: operation({
    method: "get",
    path: "/overview",
    tag: "operators",
    summary: "Get the figures of the whole cluster",
    description: "At most 10 s old. Counts above 100,000 are rounded.",
    right: "read",
    answers: { 200: { what: "The figures.", schema: Overview } },
    refusals: ["busy"],
  }),
} as const;
