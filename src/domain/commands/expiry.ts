// A command whose caller has given up is dropped before it is begun: repeating it is safe then.
import type { Answer } from "#domain/command";
import { limits } from "#limits";

/** Whether a command waited too long to be begun; both times by the clock of Postgres. */
export const isPast = (storedAt: number, now: Date): boolean => now.getTime() > storedAt + limits.commandBeginMs;

const notBegun = "The command waited too long and was not begun; repeating it is safe";

/** The answer to a command that waited too long, in case its caller still waits. */
export const expired = (id: string): Answer => ({
  status: 503,
  id,
  error: notBegun,
  code: "busy",
});

export const isExpired = ({ error }: Answer): boolean => error === notBegun;
