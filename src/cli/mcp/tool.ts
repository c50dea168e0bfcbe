// What a tool of `baton mcp` is, as data: the operations of the API that it calls say whether it only reads, so that no tool can be said to do
// less than it does.
import type { Client, Operations } from "../../sdk/client.ts";
import type { Arguments, Input } from "./input.ts";
import described from "./operations.json" with { type: "json" };

export type OperationId = keyof Operations & keyof typeof described.operations;

export interface Tool {
  readonly name: string;
  readonly title: string;
  /** For a model that has to choose: when to use it, and what it gives. */
  readonly description: string;
  /** Every call that it may make. */
  readonly operations: readonly OperationId[];
  /** It makes its calls with `dry_run`, which write nothing. */
  readonly rehearses?: true;
  readonly input: Input;
  /** It may end work, which no later call brings back. */
  readonly isDestructive?: true;
  /** A repetition changes nothing more. */
  readonly isIdempotent: boolean;
  /** Whether it makes Baton call services that are not Baton's. */
  readonly isOpenWorld?: true;
  run(baton: Client, asked: Arguments): Promise<Answer>;
}

export interface Answer {
  /** For people, and for models that read texts better; the JSON if left out. */
  readonly text?: string;
  readonly content: Readonly<Record<string, unknown>>;
}

/** Whether nothing that it calls needs more than the right to read. */
export const readsOnly = ({ operations, rehearses }: Tool): boolean =>
  rehearses === true || operations.every((id) => ["read", "open"].includes(described.operations[id].right));

/** A parameter of an operation, as the API describes it. */
export function parameter(id: OperationId, name: string): Readonly<Record<string, unknown>> {
  const query: Readonly<Record<string, Readonly<Record<string, unknown>>>> = described.operations[id].query;
  const found = query[name];
  if (found === undefined) throw new Error(`${id} has no parameter ${name}`);
  return found;
}

export const parametersOf = (id: OperationId): readonly string[] => Object.keys(described.operations[id].query);
export const batchSchema = described.batch;
