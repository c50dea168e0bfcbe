// What PUT /schedules/{name} takes. The batch is judged as POST /task judges it; all faults of both are listed at once. Pure.
import * as Schema from "effect/Schema";
import type { Faults as AllFaults } from "#domain/faults";
import { Faults } from "#domain/faults";
import { cronCharsMax, cronFault, isZone, timesOf } from "#domain/schedules/times";
import { type BatchLimits, type NewBatch as ReadBatch, readBatch } from "#domain/schema/batch";
import { decoder } from "#domain/schema/decode";
import { NewBatch } from "#domain/schema/task";
import { field, int, opt, readTime, text, time, yearSecs } from "#domain/schema/text";
import { catchUps, overlaps } from "#machines/schedule";

const fields = {
  cron: opt(
    text(cronCharsMax),
    "When it runs: five fields, six with seconds in front, or `@yearly`, `@monthly`, `@weekly`, `@daily`, `@hourly`. Not beside `every_secs`.",
    { example: "30 2 * * *" },
  ),
  every_secs: opt(int(1, yearSecs), "It runs every so many seconds, first so long after the PUT. Not beside `cron`.", {
    example: 900,
  }),
  timezone: opt(text(100), "The time zone of `cron`, by its IANA name.", { default: "UTC", example: "Europe/Berlin" }),
  overlap: opt(
    Schema.Literals(overlaps),
    "What a time does while a batch of the schedule is unfinished: it is left out, makes its batch all the same, or stops the others and makes its batch when they are complete.",
    { default: "skip", example: "skip" },
  ),
  catch_up: opt(
    Schema.Literals(catchUps),
    "Which of the times that were missed, because no worker was alive, are made up: the newest, none, or the newest 100.",
    { default: "last", example: "last" },
  ),
  paused: opt(Schema.Boolean, "Whether it is paused. Left out: as it is; a new one is not.", { example: false }),
  until: opt(time, "The last moment at which it may run, itself included. Left out: it has no end.", {
    example: "2030-01-31T12:00:00.000Z",
  }),
};

export const scheduleExample = {
  cron: "30 2 * * *",
  timezone: "Europe/Berlin",
  batch: [{ id: "report", name: "Nightly report", kind: "report" }],
};

/** For the documentation; the batch is read by itself. */
export const ScheduleInput = Schema.Struct({
  ...fields,
  batch: field(NewBatch, "What each time creates: a body of `POST /task`.", { example: scheduleExample.batch }),
}).annotate({ identifier: "ScheduleInput", description: "A schedule as it is sent." });

const decode = decoder(Schema.Struct({ ...fields, batch: Schema.Unknown }));

export interface ReadSchedule {
  readonly cron: string | null;
  readonly every_secs: number | null;
  readonly timezone: string;
  readonly overlap: (typeof overlaps)[number];
  readonly catch_up: (typeof catchUps)[number];
  readonly paused: boolean | undefined;
  readonly until: Date | null;
  /** As it was sent, and as it was read. */
  readonly batch: unknown;
  readonly read: ReadBatch;
}

/** Undefined when there were faults. `bytes`: length of the text of the body. */
export function readSchedule(
  body: unknown,
  bytes: number,
  limits: BatchLimits,
  now: number,
  faults: AllFaults,
): ReadSchedule | undefined {
  const sent = decode(body ?? {}, [], faults);
  const raw =
    typeof body === "object" && body !== null && !Array.isArray(body) ? (body as Record<string, unknown>) : {};
  timeFaults(raw, now, faults);
  const batch = new Faults();
  const read = raw.batch === undefined ? undefined : readBatch(raw.batch, bytes, limits, now, batch);
  faults.addPart(["batch"], batch);
  if (sent === undefined || read === undefined || !faults.none) return undefined;
  const { cron, every_secs, timezone, overlap, catch_up, paused, until } = sent;
  const untilMs = readTime(until);
  return {
    cron: cron ?? null,
    every_secs: every_secs ?? null,
    timezone: timezone ?? "UTC",
    overlap: overlap ?? "skip",
    catch_up: catch_up ?? "last",
    paused: paused ?? undefined,
    until: untilMs === undefined ? null : new Date(untilMs),
    batch: raw.batch,
    read,
  };
}

/** What the schema cannot say; of what has the right type. */
function timeFaults({ cron, every_secs, timezone }: Record<string, unknown>, now: number, faults: AllFaults): void {
  const isGiven = (value: unknown) => value !== undefined && value !== null;
  if (isGiven(cron) && isGiven(every_secs))
    faults.add(["every_secs"], "conflict", "must not be given together with cron");
  if (!isGiven(cron) && !isGiven(every_secs)) faults.add(["cron"], "required", "is required, or every_secs");
  const zone = isGiven(timezone) ? timezone : "UTC";
  const isKnown = typeof zone === "string" && isZone(zone);
  if (typeof zone === "string" && !isKnown)
    faults.add(["timezone"], "not_allowed", "must be an IANA time zone such as Europe/Berlin", zone);
  if (typeof cron !== "string" || [...cron].length > cronCharsMax) return;
  const fault = cronFault(cron);
  if (fault !== undefined)
    faults.add(["cron"], "invalid_format", `must be five fields, six with seconds, or a word such as @daily: ${fault}`);
  else if (isKnown && timesOf({ cron, every_secs: null, timezone: zone, anchor: now }).next(now) === null)
    faults.add(["cron"], "not_allowed", "must name a time that comes", cron);
}
