// Reads JSON from strangers: strict UTF-8, no `__proto__`, no NUL, no lone surrogate, bounded depth, and no number that would
// be kept as another one. Fails with `Invalid` and says where; never with anything else, and never recursing deeper than its
// own limit.
import { Invalid } from "#domain/errors";
import { Faults, type Path, shortened } from "#domain/faults";

export type JsonObject = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** `null` means left out. */
export const isThere = (value: unknown): boolean => value !== undefined && value !== null;

/** Arrays and objects inside one another, the outermost included. */
export const depthMax = 32;

/** A byte order mark is skipped. */
const utf8 = new TextDecoder("utf-8", { fatal: true });
/** What only a walk over the value can judge. Without any of these in the text there is nothing to find. */
const suspicious = /\\u|__proto__|\d[eE]\+?\d|\d{300}/;
/** Fifteen digits always come back as they were: only longer numbers may change. */
const long = /(?:\d\.?){16}/;

/**
 * The value of one JSON text. Throws `Invalid` with every fault. `bareTasks`: an array at the root stands for the member
 * `tasks`, and paths say so. `faults`: those of values go there, and the value is given all the same, so that whoever reads it
 * can add what else is wrong with it.
 */
export function parseJson(
  source: Uint8Array | string,
  bareTasks: "bareTasks" | false = false,
  faults?: Faults,
): unknown {
  const text = typeof source === "string" ? source.replace(/^\ufeff/, "") : decode(source);
  if (isTooDeep(text)) throw refused("validation_failed", "too_deep", `must not be nested over ${depthMax} levels`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (text.trim() === "") throw emptyJson();
    throw refused("malformed_json", "invalid_format", shortened(visible((error as Error).message), 100));
  }
  const isLong = long.test(text);
  if (!isLong && !suspicious.test(text)) return value;
  const marked = isLong ? JSON.parse(text, markChanged as (key: string, value: unknown) => unknown) : value;
  const found = faults ?? new Faults();
  addFaults(marked, bareTasks, found);
  if (faults === undefined && !found.none) throw new Invalid("Validation failed", found);
  return value;
}

/** What an editor would not show is written out. */
const visible = (text: string): string =>
  text.replace(/\p{C}/gu, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** Stands in the place of a number that would change. */
class Changed {
  readonly source: string;
  constructor(source: string) {
    this.source = source;
  }
}

function markChanged(_key: string, value: unknown, { source }: { readonly source?: string }): unknown {
  return typeof value === "number" && Number.isFinite(value) && isChanged(source ?? "", value)
    ? new Changed(source ?? "")
    : value;
}

/** Whether a number with an integer value would be printed with another value. */
function isChanged(source: string, value: number): boolean {
  const sent = decimalOf(source);
  if (sent.digits === "" || sent.exponent < 0) return false;
  const printed = decimalOf(String(value));
  return sent.digits !== printed.digits || sent.exponent !== printed.exponent;
}

/** A decimal number as an integer without zeros at either end, times a power of ten. Zero has no digits. */
function decimalOf(text: string): { readonly digits: string; readonly exponent: number } {
  const [, whole = "", fraction = "", power = "0"] = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const all = (whole + fraction).replace(/^0+/, "");
  const digits = all.replace(/0+$/, "");
  return { digits, exponent: Number(power) - fraction.length + (all.length - digits.length) };
}

function addFaults(value: unknown, bareTasks: "bareTasks" | false, faults: Faults): void {
  const isBare = bareTasks !== false && Array.isArray(value);
  if (isBare) faults.inBareArray();
  walk(value, isBare ? ["tasks"] : [], faults);
}

/** A text that Postgres and JSON can both carry. */
export const isCleanText = (text: string): boolean => !text.includes("\0") && text.isWellFormed();

/** Size in bytes of the value in compact form. */
export const jsonBytes = (value: unknown): number => utf8Bytes(JSON.stringify(value));

const encoder = new TextEncoder();
const utf8Bytes = (text: string): number => encoder.encode(text).length;

/** The value in compact form with the members of every object in one order: equal for what is equal as JSON. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== "object" || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw refused("malformed_json", "invalid_format", "is not UTF-8");
  }
}

/** Of a text that is missing or blank. `faults`: what else is wrong with the call. */
export function emptyJson(faults = new Faults()): Invalid {
  faults.add([], "empty", "is empty");
  return new Invalid("Malformed JSON", faults, "malformed_json");
}

function refused(code: "malformed_json" | "validation_failed", fault: "invalid_format" | "too_deep", wrong: string) {
  const faults = new Faults();
  faults.add([], fault, wrong);
  return new Invalid(code === "malformed_json" ? "Malformed JSON" : "Validation failed", faults, code);
}

const [quote, backslash, openBracket, openBrace, closeBracket, closeBrace] = [34, 92, 91, 123, 93, 125];

/** Looked at before parsing, so that no depth of nesting costs more than one pass over the text. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  let inText = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (inText) {
      if (code === backslash) i++;
      else if (code === quote) inText = false;
    } else if (code === quote) inText = true;
    else if (code === openBracket || code === openBrace) {
      if (++depth > depthMax) return true;
    } else if (code === closeBracket || code === closeBrace) depth--;
  }
  return false;
}

function walk(value: unknown, path: Path, faults: Faults): void {
  if (typeof value === "string") {
    if (!isCleanText(value)) faults.addUnreadable(path, "unsafe_text", textFault(value));
  } else if (typeof value === "number") {
    if (!Number.isFinite(value)) faults.addUnreadable(path, "number_changed", "is too large a number");
  } else if (value instanceof Changed) {
    const kept = String(Number(value.source));
    faults.addUnreadable(
      path,
      "number_changed",
      `${shortened(value.source, 60)} would be kept as ${kept}: send it as a text`,
    );
  } else if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) walk(item, [...path, i], faults);
  } else if (typeof value === "object" && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      const child = [...path, key];
      if (key === "__proto__") faults.addUnreadable(child, "unsafe_text", "is not allowed as a name");
      else if (!isCleanText(key)) faults.addUnreadable(child, "unsafe_text", `its name ${textFault(key)}`);
      walk(item, child, faults);
    }
  }
}

const textFault = (text: string) => (text.includes("\0") ? "holds a NUL character" : "holds half of a surrogate pair");
