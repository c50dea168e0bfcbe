// From what a command failed with to what a person reads: what is wrong, and the command to try next.
import { BatonRefused, BatonUnreachable } from "../sdk/client.ts";
import { Mistake } from "./arguments.ts";

/** Undefined: it is a fault of ours, and its stack is wanted. */
export function explained(error: unknown): string | undefined {
  if (error instanceof BatonUnreachable)
    return `No Baton answers at ${error.message}\nTry: baton dev, in another terminal; or say where Baton is: --url or BATON_URL`;
  if (error instanceof BatonRefused) return refused(error);
  if (error instanceof Mistake) return error.message;
  const { code, message, path } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" && path) return `there is no file ${path}`;
  return code === "ENOENT" || code === "EACCES" || code === "EADDRINUSE" || code === "EISDIR" ? message : undefined;
}

const detailsMax = 20;

function refused({ status, message, code, details }: BatonRefused): string {
  const lines = [`Baton refused it (${code || `HTTP ${status}`}): ${message}`];
  lines.push(...details.slice(0, detailsMax).map((detail) => `  ${detail}`));
  if (details.length > detailsMax) lines.push(`  and ${details.length - detailsMax} more`);
  const next = nextOf(code);
  return next ? [...lines, next].join("\n") : lines.join("\n");
}

function nextOf(code: string): string | undefined {
  if (code === "unauthorized") return "Try: give a token: --token or BATON_TOKEN";
  if (code === "forbidden") return "Try: a token with more rights; baton doctor says what this one may do";
  if (code === "unavailable" || code === "busy") return "Try: baton doctor";
  if (code === "batch_not_complete") return "Try: baton watch with its id, and again when it is complete";
  if (code === "not_in_this_state") return "Try: baton get with its id says in which state it is";
  if (code === "unknown_schedule") return "Try: baton schedule list";
  if (code === "unknown_delivery") return "Try: baton list deliveries";
  if (code === "unknown_bulk") return "Try: baton bulk list";
  return code.startsWith("unknown_") ? "Try: baton list" : undefined;
}
