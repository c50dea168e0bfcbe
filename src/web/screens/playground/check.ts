// What the text of the playground means: sound or not, what a dry run says of it, and its graph. Checked a moment after typing.
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { type BatchInput, BatonRefused, type DryRun, type TaskInput } from "../../../sdk/client.ts";
import { BatchStore } from "../../data/batch-store.ts";
import { baton } from "../../data/session.ts";
import { errorText } from "../../parts/error-text.ts";
import { lineAt, lineOfSyntax, linesOf } from "./pointers.ts";

export interface Wrong {
  readonly line: number;
  readonly said: string;
}

export interface Checked {
  readonly wrongs: readonly Wrong[];
  readonly batch: BatchInput | undefined;
  readonly dryRun: DryRun | undefined;
  readonly isChecking: boolean;
}

const restMs = 350;

export function useCheck(text: string): Checked {
  const [rested, setRested] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setRested(text), restMs);
    return () => clearTimeout(timer);
  }, [text]);
  const parsed = useMemo(() => parse(rested), [rested]);
  const query = useQuery({
    ...{ queryKey: ["dry run", rested], enabled: parsed.batch !== undefined, retry: false, staleTime: 30_000 },
    queryFn: () => baton().dryRun(parsed.batch as BatchInput),
  });
  const wrongs = parsed.wrong ? [parsed.wrong] : query.error ? wrongsOf(rested, query.error) : [];
  return { wrongs, batch: parsed.batch, dryRun: query.data, isChecking: text !== rested || query.isFetching };
}

function parse(text: string): { readonly batch?: BatchInput; readonly wrong?: Wrong } {
  try {
    const value: unknown = JSON.parse(text);
    return { batch: (Array.isArray(value) ? { tasks: value } : value) as BatchInput };
  } catch (error) {
    const { message } = error as Error;
    return { wrong: { line: lineOfSyntax(text, message), said: message } };
  }
}

/** Where the text is a bare array, pointers begin with `/tasks` all the same. */
function wrongsOf(text: string, error: unknown): readonly Wrong[] {
  if (!(error instanceof BatonRefused) || error.faults.length === 0) return [{ line: 1, said: errorText(error) }];
  const lines = linesOf(text);
  const isBare = text.trimStart().startsWith("[");
  return error.faults.map(({ path, message }) => {
    const pointer = isBare ? path.replace(/^\/tasks(?=\/|$)/, "") : path;
    return { line: lineAt(lines, pointer), said: `${path}: ${message}` };
  });
}

/** The graph of what is typed, as long as its tasks and edges can be read. */
export function storeOf(batch: BatchInput | undefined): BatchStore {
  const store = new BatchStore();
  const tasks = (Array.isArray(batch?.tasks) ? batch.tasks : []).filter(
    (task): task is TaskInput => typeof task === "object" && task !== null && typeof task.id === "string",
  );
  const places = new Map(tasks.map(({ id }, i) => [id, i]));
  const links = tasks.flatMap(({ dependencies }, child) =>
    (Array.isArray(dependencies) ? dependencies : []).flatMap((edge) => {
      const parent = places.get(edge?.id);
      const kind = edge?.requires_success ? "requires_success" : (edge?.condition ?? "always");
      return parent === undefined || parent === child ? [] : [[parent, child, kind] as const];
    }),
  );
  const rows = tasks.map(({ id, name, kind }) => [id, id, String(name ?? id), String(kind ?? ""), "Waiting"] as const);
  store.fillCompact([{ tasks: rows, links }]);
  return store;
}
