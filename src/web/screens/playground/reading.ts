// The text of the playground as a batch, with the line of each of its parts. Pure. YAML is read by a module of its own, which is
// loaded when somebody writes YAML.
import type { BatchInput } from "../../../sdk/client.ts";
import { lineAt, lineOfSyntax, linesOf } from "./pointers.ts";

export type Language = "json" | "yaml";

export interface Wrong {
  readonly line: number;
  readonly said: string;
}

export interface Reading {
  readonly batch?: BatchInput;
  readonly wrong?: Wrong;
  /** The line of what an RFC 6901 pointer names, or of the nearest thing round it; from 1. */
  readonly lineOf: (pointer: string) => number;
}

/** A bare array is as good as an object with `tasks`; what the server says of it begins with `/tasks` all the same. */
export function asBatch(value: unknown, lineOf: Reading["lineOf"]): Reading {
  if (!Array.isArray(value)) return { batch: value as BatchInput, lineOf };
  return { batch: { tasks: value }, lineOf: (pointer) => lineOf(pointer.replace(/^\/tasks(?=\/|$)/, "")) };
}

export function readJson(text: string): Reading {
  try {
    const value: unknown = JSON.parse(text);
    let lines: ReadonlyMap<string, number> | undefined;
    return asBatch(value, (pointer) => {
      lines ??= linesOf(text);
      return lineAt(lines, pointer);
    });
  } catch (error) {
    const { message } = error as Error;
    return { wrong: { line: lineOfSyntax(text, message), said: message }, lineOf: () => 1 };
  }
}

/** A warning names its place as `tasks[0].rules[1].matcher.kind: …`. */
export function warningAt(warning: string, lineOf: Reading["lineOf"]): Wrong {
  const place = /^(tasks\[\d+\][\w.[\]]*): /.exec(warning)?.[1];
  if (place === undefined) return { line: 1, said: warning };
  const pointer = `/${place.replaceAll(/\[(\d+)\]/g, "/$1").replaceAll(".", "/")}`;
  return { line: lineOf(pointer), said: warning };
}
