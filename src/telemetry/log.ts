/**
 * The one logger: JSON lines on stdout. Whatever is handed to it, a line stays short and gives nothing away: secrets
 * are replaced by name and by shape, strings are cut, control characters dropped, errors keep no request and no body.
 * Cleaning walks plain data only, to a fixed depth, so a cycle or a huge object costs a bounded time and cannot throw.
 */
import { type DestinationStream, type Logger, type LoggerOptions, pino } from "pino";
import type { LogLevel } from "#config";

export type { Logger } from "pino";

const bounds = { stringCharsMax: 1024, stackCharsMax: 4096, depthMax: 6, itemsMax: 50 } as const;

const secretName =
  /^(authorization|proxy-authorization|cookie|set-cookie|sig|token)$|secret|password|passwd|auth_?token|api_?key/i;
const bulkyName = /^(body|config|payload|params)$/i;
// Line feed and tab stay, they are part of a stack; the rest, and what reverses the direction of text, can forge a line.
const unsafeChars = /(?![\n\t])\p{Cc}|[\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

export function makeLogger(config: { readonly logLevel: LogLevel }, name: string, to?: DestinationStream): Logger {
  const clean = (fields: object) => cleanFields(fields, 0);
  const options: LoggerOptions = {
    level: config.logLevel,
    base: { name, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }), log: clean },
    serializers: { err: (described) => described },
    hooks: {
      logMethod([first, ...rest], method) {
        const args = first instanceof Error && rest.length === 0 ? [{ err: first }, first.message] : [first, ...rest];
        method.apply(this, args.map((arg) => (typeof arg === "string" ? cleanText(arg) : arg)) as [object]);
      },
    },
  };
  const logger = pino(options, to ?? pino.destination({ fd: 1, sync: true }));
  const { child } = logger;
  // pino does not format the bindings of a child; children inherit this method.
  logger.child = function (this: Logger, bindings: object, given?: object) {
    return child.call(this, clean(bindings), given) as never;
  } as typeof logger.child;
  return logger;
}

/** What the log may say of an error: never `config`, `request`, `response`, `query` or `parameters`, which hold user data. */
function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return cleanValue(error, depth + 1);
  const { name, message, stack, cause } = error;
  const known = error as { _tag?: unknown; code?: unknown; statusCode?: unknown; constraint_name?: unknown };
  const extra = { tag: known._tag, code: known.code, status: known.statusCode, constraint: known.constraint_name };
  return {
    type: cleanText(String(name)),
    message: cleanText(String(message)),
    ...Object.fromEntries(Object.entries(extra).filter(([, value]) => isPlainScalar(value))),
    stack: cleanText(String(stack ?? ""), bounds.stackCharsMax),
    ...(cause === undefined || depth >= 3 ? {} : { cause: describeError(cause, depth + 1) }),
    ...(depth < 3 && error instanceof AggregateError ? { errors: cleanValue(error.errors, depth + 1) } : {}),
  };
}

function cleanFields(fields: object, depth: number): Record<string, unknown> {
  const cleaned: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) {
    if (secretName.test(key)) cleaned[key] = "***";
    else if (bulkyName.test(key) && typeof value === "object" && value !== null) cleaned[key] = "[left out]";
    else if (key === "req" || key === "res") cleaned[key] = describeHttp(value);
    else cleaned[key] = cleanValue(value, depth);
  }
  return cleaned;
}

function cleanValue(value: unknown, depth: number): unknown {
  if (typeof value === "string") return cleanText(value);
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "function" || typeof value === "symbol") return undefined;
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Error) return describeError(value, depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (depth >= bounds.depthMax) return "[too deep]";
  if (value instanceof Set) return cleanValue([...value], depth);
  if (Array.isArray(value)) return value.slice(0, bounds.itemsMax).map((item) => cleanValue(item, depth + 1));
  const prototype = Object.getPrototypeOf(value);
  const isPlain = prototype === null || prototype === Object.prototype;
  return isPlain ? cleanFields(value, depth + 1) : `[${prototype.constructor?.name ?? "object"}]`;
}

/** Of a request or an answer only what the access log needs. */
function describeHttp(value: unknown): unknown {
  const { method, url, statusCode } = (value ?? {}) as Record<string, unknown>;
  return cleanFields({ method, url, statusCode }, bounds.depthMax);
}

/** Masked before it is cut, so that no cut leaves half a secret behind that the masks do not know. */
function cleanText(text: string, max: number = bounds.stringCharsMax): string {
  const masked = text
    .slice(0, max * 4)
    .replace(/:\/\/[^\s"']*@/g, "://***@")
    .replace(/((?:[?&]|%3F|%26)(?:sig|token|secret|key|password)(?:=|%3D))[^&\s"]+/gi, "$1***")
    .replace(/\b(Bearer\s+|whsec_)[A-Za-z0-9+/=._~-]+/g, "$1***")
    .replace(unsafeChars, "");
  return masked.length > max ? `${masked.slice(0, max)}…` : masked;
}

const isPlainScalar = (value: unknown) => typeof value === "string" || typeof value === "number";
