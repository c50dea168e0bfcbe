// The lanes of tasks that are about to be created, and the word to the next claim round that they have got some.
import type { BatchPlan } from "#domain/batch";
import { array } from "#store/arrays";
import type { Sql } from "#store/client";

/** By task; tasks without rules are left out. The lanes are there until the transaction ends, and then these tasks are. */
export type Lanes = ReadonlyMap<string, number>;

export const hasRules = (plans: readonly BatchPlan[]): boolean =>
  plans.some(({ specs }) => specs.some(({ rules }) => rules.length > 0));

const none: Lanes = new Map();

/** Needs a transaction where `hasRules`. */
export async function lanesOf(sql: Sql, plans: readonly BatchPlan[]): Promise<Lanes> {
  if (!hasRules(plans)) return none;
  const tasks = plans.flatMap(({ tasks, specs }) =>
    specs.flatMap((spec, i) => (spec.rules.length === 0 ? [] : [{ spec, counted: tasks[i]?.expected_count != null }])),
  );
  const json = (values: readonly unknown[]) =>
    array(values.map((value) => (value === null ? null : JSON.stringify(value))));
  const found = await sql<{ id: string; terms: string }[]>`
    select u.id, rule_terms(u.rules, u.metadata, u.counted)::text as terms
    from unnest(${array(tasks.map(({ spec }) => spec.id))}::uuid[], ${json(tasks.map(({ spec }) => spec.rules))}::jsonb[],
      ${json(tasks.map(({ spec }) => spec.metadata))}::jsonb[], ${array(tasks.map(({ counted }) => counted))}::boolean[])
      as u (id, rules, metadata, counted)`;
  const terms = [...new Set(found.map((row) => row.terms))];
  const lanes = await sql<{ terms: string; lane: number }[]>`
    select terms, lane_for(wanted) as lane
    from (select terms, terms::jsonb as wanted from unnest(${array(terms)}::text[]) as u (terms) order by 2) w`;
  const laneOf = new Map(lanes.map((row) => [row.terms, row.lane]));
  return new Map(found.map((row) => [row.id, laneOf.get(row.terms) as number]));
}

export interface Wake {
  readonly lane: number;
  readonly priority: number;
  readonly pos: number;
}

/** What the created tasks put into their lanes: the best of each, to be looked at by a claim round. */
export function wakesOf(plans: readonly BatchPlan[], lanes: Lanes): Wake[] {
  const best = new Map<number, Wake>();
  for (const { id, status, priority, pos } of plans.flatMap(({ tasks }) => tasks)) {
    const lane = lanes.get(id);
    // Those that wait for a time as well: only Postgres knows whether it has passed, and a wake for nothing costs little.
    if (lane === undefined || status !== "Pending") continue;
    const known = best.get(lane);
    if (!known || priority > known.priority) best.set(lane, { lane, priority, pos });
  }
  return [...best.values()];
}
