// What a start gets of the results of other tasks: which part of each, and whether all of it is small enough to send. Pure.
import type { Inputs } from "#domain/action";
import { jsonBytes } from "#domain/values/json";

/** All inputs of one start, in compact form. */
export const inputsBytesMax = 262_144;

/** A task that inputs are read from. */
export interface Source {
  /** Its local id. */
  readonly name: string;
  /** Null: it has none, has not ended, or was left out. */
  readonly result: unknown;
  /** Of the result in compact form; 0 for none. */
  readonly bytes: number;
}

/** What the call carries, or how many bytes too large that would be. */
export type Given = { readonly localId: string } & (
  | {
      readonly values: Readonly<Record<string, unknown>>;
      /** Names of those that are null because their pointer finds nothing in a result that is there, and they have no default. */
      readonly absent?: readonly string[];
    }
  | { readonly bytes: number }
);

/** `isRead`: the results are there, not only their sizes. */
export function given(localId: string, inputs: Inputs, sources: readonly Source[], isRead: boolean): Given {
  if (!isRead) return { localId, bytes: bytesOf(sources) };
  const values = inputs === "parents" ? ofParents(sources) : named(inputs, sources);
  const bytes = jsonBytes(values);
  if (bytes > inputsBytesMax) return { localId, bytes };
  const absent = inputs === "parents" ? [] : absentOf(inputs, sources);
  return { localId, values, ...(absent.length > 0 ? { absent } : {}) };
}

function absentOf(inputs: Exclude<Inputs, "parents">, sources: readonly Source[]): string[] {
  const results = new Map(sources.map(({ name, result }) => [name, result]));
  return Object.entries(inputs).flatMap(([name, { task, pointer, default: preset }]) => {
    const result = results.get(task) ?? null;
    return preset === undefined && result !== null && at(result, pointer ?? "") === undefined ? [name] : [];
  });
}

export const tooLarge = (bytes: number): string =>
  `on_start failed: its inputs take ${bytes} bytes as compact JSON, at most ${inputsBytesMax} are sent`;

/** In one order, so that a repetition looks exactly like the first call. */
const ofParents = (sources: readonly Source[]): Record<string, unknown> =>
  Object.fromEntries(sources.map(({ name, result }) => [name, result] as const).sort(([a], [b]) => (a < b ? -1 : 1)));

/** The size that `ofParents` would have. */
const bytesOf = (sources: readonly Source[]): number =>
  sources.reduce((sum, { name, bytes }) => sum + jsonBytes(name) + 2 + (bytes || 4), 1);

function named(inputs: Exclude<Inputs, "parents">, sources: readonly Source[]): Record<string, unknown> {
  const results = new Map(sources.map(({ name, result }) => [name, result]));
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { task, pointer, default: preset = null }]) => {
      const result = results.get(task) ?? null;
      const found = result === null ? undefined : at(result, pointer ?? "");
      return [name, found === undefined ? preset : found];
    }),
  );
}

/** What an RFC 6901 pointer finds; undefined: nothing. */
export function at(value: unknown, pointer: string): unknown {
  let here = value;
  for (const token of pointer.split("/").slice(1)) {
    const key = token.replace(/~1/g, "/").replace(/~0/g, "~");
    if (typeof here !== "object" || here === null) return undefined;
    if (Array.isArray(here) && !/^(0|[1-9]\d*)$/.test(key)) return undefined;
    if (!Object.hasOwn(here, key)) return undefined;
    here = (here as Record<string, unknown>)[key];
  }
  return here;
}
