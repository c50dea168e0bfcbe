// The queues of tasks that are about to be created, and the word to the next claim round that they have got some.
import type { BatchPlan } from "#domain/create/batch";
import type { PlannedSpec } from "#domain/create/spec";
import type { Db, Sql } from "#store/pg/pool";
import { array } from "#store/pg/unnest";

/** By task; tasks without rules are left out. The queues are there until the transaction ends, and then these tasks are. */
export type Queues = ReadonlyMap<string, number>;

export const hasRules = (plans: readonly BatchPlan[]): boolean =>
  plans.some(({ specs }) => specs.some(({ rules }) => rules.length > 0));

const none: Queues = new Map();

/** So many tasks at a time: others may need the same queues. */
const portion = 1_000;

/**
 * Makes the queues of a large creation before it begins, in short transactions: whoever needs a queue that another transaction makes
 * waits for its end. What is made in vain is forgotten after an hour.
 */
export async function makeQueues(db: Db, plan: BatchPlan): Promise<void> {
  const { tasks, specs } = plan;
  if (!hasRules([plan])) return;
  for (let n = 0; n < specs.length; n += portion) {
    const some = { ...plan, tasks: tasks.slice(n, n + portion), specs: specs.slice(n, n + portion) };
    await db.tx((sql) => queuesOf(sql, [some]));
  }
}

/** Needs a transaction where `hasRules`. */
export async function queuesOf(sql: Sql, plans: readonly BatchPlan[]): Promise<Queues> {
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
  const specs = new Map(tasks.map(({ spec }) => [spec.id, spec]));
  // Of each queue one task, which says what its keys stand for.
  const first = new Map(found.toReversed().map(({ terms, id }) => [terms, specs.get(id) as PlannedSpec]));
  const of = (read: (spec: PlannedSpec) => unknown) => json([...first.values()].map(read));
  const queues = await sql<{ terms: string; queue: number }[]>`
    select terms, queue_for(wanted, rules, metadata) as queue
    from (
      select terms, terms::jsonb as wanted, rules, metadata
      from unnest(${array([...first.keys()])}::text[], ${of(({ rules }) => rules)}::jsonb[],
        ${of(({ metadata }) => metadata)}::jsonb[]) as u (terms, rules, metadata) order by 2) w`;
  const queueOf = new Map(queues.map((row) => [row.terms, row.queue]));
  return new Map(found.map((row) => [row.id, queueOf.get(row.terms) as number]));
}

export interface Signal {
  readonly queue: number;
  readonly priority: number;
  readonly pos: number;
}

/** What the created tasks put into their queues: the best of each, to be looked at by a claim round. */
export function signalsOf(plans: readonly BatchPlan[], queues: Queues): Signal[] {
  const best = new Map<number, Signal>();
  for (const { id, status, priority, pos } of plans.flatMap(({ tasks }) => tasks)) {
    const queue = queues.get(id);
    // Those that wait for a time as well: only Postgres knows whether it has passed, and a signal for nothing costs little.
    if (queue === undefined || status !== "Pending") continue;
    const known = best.get(queue);
    if (!known || priority > known.priority) best.set(queue, { queue, priority, pos });
  }
  return [...best.values()];
}
