// What a start reads from the results of other tasks. Pure.
import type { Inputs } from "../build/task.ts";
import { type Life, startOf } from "./life.ts";

/** Undefined: it asks for none. */
export function inputsOf(life: Life, lives: ReadonlyMap<string, Life>): Readonly<Record<string, unknown>> | undefined {
  const asked = (startOf(life)?.params as { readonly inputs?: Inputs } | undefined)?.inputs;
  if (asked === undefined) return undefined;
  if (asked === "parents")
    return Object.fromEntries(life.parents.map(({ parent }) => [parent.localId, resultOf(parent) ?? null]));
  return Object.fromEntries(
    Object.entries(asked).map(([name, input]) => {
      const found = foundAt(resultOf(lives.get(input.task)), input.pointer ?? "");
      return [name, found === undefined ? (input.default ?? null) : found];
    }),
  );
}

/** Of a task that has ended; undefined: there is none. */
const resultOf = (life: Life | undefined): unknown =>
  life === undefined || life.endedAt === null || life.result === null ? undefined : life.result;

/** What a JSON pointer (RFC 6901) finds. */
function foundAt(value: unknown, pointer: string): unknown {
  let at = value;
  for (const part of pointer.split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (Array.isArray(at) && !/^(0|[1-9]\d*)$/.test(key)) return undefined;
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, key)) return undefined;
    at = (at as Record<string, unknown>)[key];
  }
  return at;
}
