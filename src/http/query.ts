// Reads query parameters: each a small reader with its documentation, all faults listed at once, nothing coerced.
// An unknown parameter of a listing is a fault: a filter that was mistyped must not return everything.

import { reasonCharsMax } from "#domain/actor";
import { Invalid } from "#domain/errors";
import { type Fault, type FaultCode, Faults, quoted } from "#domain/faults";
import { exampleId, isUuid, readTime } from "#domain/schema/text";
import { type Cursor, exampleAt, type Listing, readCursor, writeCursor } from "#domain/values/cursor";
import { isCleanText, isObject, parseJson } from "#domain/values/json";
import { didYouMean } from "#domain/values/nearest";
import { type Page, pageRowsMax } from "#store/read/walk";

/** `read` returns undefined when the text is not what `must` says. */
export interface Param<T> {
  readonly read: (text: string) => T | undefined;
  readonly must: string;
  /** Of what `read` does not take; `invalid_format` if left out. */
  readonly code?: FaultCode | ((text: string) => FaultCode);
  /** What is wrong inside of a text whose form is right; empty: its form is not. */
  readonly inside?: (text: string) => readonly Pick<Fault, "code" | "message">[];
  readonly what: string;
  readonly schema: Readonly<Record<string, unknown>>;
  readonly example: unknown;
}
export type Params = Readonly<Record<string, Param<unknown>>>;
export type Values<P extends Params> = { readonly [K in keyof P]?: P[K] extends Param<infer T> ? T : never };

/** The parameters that are there; everything else is a fault. */
export function readQuery<P extends Params>(query: unknown, params: P, faults: Faults): Values<P> {
  const values: Record<string, unknown> = {};
  for (const [key, sent] of Object.entries(query as Record<string, unknown>)) {
    const param = Object.hasOwn(params, key) ? params[key] : undefined;
    if (param === undefined) {
      faults.addOutside(
        `?${key.toWellFormed()}`,
        quoted(key),
        "unknown_parameter",
        unknownParameter(key, Object.keys(params)),
      );
    } else if (typeof sent !== "string") {
      faults.addOutside(`?${key}`, key, "repeated", "must be given once");
    } else {
      const isClean = isCleanText(sent);
      const value = isClean ? param.read(sent) : undefined;
      const code = isClean ? codeOf(param, sent) : "invalid_format";
      const inside = (value === undefined && isClean && param.inside?.(sent)) || [];
      for (const fault of inside) faults.addOutside(`?${key}`, key, fault.code, fault.message);
      if (value !== undefined) values[key] = value;
      else if (inside.length === 0) faults.addOutside(`?${key}`, key, code, `${param.must}, not ${quoted(sent)}`);
    }
  }
  return values as Values<P>;
}

export const codeOf = ({ code = "invalid_format" }: Param<unknown>, sent: string): FaultCode =>
  typeof code === "string" ? code : code(sent);

/** The headers that are there. */
export function readHeaders(
  sent: Readonly<Record<string, unknown>>,
  params: Params,
  faults: Faults,
): Readonly<Record<string, unknown>> {
  const values: Record<string, unknown> = {};
  for (const [name, param] of Object.entries(params)) {
    const header = sent[name.toLowerCase()];
    if (header === undefined) continue;
    const value = typeof header === "string" ? param.read(header) : undefined;
    if (value === undefined)
      faults.addOutside(
        `header:${name}`,
        name,
        typeof header === "string" ? codeOf(param, header) : "repeated",
        `${param.must}, not ${quoted(header)}`,
      );
    values[name] = value;
  }
  return values;
}

const unknownParameter = (key: string, known: readonly string[]) =>
  known.length === 0
    ? "is not a known parameter; this call takes none"
    : `is not a known parameter; known are ${known.join(", ")}${didYouMean(key, known)}`;

/** Digits of any length; what no number holds exactly is larger than any table all the same. */
const whole = (text: string) => (/^\d{1,400}$/.test(text) ? Number(text) : undefined);

const numberCode = (text: string): FaultCode => (/^-?\d+$/.test(text) ? "out_of_range" : "invalid_format");

export const text = (what: string, example: string): Param<string> => ({
  example,
  read: (sent) => sent,
  must: "must be a text without NUL",
  what,
  schema: { type: "string" },
});

/** A text of at most `max` code points. */
export const shortText = (max: number, what: string, example: string): Param<string> => ({
  example,
  read: (sent) => ([...sent].length > max ? undefined : sent),
  must: `must be a text of at most ${max} characters without NUL`,
  code: "out_of_range",
  what,
  schema: { type: "string", maxLength: max },
});

/** What is searched for. */
export const searched: Param<string> = {
  ...shortText(255, "What to find.", "Load the"),
  read: (sent) => (sent === "" || [...sent].length > 255 ? undefined : sent),
  must: "must be a text of 1 to 255 characters without NUL",
  schema: { type: "string", minLength: 1, maxLength: 255 },
};

/** Of calls that stop, pause or resume: it stands in the events of what they change. */
export const reason = shortText(
  reasonCharsMax,
  "Why, for the events of the tasks that it changes. An empty one is none.",
  "wrong input",
);

export const uuid = (what: string): Param<string> => ({
  example: "019b0000-0000-7000-8000-00000000000a",
  read: (sent) => (isUuid(sent) ? sent.toLowerCase() : undefined),
  must: "must be a UUID",
  what,
  schema: { type: "string", format: "uuid" },
});

export const oneOf = <T extends string>(choices: readonly T[], what: string, example: T): Param<T> => ({
  example,
  read: (sent) => choices.find((choice) => choice === sent),
  must: `must be one of ${choices.join(", ")}`,
  code: "not_allowed",
  what,
  schema: { type: "string", enum: choices },
});

/** One or several of these, comma-separated. */
export const someOf = <T extends string>(choices: readonly T[], what: string, example: T): Param<readonly T[]> => ({
  example: [example],
  read: (sent) => {
    const found = sent.split(",").map((name) => choices.find((choice) => choice === name));
    return found.every((name) => name !== undefined) ? [...new Set(found)] : undefined;
  },
  must: `must be one or several of ${choices.join(", ")}, comma-separated`,
  code: "not_allowed",
  what: `${what} One or several, comma-separated.`,
  schema: { type: "array", items: { type: "string", enum: choices } },
});

/** Where a page of this listing begins, as its `Link` says. */
export const after = (listing: Listing): Param<Cursor> => ({
  example: writeCursor(listing, { at: exampleAt(listing), id: exampleId }),
  read: (sent) => readCursor(listing, sent),
  must: "must be a cursor that the Link header of this listing gave",
  what: 'The cursor of the page before, as its header `Link: <…>; rel="next"` gives it; not beside `page`.',
  schema: { type: "string" },
});

export const integer = (min: number, max: number, what: string, example: number): Param<number> => ({
  example,
  read: (sent) => {
    const value = whole(sent);
    return value === undefined || value < min || value > max ? undefined : value;
  },
  must: `must be an integer from ${min} to ${max}`,
  code: numberCode,
  what,
  schema: { type: "integer", minimum: min, maximum: max },
});

export const time = (what: string): Param<Date> => ({
  example: "2030-01-31T12:00:00.000Z",
  read: (sent) => {
    const ms = readTime(sent);
    return ms === undefined ? undefined : new Date(ms);
  },
  must: "must be an RFC 3339 time with an offset",
  what,
  schema: { type: "string", format: "date-time" },
});

export const object = (what: string, example: string): Param<Readonly<Record<string, unknown>>> => ({
  example,
  read: (sent) => {
    try {
      const value = parseJson(sent);
      return isObject(value) ? value : undefined;
    } catch {
      return undefined;
    }
  },
  must: "must be a JSON object",
  inside: faultsInJson,
  what,
  schema: { type: "string", contentMediaType: "application/json" },
});

/** Of a JSON text: a number that would change, a name that is not taken, too many levels. */
function faultsInJson(sent: string): readonly Pick<Fault, "code" | "message">[] {
  try {
    parseJson(sent);
    return [];
  } catch (error) {
    if (!(error instanceof Invalid) || error.code !== "validation_failed") return [];
    const textAt = (n: number) => error.details[n] as string;
    return error.faults.map(({ path, code, message }, n) => ({ code, message: path === "" ? message : textAt(n) }));
  }
}

export const flag = (what: string): Param<boolean> => ({
  example: "1",
  read: (sent) => ({ "1": true, true: true, "0": false, false: false })[sent],
  must: "must be one of 1, true, 0, false",
  code: "not_allowed",
  what,
  schema: { type: "string", enum: ["0", "1", "true", "false"] },
});

export const paging = {
  page: {
    ...integer(0, Number.MAX_VALUE, "Page, from 0.", 0),
    read: whole,
    must: "must be an integer from 0",
    schema: { type: "integer", minimum: 0, default: 0 },
  },
  page_size: {
    ...integer(1, Number.MAX_VALUE, "Rows on a page; more than the server allows is clamped to what it allows.", 50),
    read: atLeastOne,
    must: "must be an integer from 1",
    schema: { type: "integer", minimum: 1 },
  },
} satisfies Params;

function atLeastOne(sent: string): number | undefined {
  const value = whole(sent);
  return value === 0 ? undefined : value;
}

/** How a listing documents where it goes on. */
export const pageHeaders = {
  Link: 'Where the next page begins, with `rel="next"`; missing on the last one.',
  "Baton-Warning": "That `page` reaches no further, percent-encoded.",
};

interface Asked {
  readonly page?: number | undefined;
  readonly page_size?: number | undefined;
  readonly after?: Cursor | undefined;
}

/** The page that was asked for, within what the server allows. */
export function pageOf({ page, page_size, after }: Asked, preset: number, max: number): Page {
  if (page !== undefined && after !== undefined) {
    const faults = new Faults();
    faults.addOutside("?after", "after", "conflict", "must not be given together with page");
    throw new Invalid("Validation failed", faults);
  }
  return { page: page ?? 0, size: Math.min(page_size ?? preset, max), ...(after ? { after } : {}) };
}

/**
 * Says where the next page begins: the same call with `after`. Where `page` reaches no further though rows may follow, a warning
 * says what does.
 */
export function sayNext(
  { url }: { readonly url: string },
  out: { header(name: string, value: string): unknown },
  listing: Listing,
  { page, size, after }: Page,
  next: Cursor | undefined,
): void {
  if (!after && page * size >= pageRowsMax)
    out.header(
      "baton-warning",
      encodeURIComponent(`page reaches the first ${pageRowsMax} rows: follow Link, or send after`),
    );
  if (next === undefined) return;
  const [path = "", ...query] = url.split("?");
  const params = new URLSearchParams(query.join("?"));
  params.delete("page");
  params.set("after", writeCursor(listing, next));
  out.header("link", `<${path}?${params}>; rel="next"`);
}
