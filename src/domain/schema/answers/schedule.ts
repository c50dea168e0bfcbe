// Schedules as the API answers them.
import * as Schema from "effect/Schema";
import { batchStates } from "#domain/schema/answers/batch";
import { scheduleExample } from "#domain/schema/schedule";
import { NewBatch } from "#domain/schema/task";
import { at, atOrNull, field, id, int, yearSecs } from "#domain/schema/text";
import { catchUps, overlaps, skipReasons } from "#machines/schedule";

const ScheduledBatch = Schema.Struct({
  batch_id: id("The id of the batch."),
  at: at("The time that it was made for; of one that was run by hand, when that was."),
  status: field(Schema.Literals(batchStates), "The state of the batch.", { example: "success" }),
}).annotate({ identifier: "ScheduledBatch", description: "A batch of a schedule." });

const SkippedTime = Schema.Struct({
  at: at("The time."),
  reason: field(
    Schema.Literals(skipReasons),
    "`overlap`: batches of the schedule were unfinished, or a newer time replaced it. `missed`: no worker was alive. `refused`: the batch could not be created until the next time came.",
    { example: "overlap" },
  ),
}).annotate({ identifier: "SkippedTime", description: "A time that made no batch." });

const listed = {
  name: field(Schema.String, "Its name.", { example: "nightly" }),
  cron: field(Schema.NullOr(Schema.String), "The cron line; null where `every_secs` says when.", {
    example: "30 2 * * *",
  }),
  every_secs: field(Schema.NullOr(int(1, yearSecs)), "How many seconds apart; null where `cron` says when.", {
    example: null,
  }),
  timezone: field(Schema.String, "The time zone of `cron`.", { example: "Europe/Berlin" }),
  overlap: field(Schema.Literals(overlaps), "What a time does while a batch of the schedule is unfinished.", {
    example: "skip",
  }),
  catch_up: field(Schema.Literals(catchUps), "Which missed times are made up.", { example: "last" }),
  paused: field(Schema.Boolean, "Whether it is paused.", { example: false }),
  until: atOrNull("The last moment at which it may run; null: it has no end."),
  next: field(Schema.Array(Schema.Date), "Its next five times; of a paused one those that it would have.", {
    example: ["2030-01-31T01:30:00.000Z"],
  }),
  batches: field(Schema.Array(ScheduledBatch), "The last ten of its batches, newest first."),
  skipped: field(Schema.Array(SkippedTime), "The last ten times that made no batch, newest first."),
};
export const ListedSchedule = Schema.Struct(listed).annotate({
  identifier: "ListedSchedule",
  description: "A schedule without the batch that it makes.",
});

export const Schedule = Schema.Struct({
  ...listed,
  batch: field(NewBatch, "What each time creates, as it was sent. Headers only for tokens that may `operate`.", {
    example: scheduleExample.batch,
  }),
}).annotate({ identifier: "Schedule", description: "A schedule, its next times, and what became of the last ones." });
