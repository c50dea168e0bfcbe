// Reads a batch from a file: JSON or YAML, with names in double braces that --set fills in. Knows where in the file each part stands, so
// that a fault that Baton finds is shown by line and column. What would silently become another value is refused.
import { readFile } from "node:fs/promises";
import { text as textOf } from "node:stream/consumers";
import { type Document, isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import type { NewBatch } from "../sdk/client.ts";
import { Mistake } from "./arguments.ts";

export interface BatchFile {
  readonly batch: NewBatch;
  /** "pipeline.yaml:11:13" of a JSON pointer into the body. */
  place(pointer: string): string;
}

/** "-" is the standard input. Throws a `Mistake` that says where the file is wrong. */
export async function readBatchFile(file: string, values: Readonly<Record<string, string>>): Promise<BatchFile> {
  const text = filled(file === "-" ? await textOf(process.stdin) : await readFile(file, "utf8"), file, values);
  return parseBatchFile(text, file === "-" ? "standard input" : file);
}

export function parseBatchFile(text: string, name: string): BatchFile {
  const lines = new LineCounter();
  let parsed: Document | undefined;
  const document = () => {
    parsed ??= parseDocument(text, { lineCounter: lines, prettyErrors: false, intAsBigInt: true, version: "1.2" });
    return parsed;
  };
  const placeAt = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  const batch = quick(text) ?? slow(document(), placeAt);
  if (typeof batch !== "object" || batch === null)
    throw new Mistake(`${name} holds no batch: it takes a list of tasks, or an object with "tasks"`);
  // Editors find the schema of a file by it; Baton takes no such field.
  if (!Array.isArray(batch)) delete (batch as Record<string, unknown>).$schema;
  return { batch: batch as NewBatch, place: (pointer) => placeAt(offsetOf(document(), pointer)) };
}

function filled(text: string, file: string, values: Readonly<Record<string, string>>): string {
  const missing = new Set<string>();
  const whole = text.replace(/\{\{\s*([\w-]+)\s*\}\}/g, (_, key: string) => {
    const value = values[key];
    if (value === undefined) missing.add(key);
    return value ?? "";
  });
  if (missing.size === 0) return whole;
  const sets = [...missing].map((key) => `--set ${key}=…`).join(" ");
  throw new Mistake(`${file} leaves ${[...missing].join(", ")} open\nTry: baton submit ${file} ${sets}`);
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
    const pair = isMap(node) ? node.items.find((one) => nameOf(one.key) === key) : undefined;
    const next: unknown = pair ? pair.value : isSeq(node) ? node.items[Number(key)] : undefined;
    if (next === undefined && pair === undefined) break;
    node = next;
    const isNull = isScalar(next) && next.value === null;
    at = (isNull ? undefined : startOf(next)) ?? startOf(pair?.key) ?? startOf(next) ?? at;
  }
  return at;
}

const startOf = (node: unknown): number | undefined => (isNode(node) ? node.range?.[0] : undefined);
const nameOf = (key: unknown): string => String(isScalar(key) ? key.value : key);
