// The small words that the larger schemas are made of, each with the sentence that a client reads when it is wrong.
// Nothing is coerced and nothing is trimmed: what passes is kept as it was sent.
import * as Schema from "effect/Schema";

/** What a property may say of itself besides its shape. */
export interface Annotations {
  /** What stands for it when it is left out. */
  readonly default?: unknown;
  readonly example?: unknown;
  readonly format?: "date-time" | "uuid";
}

/** A property with its description: the documentation of the API is made of these. */
export const field = <S extends Schema.Top>(schema: S, description: string, more: Annotations = {}) =>
  schema.annotateKey({
    description,
    ...(more.default === undefined ? {} : { default: more.default as never }),
    ...(more.example === undefined ? {} : { examples: [more.example as never] }),
    ...(more.format === undefined ? {} : { format: more.format }),
  });

/** An optional property; `null` means left out. */
export const opt = <S extends Schema.Top>(schema: S, description: string, more: Annotations = {}) =>
  field(Schema.optionalKey(Schema.NullOr(schema)), description, more);

/** A text of 1 to `max` code points that is not blank. */
export const name = (max: number) =>
  Schema.String.check(Schema.isPattern(/\S/u), Schema.isMaxCodePoints(max)).annotate({
    message: `must be a text of 1 to ${max} characters that is not blank`,
    code: "out_of_range",
  });

/** A text of at most `max` code points. */
export const text = (max: number) =>
  Schema.String.check(Schema.isMaxCodePoints(max)).annotate({
    message: `must be a text of at most ${max} characters`,
    code: "out_of_range",
  });

/** An integer from `minimum` to `maximum`, both included. */
export const int = (minimum: number, maximum: number) =>
  Schema.Number.check(Schema.isInt(), Schema.isBetween({ minimum, maximum })).annotate({
    message: `must be an integer from ${minimum} to ${maximum}`,
  });

/** The longest time that anything may be given. */
export const yearSecs = 365 * 86_400;

/** A finite number from `minimum` to `maximum`, both included. */
export const number = (minimum: number, maximum: number) =>
  Schema.Number.check(Schema.isFinite(), Schema.isBetween({ minimum, maximum })).annotate({
    message: `must be a number from ${minimum} to ${maximum}`,
  });

/** Sums are kept exactly up to here. */
export const countMax = Number.MAX_SAFE_INTEGER;
/** The most that one update may add. */
export const updateMax = 2 ** 31 - 1;
export const count = int(0, countMax);
export const update = int(0, updateMax);
export const priority = int(-1000, 1000);

const uuidPattern = /^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$/u;
export const isUuid = (text: unknown): text is string => typeof text === "string" && uuidPattern.test(text);
export const uuid = Schema.String.check(Schema.isPattern(uuidPattern)).annotate({
  message: "must be a UUID",
  format: "uuid",
});

/** What a schedule may be called. */
export const scheduleName = /^[a-z0-9_-]{1,100}$/;

/** A client's own name for a request (`Idempotency-Key`, `Nats-Msg-Id`). */
export const isKey = (text: unknown): text is string =>
  typeof text === "string" && /^[\x20-\x7e]{1,255}$/.test(text) && text.trim() !== "";
export const mustBeKey = "must be 1 to 255 visible ASCII characters";

const timePattern = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/u;

/** Milliseconds since 1970 of an RFC 3339 time with an offset; undefined when it is none (also the 30th of February). */
export function readTime(text: unknown): number | undefined {
  const parts = typeof text === "string" ? timePattern.exec(text) : null;
  if (parts === null) return undefined;
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const days = new Date(Date.UTC(year, month, 0)).getUTCDate();
  // Postgres knows no year 0.
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > days || hour > 23 || minute > 59 || second > 59)
    return undefined;
  const ms = Date.parse(parts[0].toUpperCase());
  // In UTC it may be another year.
  const inUtc = new Date(ms).getUTCFullYear();
  return inUtc >= 1 && inUtc <= 9999 ? ms : undefined;
}

export const time = Schema.String.check(
  Schema.makeFilter((text: string) => readTime(text) !== undefined, {
    toJsonSchema: () => ({ format: "date-time" }),
  } as never),
).annotate({ message: "must be an RFC 3339 time with an offset, such as 2030-01-31T12:00:00.000Z" });

export const exampleId = "019b0000-0000-7000-8000-00000000000a";
const exampleTime = "2030-01-31T12:00:00.000Z";

/** Properties of answers: an id, a time, a number that is counted; each may be one that is null. */
export const id = (what: string) => field(Schema.String, what, { format: "uuid", example: exampleId });
export const idOrNull = (what: string) =>
  field(Schema.NullOr(Schema.String), what, { format: "uuid", example: exampleId });
export const at = (what: string) => field(Schema.Date, what, { format: "date-time", example: exampleTime });
export const atOrNull = (what: string) =>
  field(Schema.NullOr(Schema.Date), what, { format: "date-time", example: exampleTime });

/** Who did something. */
export const actor = (what: string) =>
  field(
    Schema.String,
    `${what} \`token:<name>\`, \`token\` (AUTH_TOKEN), \`handle\` (a signed one), \`nats\`, \`schedule:<name>\`, \`bulk:<id>\`, \`anonymous\`; \`worker:<id>\` is Baton itself.`,
    { example: "token:deploy" },
  );

/** A JSON object of any content. */
export const anyObject = Schema.Record(Schema.String, Schema.Unknown);
export const any = Schema.Unknown;

/** Largest metadata and result, in bytes of their compact form. */
export const metadataBytesMax = 65_536;
export const resultBytesMax = 65_536;
