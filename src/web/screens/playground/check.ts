// What the text of the playground means: sound or not, what a dry run says of it, and its graph. Checked a moment after typing.
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { type BatchInput, BatonRefused, type DryRun, type TaskInput } from "../../../sdk/client.ts";
import { BatchStore } from "../../data/batch-store.ts";
import { baton } from "../../data/session.ts";
import { errorText } from "../../parts/error-text.ts";
import { type Language, type Reading, readJson, type Wrong, warningAt } from "./reading.ts";

export interface Checked {
  readonly wrongs: readonly Wrong[];
  /** What is sound and surely not meant. */
  readonly warnings: readonly Wrong[];
  readonly batch: BatchInput | undefined;
  readonly dryRun: DryRun | undefined;
  readonly isChecking: boolean;
}

const restMs = 350;

/** Loaded once, when it is first wanted. */
export const loadYaml = () => import("./yaml-text.ts");

export function useCheck(text: string, language: Language): Checked {
  const [rested, setRested] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setRested(text), restMs);
    return () => clearTimeout(timer);
  }, [text]);
  const yaml = useQuery({
    ...{ queryKey: ["module", "yaml"], queryFn: loadYaml, enabled: language === "yaml" },
    staleTime: Number.POSITIVE_INFINITY,
  });
  const read = language === "json" ? readJson : yaml.data?.readYaml;
  const reading = useMemo(() => read?.(rested), [read, rested]);
  const batch = reading?.batch;
  const query = useQuery({
    ...{ queryKey: ["dry run", language, rested], enabled: batch !== undefined, retry: false, staleTime: 30_000 },
    queryFn: () => baton().dryRun(batch as BatchInput),
  });
  return {
    wrongs: reading?.wrong ? [reading.wrong] : query.error && reading ? wrongsOf(reading, query.error) : [],
    warnings: reading ? (query.data?.warnings ?? []).map((warning) => warningAt(warning, reading.lineOf)) : [],
    ...{ batch, dryRun: query.data },
    isChecking: text !== rested || reading === undefined || query.isFetching,
  };
}

function wrongsOf({ lineOf }: Reading, error: unknown): readonly Wrong[] {
  if (!(error instanceof BatonRefused) || error.faults.length === 0) return [{ line: 1, said: errorText(error) }];
  return error.faults.map(({ path, message }) => ({ line: lineOf(path), said: `${path}: ${message}` }));
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
