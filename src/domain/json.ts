// Reads JSON from strangers: strict UTF-8, no `__proto__`, no NUL, no lone surrogate, no number that is none, bounded depth.
// Fails with `Invalid` and says where; never with anything else, and never recursing deeper than its own limit.
import { Invalid } from "#domain/errors";

/** Arrays and objects inside one another, the outermost included. */
export const depthMax = 32;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** What only a walk over the value can judge. Without any of these in the text there is nothing to find. */
const suspicious = /\\u|__proto__|\d[eE]\+?\d|\d{300}/;

/** The value of one JSON text. Throws `Invalid("Malformed JSON")` with the fault. */
export function parseJson(source: Uint8Array | string): unknown {
  const text = typeof source === "string" ? source : decode(source);
  if (isTooDeep(text)) throw malformed(`body: nested over ${depthMax} levels`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw malformed(`body: ${text.trim() === "" ? "is empty" : shorten((error as Error).message)}`);
  }
  if (suspicious.test(text)) refuseFaults(value);
  return value;
}

/** The same, and refuses whole numbers that JavaScript would change: of two ids that differ it would make one. */
export function parseExactJson(source: Uint8Array | string): unknown {
  const text = typeof source === "string" ? source : decode(source);
  const value = parseJson(text);
  if (/\d{16}/.test(text)) refuseFaults(JSON.parse(text, markChanged as (key: string, value: unknown) => unknown));
  return value;
}

const changed = Symbol("changed");
const markChanged = (_key: string, value: unknown, { source }: { readonly source?: string }): unknown =>
  typeof value === "number" && /^-?\d+$/.test(source ?? "") && BigInt(value) !== BigInt(source ?? "") ? changed : value;

function refuseFaults(value: unknown): void {
  const faults: string[] = [];
  walk(value, "", faults);
  if (faults.length > 0) throw new Invalid("Unacceptable JSON", faults);
}

/** A text that Postgres and JSON can both carry. */
export const isCleanText = (text: string): boolean => !text.includes("\0") && text.isWellFormed();

/** Size in bytes of the value in compact form. */
export const jsonBytes = (value: unknown): number => utf8Bytes(JSON.stringify(value));

const encoder = new TextEncoder();
const utf8Bytes = (text: string): number => encoder.encode(text).length;

/** `tasks[2].metadata["a b"]`: the path of a child, long names cut. */
export function childPath(path: string, key: string | number): string {
  if (typeof key === "number") return `${path}[${key}]`;
  if (/^[A-Za-z_$][\w$-]{0,99}$/.test(key)) return path === "" ? key : `${path}.${key}`;
  return `${path}[${JSON.stringify(shorten(key.toWellFormed()))}]`;
}

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw malformed("body: is not UTF-8");
  }
}

const malformed = (detail: string) => new Invalid("Malformed JSON", [detail]);
const shorten = (text: string) => (text.length > 100 ? `${text.slice(0, 100).toWellFormed()}…` : text);

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

function walk(value: unknown, path: string, faults: string[]): void {
  if (typeof value === "string") {
    if (!isCleanText(value)) faults.push(`${path || "body"}: ${textFault(value)}`);
  } else if (typeof value === "number") {
    if (!Number.isFinite(value)) faults.push(`${path || "body"}: is too large a number`);
  } else if (value === changed) {
    faults.push(`${path || "body"}: is a whole number that cannot be kept exactly; send it as a text`);
  } else if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) walk(item, childPath(path, i), faults);
  } else if (typeof value === "object" && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      const child = childPath(path, key);
      if (key === "__proto__") faults.push(`${child}: is not allowed as a name`);
      else if (!isCleanText(key)) faults.push(`${child}: its name ${textFault(key)}`);
      walk(item, child, faults);
    }
  }
}

const textFault = (text: string) => (text.includes("\0") ? "holds a NUL character" : "holds half of a surrogate pair");
