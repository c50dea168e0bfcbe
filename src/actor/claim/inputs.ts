// Reads what the starts of a claim round get of the results of other tasks, in the transaction of the claim.
import { limits } from "#config";
import { inputsOf, type StartAction } from "#domain/action";
import { type Asking, type RoundInputs, roundInputs } from "#domain/inputs/starts";
import type { TaskRow } from "#domain/row";
import type { TurnState } from "#domain/turn/state";
import { sourcesOf, unendedAtFirst } from "#store/claim/inputs";
import type { Sql } from "#store/pg/pool";

type Starting = Pick<TaskRow, "id" | "attempt" | "claimId" | "createdAt">;

const nothing: RoundInputs = { of: new Map(), passedOver: new Set() };

/** Sends no statement where no task asks for inputs. */
export async function readInputs(
  sql: Sql,
  { finished, specs }: Pick<TurnState, "finished" | "specs">,
  tasks: readonly { readonly row: Starting; readonly action: StartAction | null }[],
): Promise<RoundInputs> {
  const asking = tasks.flatMap(({ row, action }): (Asking & { readonly row: Starting })[] => {
    const inputs = inputsOf(action);
    return inputs === null ? [] : [{ task: row.id, inputs, row }];
  });
  if (asking.length === 0) return nothing;
  const before = await unendedBefore(
    sql,
    asking.map(({ row }) => row),
  );
  const changed = [...specs.values()].filter(({ result }) => result !== undefined).map(({ id }) => id);
  const unended = asking.flatMap(({ task }, n) => (before.get(task) ?? []).map((name) => [n, name] as const));
  const inHand = { ended: finished.map(({ id }) => id), changed, unended };
  return roundInputs(asking, await sourcesOf(sql, asking, inHand, limits.claimInputsBytesMax), specs);
}

/** Sources (the tasks whose results are asked for) that had not ended at the first claim of the attempt, by task. Sends no statement where none was claimed before. */
async function unendedBefore(sql: Sql, rows: readonly Starting[]): Promise<ReadonlyMap<string, readonly string[]>> {
  // Most were not. Of one that was claimed in an earlier attempt alone, nothing is found for the present one.
  const again = rows.filter(({ claimId }) => claimId !== null);
  if (again.length === 0) return new Map();
  const since = again.reduce((least, { createdAt }) => (createdAt < least ? createdAt : least), new Date(8.64e15));
  return unendedAtFirst(sql, again, since);
}
