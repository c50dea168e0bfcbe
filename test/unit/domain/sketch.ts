// Batches that have ended, sketched in a line a task, and the plan of their rerun.
import type { PlannedLink } from "#domain/batch";
import { type KeptBatch, type KeptTask, planRerun, type RerunKind } from "#domain/rerun";

export const now = Date.parse("2026-11-23T12:00:00Z");
export const id = "019b0000-0000-7000-8000-000000000000";
export const needs = {
  always: {},
  required: { requires_success: true },
  on_success: { condition: "on_success" },
  on_failure: { condition: "on_failure" },
} as const;
export type Needs = keyof typeof needs;

/** `name: [end, { parent: what it needs of it }, barrier]`, in the order of the call. */
export type Sketch = Readonly<
  Record<string, readonly [KeptTask["status"], Readonly<Record<string, Needs>>?, "barrier"?]>
>;

export const task = (local_id: string, more: Partial<KeptTask> = {}): KeptTask => ({
  id: `old-${local_id}`,
  local_id,
  pos: 0,
  status: "Failure",
  name: `name ${local_id}`,
  kind: "k",
  priority: 0,
  expected_count: null,
  timeout: 60,
  retry: null,
  dead_end_barrier: false,
  run_at: null,
  metadata: null,
  rules: [],
  dedupe: [],
  start_action: null,
  actions: [],
  ...more,
});

export function batchOf(sketch: Sketch): KeptBatch {
  const links: PlannedLink[] = [];
  const tasks = Object.entries(sketch).map(([name, [status, parents, barrier]], pos) => {
    for (const [parent, what] of Object.entries(parents ?? {}))
      links.push({
        parent_id: `old-${parent}`,
        child_id: `old-${name}`,
        requires_success: null,
        condition: null,
        ...needs[what],
      });
    return task(name, { pos, status, dead_end_barrier: barrier !== undefined });
  });
  return { scope: null, metadata: null, onComplete: [], tasks, links };
}

export const plan = (batch: KeptBatch, only: RerunKind, deadEnds = true) =>
  planRerun(batch, only, { id, now, deadEnds });
