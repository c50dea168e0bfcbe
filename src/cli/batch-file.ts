// Reads a batch or a schedule from a file: JSON or YAML, with names in double braces that --set fills in. Knows where in the file each part
// stands, so that a fault that Baton finds is shown by line and column. What would silently become another value is refused.
import { readFile } from "node:fs/promises";
import { text as streamText } from "node:stream/consumers";
import { type Document, isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import { BatonRefused, type NewBatch, type ScheduleInput } from "../sdk/client.ts";
import { Mistake } from "./arguments.ts";

type Values = Readonly<Record<string, string>>;

interface Source {
  /** "pipeline.yaml:11:13" of a JSON pointer into the body. */
  place(pointer: string): string;
}

export interface BatchFile extends Source {
  readonly batch: NewBatch;
}

/** "-" is the standard input. Throws a `Mistake` that says where the file is wrong. */
export async function readBatchFile(file: string, values: Values): Promise<BatchFile> {
  return parseBatchFile(await textOf(file, values, "submit"), nameOf(file));
}

export function parseBatchFile(text: string, name: string): BatchFile {
  const { value, place } = parsed(text, name);
  if (typeof value !== "object" || value === null)
    throw new Mistake(`${name} holds no batch: it takes a list of tasks, or an object with "tasks"`);
  return { batch: value as NewBatch, place };
}

/** The same of a schedule: what PUT /schedules/{name} takes. */
export async function readScheduleFile(file: string, values: Values) {
  const { value, place } = parsed(await textOf(file, values, "schedule put"), nameOf(file));
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Mistake(`${nameOf(file)} holds no schedule: it takes an object with "cron" or "every_secs", and "batch"`);
  return { schedule: value as ScheduleInput, place };
}

/** Of `--set name=value`. */
export const valuesOf = (sets: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    sets.map((one) => {
      const at = one.indexOf("=");
      return at < 0 ? [one, ""] : [one.slice(0, at), one.slice(at + 1)];
    }),
  );

/** What Baton refused, each fault with its place in the file. */
export function placed(error: unknown, source: Source): unknown {
  if (!(error instanceof BatonRefused) || error.faults.length === 0) return error;
  const details = error.details.map((detail, i) => {
    const path = error.faults[i]?.path;
    return path?.startsWith("/") ? `${source.place(path)}: ${detail}` : detail;
  });
  const { status, message, code, faults } = error;
  return new BatonRefused(status, message, { ...(code ? { code } : {}), details, faults });
}

const nameOf = (file: string): string => (file === "-" ? "standard input" : file);

async function textOf(file: string, values: Values, command: string): Promise<string> {
  return filled(file === "-" ? await streamText(process.stdin) : await readFile(file, "utf8"), file, values, command);
}

function parsed(text: string, name: string): Source & { readonly value: unknown } {
  const lines = new LineCounter();
  let made: Document | undefined;
  const document = () => {
    made ??= parseDocument(text, { lineCounter: lines, prettyErrors: false, intAsBigInt: true, version: "1.2" });
    return made;
  };
  const placeAt = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  const value = quick(text) ?? slow(document(), placeAt);
  // Editors find the schema of a file by it; Baton takes no such field.
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    delete (value as { $schema?: unknown }).$schema;
  return { value, place: (pointer) => placeAt(offsetOf(document(), pointer)) };
}

/** `{{name=value}}` gives a value for all places of the name, where `--set` gives none. */
function filled(text: string, file: string, values: Values, command: string): string {
  const open = /\{\{\s*([\w-]+)\s*(?:=([^{}\n]*))?\}\}/g;
  const all: Record<string, string> = {};
  for (const [, key = "", value] of text.matchAll(open)) if (value !== undefined) all[key] ??= value.trim();
  Object.assign(all, values);
  const missing = new Set<string>();
  const whole = text.replace(open, (_, key: string) => {
    if (!Object.hasOwn(all, key)) missing.add(key);
    return all[key] ?? "";
  });
  if (missing.size === 0) return whole;
  const sets = [...missing].map((key) => `--set ${key}=…`).join(" ");
  throw new Mistake(`${file} leaves ${[...missing].join(", ")} open\nTry: baton ${command} ${file} ${sets}`);
}

/** JSON, which is read far faster; numbers of many digits go the slow way, which sees what they would become. */
function quick(text: string): unknown {
  if (/\d{16}|\d[eE]\+?\d{3}/.test(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function slow(document: Document, placeAt: (offset: number) => string): unknown {
  const wrong = [...document.errors, ...document.warnings].map(
    ({ message, pos: [at] }) => `${placeAt(at)}: ${message}`,
  );
  if (wrong.length > 0) throw new Mistake(wrong.slice(0, 10).join("\n"));
  const bad: string[] = [];
  const checked = (value: unknown, pointer: string): unknown => {
    const at = () => placeAt(offsetOf(document, pointer));
    if (typeof value === "bigint") {
      if (BigInt(Number(value)) !== value) bad.push(`${at()}: ${value} cannot be kept exactly; write it as a text`);
      return Number(value);
    }
    if (typeof value === "number" && !Number.isFinite(value)) bad.push(`${at()}: ${value} is no number that JSON has`);
    if (value instanceof Uint8Array) bad.push(`${at()}: bytes are no JSON; write them as a text`);
    else if (Array.isArray(value)) return value.map((one, i) => checked(one, `${pointer}/${i}`));
    else if (typeof value === "object" && value !== null)
      return Object.fromEntries(
        Object.entries(value).map(([key, one]) => [key, checked(one, `${pointer}/${escaped(key)}`)]),
      );
    return value;
  };
  const value = checked(document.toJS({ maxAliasCount: 100 }), "");
  if (bad.length > 0) throw new Mistake(bad.slice(0, 10).join("\n"));
  return value;
}

const escaped = (key: string) => key.replace(/~/g, "~0").replace(/\//g, "~1");

/** Where a pointer leads; of a part that is not there, where its parent stands. */
function offsetOf(document: Document, pointer: string): number {
  let node: unknown = document.contents;
  let at = startOf(node) ?? 0;
  for (const raw of pointer.split("/").slice(1)) {
    const key = raw.replace(/~1/g, "/").replace(/~0/g, "~");
    if (isAlias(node)) node = node.resolve(document);
    const pair = isMap(node) ? node.items.find((one) => keyOf(one.key) === key) : undefined;
    const next: unknown = pair ? pair.value : isSeq(node) ? node.items[Number(key)] : undefined;
    if (next === undefined && pair === undefined) break;
    node = next;
    const isNull = isScalar(next) && next.value === null;
    at = (isNull ? undefined : startOf(next)) ?? startOf(pair?.key) ?? startOf(next) ?? at;
  }
  return at;
}

const startOf = (node: unknown): number | undefined => (isNode(node) ? node.range?.[0] : undefined);
const keyOf = (key: unknown): string => String(isScalar(key) ? key.value : key);
