// What the starts of a claim round get, from the results that were read for all of them. Pure.
import type { Inputs } from "#domain/action";
import { type Given, given, type Source } from "#domain/inputs/inputs";
import type { SpecChange } from "#domain/turn/rows";
import { jsonBytes } from "#domain/values/json";
import { limits } from "#limits";

/** A start that asks for results. */
export interface Asking {
  readonly task: string;
  readonly inputs: Inputs;
}

/** A task that inputs are read from; of one that asks for parents and has none, a row without a name. */
export interface SourceRow {
  /** Who asks, by its place. */
  readonly n: number;
  readonly localId: string;
  readonly name: string | null;
  /** Null: it was deduplicated. */
  readonly id: string | null;
  readonly isEnded: boolean;
  readonly bytes: number;
  /** Null also where it was not read. */
  readonly result: unknown;
  /** How far the round has come with this task, in bytes; whether its results were read. */
  readonly upto: number;
  readonly isRead: boolean;
}

export interface StartInputs {
  readonly given: Given;
  /** To be noted with the claim, so that the same is given when the call is repeated. */
  readonly unended: readonly string[];
}

export interface RoundInputs {
  /** By task; what does not ask for any has none. */
  readonly of: ReadonlyMap<string, StartInputs>;
  /** Tasks for which the round has read enough: the next one takes them. */
  readonly passedOver: ReadonlySet<string>;
}

/** What the transaction has decided and not written yet, by task. */
type Specs = ReadonlyMap<string, Pick<SpecChange, "result">>;

export function roundInputs(asking: readonly Asking[], rows: readonly SourceRow[], specs: Specs): RoundInputs {
  const found = Map.groupBy(rows, ({ n }) => n);
  const of = new Map<string, StartInputs>();
  const passedOver = new Set<string>();
  for (const [n, { task, inputs }] of asking.entries()) {
    const mine = found.get(n) ?? [];
    const [first] = mine;
    if (first === undefined || (first.upto > limits.claimInputsBytesMax && first.isRead)) {
      passedOver.add(task);
      continue;
    }
    const sources = mine.flatMap((row) => sourceOf(row, specs));
    const unended = mine.flatMap(({ id, name, isEnded }) => (id === null || name === null || isEnded ? [] : [name]));
    of.set(task, { given: given(first.localId, inputs, sources, first.isRead), unended });
  }
  return { of, passedOver };
}

/** What was reported in this very turn is not written yet. */
function sourceOf({ name, id, isEnded, bytes, result }: SourceRow, specs: Specs): Source[] {
  if (name === null) return [];
  if (id === null || !isEnded) return [{ name, result: null, bytes: 0 }];
  const own = specs.get(id)?.result;
  return [own === undefined ? { name, result, bytes } : { name, result: own, bytes: jsonBytes(own) }];
}
