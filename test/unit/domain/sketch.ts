// Batches that have ended, sketched in a line a task, and the plan of their rerun.

import { type KeptBatch, type KeptTask, planRerun } from "#domain/create/rerun";
import { type EndedLink, type RerunAsk, RerunPick } from "#domain/create/rerun-pick";
import { asksForParents } from "#domain/inputs/sources";

export const now = Date.parse("2026-11-23T12:00:00Z");
export const id = "019b0000-0000-7000-8000-000000000000";
export const needs = {
  always: {},
  required: { requires_success: true },
  on_success: { condition: "on_success" },
  on_failure: { condition: "on_failure" },
  none_failed: { condition: "none_failed" },
} as const;
export type Needs = keyof typeof needs;

/** `name: [end, { parent: what it needs of it }, join]`, in the order of the call. */
export type Sketch = Readonly<Record<string, readonly [KeptTask["status"], Readonly<Record<string, Needs>>?, "any"?]>>;

export interface Ended {
  readonly batch: KeptBatch;
  readonly links: readonly EndedLink[];
}

export const task = (local_id: string, more: Partial<KeptTask> = {}): KeptTask => ({
  id: `old-${local_id}`,
  local_id,
  paused: false,
  sources: null,
  rank: 0,
  status: "Failure",
  ended_at: new Date(now),
  joins_any: false,
  name: `name ${local_id}`,
  kind: "k",
  priority: 0,
  expected_count: null,
  timeout: 60,
  max_duration_secs: null,
  expires_secs: null,
  retry: null,
  dead_end_barrier: false,
  dead_end_keep: false,
  run_at: null,
  delay_secs: null,
  metadata: null,
  rules: [],
  dedupe: [],
  start_action: null,
  actions: [],
  ...more,
});

export function ended(sketch: Sketch): Ended {
  const links: EndedLink[] = [];
  const tasks = Object.entries(sketch).map(([name, [status, parents, join]], rank) => {
    for (const [parent, what] of Object.entries(parents ?? {}))
      links.push({
        parent_id: `old-${parent}`,
        child_id: `old-${name}`,
        requires_success: null,
        condition: null,
        ...needs[what],
      });
    // They ended in the order of the call.
    return task(name, { rank, status, joins_any: join === "any", ended_at: new Date(now + rank) });
  });
  return {
    batch: { id: "old", scope: null, metadata: null, onComplete: [], paused: false, deadEnd: null, tasks },
    links,
  };
}

/** `from`: local ids. */
export type Ask = Partial<RerunAsk>;

export function pick({ batch, links }: Ended, { only = "failed", dependents = false, from = null }: Ask): RerunPick {
  const readers = batch.tasks.filter(({ start_action }) => asksForParents(start_action));
  const ask = { only, dependents, from: from?.map((name) => `old-${name}`) ?? null };
  const picking = new RerunPick(batch.tasks, ask, new Set(readers.map((task) => task.id)));
  const wanted = new Set(picking.children);
  for (const link of links) if (wanted.has(link.child_id)) picking.hear([link]);
  picking.end();
  return picking;
}

export const plan = (old: Ended, ask: Ask) => planRerun(old.batch, pick(old, ask), { id, now });
