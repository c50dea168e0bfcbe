/**
 * The kinds of setting that the table in settings.ts is made of. Each is a schema from text to value, with what it says
 * about itself: the faults of a start and docs/configuration.md come from the same row.
 * A schema never quotes what it was given: settings.ts alone decides what of a value may be shown.
 */
import * as Schema from "effect/Schema";
import * as SchemaGetter from "effect/SchemaGetter";
import * as SchemaTransformation from "effect/SchemaTransformation";
import * as bounded from "#domain/schema/text";
import * as read from "./addresses.ts";

/** Reads one variable of the environment. */
type FromText<T> = Schema.Codec<T, string>;

export type Setting<T> = {
  readonly schema: FromText<T>;
  readonly type: string;
  readonly allowed: string;
  readonly why: string;
  readonly unit: string;
  /** The default as one would write it in the environment; "" means none. */
  readonly preset: string;
  /** The value when the variable is not set and there is no preset. */
  readonly unset: T | undefined;
  readonly required: boolean;
  /** How much of a value may appear in a log line or a fault. */
  readonly shown: "whole" | "masked" | "never";
};

/** A whole number in plain decimal digits: "1.5", "1e3", " 1", "0x10" and "007" are faults, not guesses. */
export function int(preset: number, min: number, max: number, unit: string, why: string): Setting<number> {
  const schema = numberOf(/^(0|[1-9]\d{0,14})$/, bounded.int(min, max));
  return setting("integer", `an integer from ${min} to ${max}`, why, schema, { unit, preset: String(preset) });
}

export function ratio(preset: string, why: string): Setting<number> {
  const schema = numberOf(/^(0(\.\d{1,9})?|1(\.0{1,9})?)$/, bounded.number(0, 1));
  return setting("decimal", "a decimal number from 0 to 1", why, schema, { preset });
}

export function flag(preset: "0" | "1", why: string): Setting<boolean> {
  const schema = Schema.Literals(["0", "1", "false", "true"]).transform([false, true, false, true]);
  return setting("switch", "0, 1, true or false", why, schema, { preset });
}

/** A switch of a feature that is not built yet: on, it would promise what nothing does. */
export function unbuilt(feature: string, why: string): Setting<boolean> {
  const schema = Schema.Literals(["0", "false"]).transform([false, false]);
  return setting("switch", `0 or false (${feature} is not built yet)`, why, schema, { preset: "0" });
}

export function oneOf<T extends string>(preset: T, choices: readonly T[], why: string): Setting<T> {
  return setting("word", `one of ${choices.join(", ")}`, why, Schema.Literals(choices), { preset });
}

/** One of a few whole numbers. */
export function intOf<T extends number>(preset: T, choices: readonly T[], unit: string, why: string): Setting<T> {
  const schema = readBy(Schema.Literals(choices), (text) => choices.find((choice) => String(choice) === text));
  return setting("integer", `one of ${choices.join(", ")}`, why, schema, { unit, preset: String(preset) });
}

/** A non-empty set of words, each at most once. */
export function someOf<T extends string>(preset: string, choices: readonly T[], why: string): Setting<ReadonlySet<T>> {
  const schema = readBy(Schema.ReadonlySet(Schema.Literals(choices)), (text) => {
    const items = text.split(",").map((item) => choices.find((choice) => choice === item.trim()));
    const words = new Set(items.filter((item) => item !== undefined));
    return words.size === items.length ? words : undefined;
  });
  return setting("list", `one or more of ${choices.join(", ")}, comma-separated, each once`, why, schema, { preset });
}

export function text(preset: string, why: string): Setting<string> {
  const schema = Schema.String.check(Schema.isPattern(/^[^\p{Cc}]{1,255}$/u), Schema.isPattern(/\S/u));
  return setting("text", "a text of 1 to 255 characters", why, schema, { preset });
}

export function url(schemes: readonly string[], why: string): Setting<string> {
  const schema = Schema.String.check(Schema.makeFilter((raw) => read.readUrl(raw, schemes) !== undefined));
  return setting("URL", `a URL that starts with ${startsOf(schemes)}`, why, schema, { shown: "masked" });
}

/** Several URLs of one cluster, comma-separated. */
export function urls(schemes: readonly string[], why: string): Setting<string> {
  const schema = readBy(Schema.String, (raw) => read.readUrls(raw, schemes));
  const allowed = `one or more comma-separated URLs that start with ${startsOf(schemes)}`;
  return setting("URLs", allowed, why, schema, { shown: "masked" });
}

/** The address that others reach us by. */
export function baseUrl(why: string): Setting<string> {
  const allowed = "a URL that starts with http:// or https://, without credentials, query or fragment";
  return setting("URL", allowed, why, readBy(Schema.String, read.readBaseUrl), { shown: "masked" });
}

/** What a server listens on. */
export function listenHost(preset: string, why: string): Setting<string> {
  const schema = readBy(Schema.String, read.readListenHost);
  return setting("host", "an IP address or a name of this machine", why, schema, { preset });
}

export const hosts = (why: string) => texts("hostnames or IP addresses", read.readHost, why);
export const suffixes = (why: string) => texts("hostname suffixes such as .corp", read.readSuffix, why);
export const cidrs = (why: string) => texts("CIDR ranges such as 10.0.0.0/8 or fd00::/8", read.readCidr, why);
export const origins = (why: string) => texts("origins such as https://app.example.com, or *", read.readOrigin, why);

export function secret(allowed: string, pattern: RegExp, why: string): Setting<string | undefined> {
  return setting("secret", allowed, why, Schema.String.check(Schema.isPattern(pattern)), { shown: "never" });
}

export function signingSecrets(why: string): Setting<readonly string[]> {
  const ok = /^whsec_(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)$/;
  const secrets = texts("secrets of the form whsec_<base64>", (s) => (ok.test(s) ? s : undefined), why);
  return { ...secrets, shown: "never" };
}

export type AuthToken = typeof AuthToken.Type;
const AuthToken = Schema.Struct({
  name: Schema.String,
  role: Schema.Literals(["read", "submit", "operate"]),
  sha256: Schema.String,
});

export function authTokens(why: string): Setting<readonly AuthToken[]> {
  const allowed = "comma-separated <name>:<role>:<SHA-256 of the token in 64 hex digits>, role read, submit or operate";
  const row = /^([A-Za-z0-9._-]{1,64}):(read|submit|operate):([0-9a-fA-F]{64})$/;
  const token = readBy(AuthToken, (item) => {
    const [, name, role, hex] = row.exec(item) ?? [];
    return name && hex ? { name, role: role as AuthToken["role"], sha256: hex.toLowerCase() } : undefined;
  });
  const schema = listOf(token, allowed).check(
    noneTwice(allowed, "name", ({ name }) => name),
    noneTwice(allowed, "token", ({ sha256 }) => sha256),
  );
  return setting("secret", allowed, why, schema, { shown: "never", unset: [] });
}

export const required = <T>(row: Setting<T>): Setting<T> => ({ ...row, required: true });
export const optional = <T>(row: Setting<T>): Setting<T | undefined> => row;

const mustBe = (allowed: string) => `must be ${allowed}`;
const startsOf = (schemes: readonly string[]) => schemes.map((scheme) => `${scheme}://`).join(" or ");

function setting<T>(
  type: string,
  allowed: string,
  why: string,
  schema: FromText<T>,
  rest: Partial<Setting<T>>,
): Setting<T> {
  const says = schema.annotate({ message: mustBe(allowed) });
  const none = { unit: "", preset: "", unset: undefined, required: false, shown: "whole" } as const;
  return { type, allowed, why, schema: says, ...none, ...rest };
}

/** The values that `readText` makes of a text; it gives undefined where there is none. Nothing writes settings. */
function readBy<T>(values: Schema.Codec<T>, readText: (text: string) => T | undefined): FromText<T> {
  return Schema.String.check(Schema.makeFilter((raw) => readText(raw) !== undefined)).pipe(
    Schema.decodeTo(values, {
      decode: SchemaGetter.transform((raw) => readText(raw) as T),
      encode: SchemaGetter.forbidden(() => "settings are only read"),
    }),
  );
}

const numberOf = (pattern: RegExp, values: Schema.Codec<number>): FromText<number> =>
  Schema.String.check(Schema.isPattern(pattern)).pipe(Schema.decodeTo(values, SchemaTransformation.numberFromString));

/** A comma-separated list. An empty item is a fault: it is what a template leaves behind when a name in it was not filled in. */
function listOf<T>(item: FromText<T>, allowed: string) {
  return Schema.String.pipe(
    Schema.decodeTo(Schema.Array(item.annotate({ message: mustBe(allowed) })), {
      decode: SchemaGetter.transform((raw: string) => raw.split(",").map((part) => part.trim())),
      encode: SchemaGetter.transform((items: readonly string[]) => items.join(",")),
    }),
  );
}

function texts(what: string, readItem: (item: string) => string | undefined, why: string): Setting<readonly string[]> {
  const allowed = `comma-separated ${what}`;
  const schema = listOf(readBy(Schema.String, readItem), allowed).pipe(
    Schema.decodeTo(Schema.Array(Schema.String), {
      decode: SchemaGetter.transform((items: readonly string[]) => [...new Set(items)]),
      encode: SchemaGetter.passthrough(),
    }),
  );
  return setting("list", allowed, why, schema, { unset: [] });
}

function noneTwice(allowed: string, what: string, of: (token: AuthToken) => string) {
  return Schema.makeFilter((tokens: readonly AuthToken[]) => {
    const keys = tokens.map(of);
    const second = keys.findIndex((key, i) => keys.indexOf(key) < i);
    return second < 0 || `${mustBe(allowed)} (entry ${second + 1} repeats a ${what})`;
  });
}
