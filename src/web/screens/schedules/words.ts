// What the fields of a schedule mean, in words. Pure.
import type { ListedSchedule, SkippedTime } from "../../../sdk/client.ts";
import { durationText } from "../../data/format.ts";

export const whenText = ({ cron, every_secs, timezone }: ListedSchedule): string =>
  cron === null ? `every ${durationText((every_secs ?? 0) * 1_000)}` : `${cron} · ${timezone}`;

export const overlapWords: Readonly<Record<ListedSchedule["overlap"], string>> = {
  skip: "While a batch of it is unfinished, a time makes none.",
  allow: "A time makes its batch also while another is unfinished.",
  replace: "A time stops the unfinished batches, and makes its own when they are complete.",
};

export const catchUpWords: Readonly<Record<ListedSchedule["catch_up"], string>> = {
  last: "Of times that no worker was alive for, the newest is made up.",
  none: "Times that no worker was alive for are not made up.",
  all: "Times that no worker was alive for are made up, the newest 100.",
};

export const skippedWords: Readonly<Record<SkippedTime["reason"], string>> = {
  overlap: "A batch of it was unfinished.",
  missed: "No worker was alive that could reach Postgres.",
  refused: "The batch was refused: too many unfinished tasks, or it is not valid any more.",
};
