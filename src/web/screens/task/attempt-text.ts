// What came of a start call, in a few words.
import type { TaskAttempt } from "../../../sdk/client.ts";
import { durationText } from "../../data/format.ts";

export function attemptText({ status, error, started_at, ms }: TaskAttempt): string {
  if (started_at === null) return "no call";
  const took = ms.answer === null ? "" : `, ${durationText((ms.connect ?? 0) + ms.answer)}`;
  if (status !== null) return `${status}${took}`;
  return error ?? `sent${took}`;
}
