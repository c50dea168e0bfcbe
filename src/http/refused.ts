// A report that is refused for what it says, or for its handle, changes nothing and is no event: its task times out later, and nobody
// would see why. One line of the log says what was wrong with it, and a metric when the last one came. The lines are bounded, however
// many such reports come.
import type { FastifyReply } from "fastify";
import type { ErrorCode } from "#domain/errors";
import { isUuid } from "#domain/schema/text";
import type { Reply } from "#intake/reply";
import { metrics } from "#telemetry/metrics";

/** Of what the state of the task refuses, the event says it. */
const noted: readonly (ErrorCode | undefined)[] = [
  ...(["validation_failed", "malformed_json", "body_too_large", "unsupported_media_type"] as const),
  ...(["unauthorized", "forbidden"] as const),
];
const windowMs = 10_000;
const linesMax = 50;
const faultsMax = 10;

interface Window {
  readonly from: number;
  lines: number;
  leftOut: number;
}
/** By server. */
const windows = new WeakMap<object, Window>();

/** Looks at the calls that a service makes by the handle of its task. */
export function noteRefused({ request, server, log }: FastifyReply, { status, body }: Reply): void {
  const { operation } = request.routeOptions.config;
  const { code, error, details = [] } = (body ?? {}) as Partial<Said>;
  if (operation?.byHandle !== true || !noted.includes(code)) return;
  metrics.reportRefused.set(Date.now() / 1e3, String(status));
  const window = windowAt(server);
  if (++window.lines > linesMax) return;
  const { id = "" } = (request.params ?? {}) as { readonly id?: string };
  const about = {
    ...(isUuid(id) ? { task: id.toLowerCase() } : {}),
    ...{ call: `${request.method} ${operation.path}`, actor: request.actor, status, code, error },
    faults: details.slice(0, faultsMax),
    ...(window.leftOut > 0 ? { leftOut: window.leftOut } : {}),
  };
  window.leftOut = 0;
  log.warn(about, "a report was refused, and its task is as it was");
}

interface Said {
  readonly code: ErrorCode;
  readonly error: string;
  readonly details: readonly string[];
}

function windowAt(server: object): Window {
  const now = performance.now();
  const before = windows.get(server);
  if (before !== undefined && now - before.from < windowMs) return before;
  const window = { from: now, lines: 0, leftOut: Math.max((before?.lines ?? 0) - linesMax, 0) };
  windows.set(server, window);
  return window;
}
