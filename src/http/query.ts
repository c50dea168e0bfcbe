// Reads query parameters: each a small reader with its documentation, all faults listed at once, nothing coerced.
// An unknown parameter of a listing is a fault: a filter that was mistyped must not return everything.
import { Invalid } from "#domain/errors";
import { isCleanText, parseJson } from "#domain/json";
import { isUuid, readTime } from "#domain/schema/text";

/** `read` returns undefined when the text is not what `must` says. */
export interface Param<T> {
  readonly read: (text: string) => T | undefined;
  readonly must: string;
  readonly what: string;
  readonly schema: Readonly<Record<string, unknown>>;
}
export type Params = Readonly<Record<string, Param<unknown>>>;
type Values<P extends Params> = { readonly [K in keyof P]?: P[K] extends Param<infer T> ? T : never };

/** The parameters that are there. `strict`: others are a fault, else they are somebody else's. */
export function readQuery<P extends Params>(query: unknown, params: P, strict = true): Values<P> {
  const faults: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [key, sent] of Object.entries(query as Record<string, unknown>)) {
    const param = Object.hasOwn(params, key) ? params[key] : undefined;
    if (param === undefined) {
      if (strict) faults.push(`${JSON.stringify(key.slice(0, 100).toWellFormed())}: is not a known parameter`);
      continue;
    }
    const value = typeof sent === "string" && isCleanText(sent) ? param.read(sent) : undefined;
    if (value === undefined) faults.push(`${key}: ${typeof sent === "string" ? param.must : "must be given once"}`);
    else values[key] = value;
  }
  if (faults.length > 0) throw new Invalid("Invalid query", faults);
  return values as Values<P>;
}

/** Digits of any length; what no number holds exactly is larger than any table all the same. */
const whole = (text: string) => (/^\d{1,400}$/.test(text) ? Number(text) : undefined);

export const text = (what: string): Param<string> => ({
  read: (sent) => sent,
  must: "must be a text without NUL",
  what,
  schema: { type: "string" },
});

export const uuid = (what: string): Param<string> => ({
  read: (sent) => (isUuid(sent) ? sent.toLowerCase() : undefined),
  must: "must be a UUID",
  what,
  schema: { type: "string", format: "uuid" },
});

export const oneOf = <T extends string>(choices: readonly T[], what: string): Param<T> => ({
  read: (sent) => choices.find((choice) => choice === sent),
  must: `must be one of ${choices.join(", ")}`,
  what,
  schema: { type: "string", enum: choices },
});

export const integer = (min: number, max: number, what: string): Param<number> => ({
  read: (sent) => {
    const value = whole(sent);
    return value === undefined || value < min || value > max ? undefined : value;
  },
  must: `must be an integer from ${min} to ${max}`,
  what,
  schema: { type: "integer", minimum: min, maximum: max },
});

export const time = (what: string): Param<Date> => ({
  read: (sent) => {
    const ms = readTime(sent);
    return ms === undefined ? undefined : new Date(ms);
  },
  must: "must be an RFC 3339 time with an offset",
  what,
  schema: { type: "string", format: "date-time" },
});

export const object = (what: string): Param<Readonly<Record<string, unknown>>> => ({
  read: (sent) => {
    try {
      const value = parseJson(sent);
      const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
      return isObject ? (value as Record<string, unknown>) : undefined;
    } catch {
      return undefined;
    }
  },
  must: "must be a JSON object",
  what,
  schema: { type: "string", contentMediaType: "application/json" },
});

export const flag = (what: string): Param<boolean> => ({
  read: (sent) => ({ "1": true, true: true, "0": false, false: false })[sent],
  must: "must be one of 1, true, 0, false",
  what,
  schema: { type: "string", enum: ["0", "1", "true", "false"] },
});

export const paging = {
  page: {
    ...integer(0, Number.MAX_VALUE, "Page, from 0."),
    read: whole,
    must: "must be an integer from 0",
    schema: { type: "integer", minimum: 0, default: 0 },
  },
  page_size: {
    ...integer(1, Number.MAX_VALUE, "Rows on a page; more than the server allows is clamped to what it allows."),
    read: atLeastOne,
    must: "must be an integer from 1",
    schema: { type: "integer", minimum: 1 },
  },
} satisfies Params;

function atLeastOne(sent: string): number | undefined {
  const value = whole(sent);
  return value === 0 ? undefined : value;
}

/** The page that was asked for, within what the configuration allows. */
export function pageOf(
  sent: { readonly page?: number | undefined; readonly page_size?: number | undefined },
  config: { readonly paginationDefault: number; readonly paginationMax: number },
): { page: number; size: number } {
  return { page: sent.page ?? 0, size: Math.min(sent.page_size ?? config.paginationDefault, config.paginationMax) };
}
