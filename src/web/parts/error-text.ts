// What went wrong, for people: what, why, and what to do.
import { BatonRefused, BatonUnreachable } from "../../sdk/client.ts";

const roleWords: Readonly<Record<number, string>> = {
  403: "The role of your token does not allow this.",
  404: "Nothing has this id. It may have been deleted by retention.",
  503: "Postgres or NATS does not answer. What runs goes on when they are back.",
};

/** What went wrong, for people. */
export function errorText(error: unknown): string {
  if (error instanceof BatonUnreachable) return `The API does not answer (${error.message}).`;
  if (!(error instanceof BatonRefused)) return (error as Error).message;
  const details = error.details.length > 0 ? ` ${error.details.slice(0, 3).join("; ")}.` : "";
  const known = roleWords[error.status];
  return `${known ?? `${error.message} (${error.status}).`}${known ? "" : details}`;
}
