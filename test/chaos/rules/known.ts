// What a run knows of each of its tasks, and how a planned task and its rules are said to Baton and to the measure.
import type { Receiver } from "#test/receiver";
import { born, type Life, type Rule, type Stay, type Version } from "./measure.ts";
import type { PlannedRule, PlannedTask } from "./plan.ts";

export interface Known {
  readonly life: Life;
  readonly task: PlannedTask;
  readonly batch: number;
  /** Empty until it is created or called. */
  id: string;
  calls: number;
  /** As its latest call said. */
  attempt: number;
  open: Open | null;
  /** The attempt that the service reported last, and whether Baton took the report. */
  reported: { readonly attempt: number; readonly isTaken: Promise<boolean> } | null;
  /** How often it was called again under the same key while it ran. */
  repeated: number;
  /** When it was canceled, save where that was refused. */
  canceled: number[];
}
export interface Open {
  readonly stay: Stay;
  readonly handle: string;
  readonly held: Promise<void>;
  readonly letGo: () => void;
}

export const kindOf = (run: string, n: number): string => `${run}k${n}`;

export function knownOf(task: PlannedTask, run: string, batch: number, name: string): Known {
  const first = <T>(value: T): Version<T>[] => [{ value, sent: born, answered: born }];
  const life: Life = {
    ...{ name, kind: kindOf(run, task.kind), counted: [], stays: [], created: Number.POSITIVE_INFINITY },
    metadata: first(task.metadata),
    rules: first(task.rules.map((rule) => modelRule(run, rule))),
    expected: first(task.expected),
  };
  const service = { calls: 0, attempt: 0, open: null, reported: null, repeated: 0, canceled: [] };
  return { life, task, batch, id: "", ...service };
}

export function wireTask(task: PlannedTask, run: string, batch: number, i: number, service: Receiver) {
  const id = `${run}-${batch}-${i}`;
  const parents = new Map(i === 0 ? [] : task.edges.map(([n, kind]) => [`${run}-${batch}-${n % i}`, kind]));
  return {
    ...{ id, name: id, kind: kindOf(run, task.kind), timeout: 600, metadata: task.metadata, priority: task.priority },
    rules: task.rules.map((rule) => wireRule(run, rule)),
    expected_count: task.expected,
    ...(task.when === "delay" ? { delay_secs: 1 } : {}),
    ...(task.when === "run_at" ? { run_at: new Date(Date.now() + 300).toISOString() } : {}),
    retry: { max_retries: task.retries, initial_delay_secs: 1, backoff_multiplier: 1 },
    dependencies: [...parents].map(([id, kind]) => ({ id, ...kind })),
    on_start: service.action(`/${run}/${id}`, task.manner === "answer" ? { completes: "on_response" } : {}),
  };
}

export function wireRule(run: string, { type, kind, fields, limit }: PlannedRule) {
  const matcher = { kind: kindOf(run, kind), status: "Running", fields };
  if (type === "Rate") return { type, max_starts: limit, per_secs: 1, matcher };
  if (type === "Concurency") return { type, max_concurency: limit, matcher };
  return type === "Capacity" ? { type, max_capacity: limit, matcher } : { type, max_concurrency: limit, matcher };
}

export function modelRule(run: string, { type, kind, fields, limit }: PlannedRule): Rule {
  return { type: type === "Concurency" ? "Concurrency" : type, kind: kindOf(run, kind), fields, limit };
}

/** It can never start as it is. */
export function isLacking({ metadata, rules, expected }: Life): boolean {
  const has = metadata.at(-1)?.value ?? {};
  return (rules.at(-1)?.value ?? []).some(
    ({ type, fields }) =>
      (type === "Capacity" && expected.at(-1)?.value === null) || fields.some((field) => !Object.hasOwn(has, field)),
  );
}
