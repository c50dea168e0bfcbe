// What the starts of a claim round get of the results of other tasks, read in the transaction of the claim.
import { limits } from "#config";
import { inputsOf, type StartAction } from "#domain/action";
import { type Given, given, type Source } from "#domain/inputs/inputs";
import type { TaskRow } from "#domain/row";
import type { TurnState } from "#domain/turn/state";
import { jsonBytes } from "#domain/values/json";
import { type Asking, type SourceRow, sourcesOf, unendedAtFirst } from "#store/claim/inputs";
import type { Sql } from "#store/pg/pool";

type Claimed = Pick<TaskRow, "id" | "attempt" | "claimId" | "createdAt">;
type State = Pick<TurnState, "finished" | "specs">;

/** Sources that had not ended, by local id. */
type Unended = ReadonlyMap<string, readonly string[]>;

export interface StartInputs {
  readonly given: Given;
  /** To be noted with the claim, so that the same is given when the call is repeated. */
  readonly unended: readonly string[];
}

export interface ReadInputs {
  /** By task; what does not ask for any has none. */
  readonly of: ReadonlyMap<string, StartInputs>;
  /** Tasks for which the round has read enough: the next one takes them. */
  readonly left: ReadonlySet<string>;
}

const nothing: ReadInputs = { of: new Map(), left: new Set() };

/** Sends no statement where no task asks for inputs. */
export async function readInputs(
  sql: Sql,
  state: State,
  tasks: readonly { readonly row: Claimed; readonly action: StartAction | null }[],
): Promise<ReadInputs> {
  const asking = tasks.flatMap(({ row, action }): (Asking & { readonly row: Claimed })[] => {
    const inputs = inputsOf(action);
    return inputs === null ? [] : [{ task: row.id, inputs, row }];
  });
  if (asking.length === 0) return nothing;
  const before = await unendedBefore(
    sql,
    asking.map(({ row }) => row),
  );
  const changed = [...state.specs.values()].filter(({ result }) => result !== undefined).map(({ id }) => id);
  const kept = asking.flatMap(({ task }, n) => (before.get(task) ?? []).map((name) => [n, name] as const));
  const unwritten = { ended: state.finished.map(({ id }) => id), changed, unended: kept };
  const found = Map.groupBy(await sourcesOf(sql, asking, unwritten, limits.claimInputsBytesMax), ({ n }) => n);
  const read = new Map<string, StartInputs>();
  const left = new Set<string>();
  for (const [n, { task, inputs }] of asking.entries()) {
    const rows = found.get(n) ?? [];
    const [first] = rows;
    if (first === undefined || (first.upto > limits.claimInputsBytesMax && first.isRead)) {
      left.add(task);
      continue;
    }
    const sources = rows.flatMap((row) => sourceOf(row, state));
    const unended = rows.flatMap(({ id, name, isEnded }) => (id === null || name === null || isEnded ? [] : [name]));
    read.set(task, { given: given(first.localId, inputs, sources, first.isRead), unended });
  }
  return { of: read, left };
}

/** Sends no statement where none was claimed before. */
async function unendedBefore(sql: Sql, rows: readonly Claimed[]): Promise<Unended> {
  const again = rows.filter(({ claimId }) => claimId !== null);
  if (again.length === 0) return new Map();
  const since = again.reduce((least, { createdAt }) => (createdAt < least ? createdAt : least), new Date(8.64e15));
  return unendedAtFirst(sql, again, since);
}

/** What was reported in this very turn is not written yet. */
function sourceOf({ name, id, isEnded, bytes, result }: SourceRow, { specs }: State): Source[] {
  if (name === null) return [];
  if (id === null || !isEnded) return [{ name, result: null, bytes: 0 }];
  const own = specs.get(id)?.result;
  return [own === undefined ? { name, result, bytes } : { name, result: own, bytes: jsonBytes(own) }];
}
