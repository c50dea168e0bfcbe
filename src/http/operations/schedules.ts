// The operations on schedules.
import { ListedSchedule, Schedule } from "#domain/schema/answers/schedule";
import { CreatedTasks } from "#domain/schema/answers/task";
import { ScheduleInput, scheduleExample } from "#domain/schema/schedule";
import { operation, warningHeader } from "#http/operations/operation";
import { createdHeaders } from "#http/operations/tasks";
import * as query from "#http/query";

const path = "/schedules/{name}";
const schedule = (what: string) => ({ 200: { what, schema: Schedule } });
const put = (what: string) => ({ what, schema: Schedule, headers: warningHeader });

export const scheduleOperations = {
  listSchedules: operation({
    method: "get",
    path: "/schedules",
    tag: "schedules",
    summary: "List schedules by name",
    right: "read",
    query: { ...query.paging, after: query.after("schedules") },
    answers: {
      200: {
        what: "A page of schedules, without their batches' bodies.",
        listOf: ListedSchedule,
        headers: query.pageHeaders,
      },
    },
    refusals: ["busy"],
  }),
  putSchedule: operation({
    method: "put",
    path,
    tag: "schedules",
    summary: "Make or change a schedule",
    description:
      "The same body twice changes nothing. Its times begin anew only where `cron`, `every_secs` or `timezone` changes; what is left out has its default, but `paused`, which stays as it is. All faults are listed at once, those of the batch with paths such as `batch.tasks[0].kind`. docs/schedules.md has what happens at each time.",
    right: "operate",
    body: { schema: ScheduleInput, example: scheduleExample },
    keyed: true,
    answers: { 200: put("It was there, and is as asked."), 201: put("It is new.") },
    refusals: ["key_in_flight", "busy"],
  }),
  getSchedule: operation({
    method: "get",
    path,
    tag: "schedules",
    summary: "Get a schedule: its next times, its last batches, and what it skipped",
    right: "read",
    answers: schedule("The schedule."),
    refusals: ["unknown_schedule", "busy"],
  }),
  deleteSchedule: operation({
    method: "delete",
    path,
    tag: "schedules",
    summary: "Delete a schedule; its batches go on",
    right: "operate",
    keyed: true,
    answers: schedule("It is gone; this is how it was."),
    refusals: ["unknown_schedule", "key_in_flight", "busy"],
  }),
  runSchedule: operation({
    method: "post",
    path: `${path}/run`,
    tag: "schedules",
    summary: "Make a batch of a schedule at once, whatever overlaps and though it is paused",
    right: "operate",
    keyed: true,
    answers: {
      201: { what: "The created tasks, in the order sent.", schema: CreatedTasks, headers: createdHeaders },
      204: { what: "The batch has no tasks, or all were deduplicated.", headers: createdHeaders },
    },
    refusals: ["unknown_schedule", "key_in_flight", "too_many_unfinished", "busy"],
  }),
  pauseSchedule: operation({
    method: "post",
    path: `${path}/pause`,
    tag: "schedules",
    summary: "Pause a schedule",
    description: "It makes no batch until it is resumed; times that pass meanwhile are not made up.",
    right: "operate",
    keyed: true,
    answers: schedule("It is paused."),
    refusals: ["unknown_schedule", "key_in_flight", "busy"],
  }),
  resumeSchedule: operation({
    method: "post",
    path: `${path}/resume`,
    tag: "schedules",
    summary: "Resume a schedule, from its next time on",
    right: "operate",
    keyed: true,
    answers: schedule("It is active."),
    refusals: ["unknown_schedule", "key_in_flight", "busy"],
  }),
} as const;
