// What the HTTP fuzz aims at: each call that takes a body, with sound bodies to begin from, and a target of its own for each
// request, so that whatever was refused can be asked whether it changed anything.
import type { Random } from "#test/dags";
import type { Receiver } from "#test/receiver";

export interface Aim {
  /** As the OpenAPI document spells it, with a query where it has one. */
  readonly route: string;
  /** Of all requests. */
  readonly share: number;
  readonly target: "task" | "batch" | "ended" | "none";
  readonly bodies: readonly unknown[];
}

const rule = {
  type: "Concurrency",
  max_concurrency: 3,
  matcher: { kind: "fuzz", status: "Running", fields: ["tenant"] },
};
const capacity = { type: "Capacity", max_capacity: 9, matcher: { kind: "fuzz", status: "Running", fields: [] } };

function batches(service: Receiver): readonly unknown[] {
  const nats = { kind: "Nats", params: { subject: "baton.work.fuzz", body: { a: [1] }, headers: { "X-A": "1" } } };
  const first = {
    ...{ id: "a", name: "first", kind: "fuzz", timeout: 3600, metadata: { tenant: 1, deep: { er: [null] } } },
    ...{ on_start: service.action("/run", { headers: { "X-B": "2" }, body: { b: 1 } }), on_success: [nats] },
    ...{ on_failure: [service.action("/end")], on_cancel: [nats], expected_count: 5, priority: 3 },
    ...{ rules: [rule, capacity], retry: { max_retries: 2, initial_delay_secs: 60, retry_on: ["timeout"] } },
    ...{
      dedupe_strategy: [{ kind: "fuzz", status: "Failure", fields: ["tenant"] }],
      dead_end_barrier: true,
      dead_end: "cancel",
    },
  };
  const second = {
    ...{ id: "b", name: "second", kind: "fuzz", delay_secs: 3600 },
    dependencies: [{ id: "a", requires_success: true }],
  };
  const third = {
    ...{ id: "c", name: "third", kind: "k", join: "any" },
    dependencies: [{ id: "a", condition: "none_failed" }],
  };
  const gate = {
    id: "d",
    name: "gate",
    kind: "k",
    on_start: { kind: "Wait", params: { prompt: "Go on?" } },
    paused: true,
  };
  const plain = { id: "a", name: "n", kind: "k", run_at: "2099-01-01T00:00:00Z" };
  return [
    [first, second, third, gate],
    {
      ...{ tasks: [plain], paused: true, scope: "s", dead_end: "keep", metadata: { a: 1 } },
      on_batch_complete: [service.action("/done")],
    },
    [plain],
  ];
}

export function aimsAt(service: Receiver): readonly Aim[] {
  const created = batches(service);
  // Under names that the targets do not have.
  const added = [
    [
      { id: "x", name: "x", kind: "fuzz" },
      { id: "y", name: "y", kind: "k", dependencies: [{ id: "x" }] },
    ],
  ];
  return [
    { route: "POST /task", share: 0.12, target: "none", bodies: created },
    { route: "POST /task?dry_run=1", share: 0.13, target: "none", bodies: created },
    {
      ...{ route: "PATCH /task/{id}", share: 0.2, target: "task" },
      bodies: [
        { status: "Success", result: { a: [1, "x"] }, new_success: 2 },
        { status: "Failure", failure_reason: "broken", new_failures: 1 },
        { status: "Skipped", failure_reason: "nothing to do" },
        { metadata: { tenant: 2 }, priority: -5, expected_count: 9, new_success: 1, new_failures: 1 },
      ],
    },
    {
      ...{ route: "POST /task/{id}/override", share: 0.05, target: "task" },
      bodies: [
        { status: "Success", reason: "by hand", result: { a: [1] } },
        { status: "Failure", reason: "by hand" },
      ],
    },
    { route: "POST /batch/{id}/tasks", share: 0.03, target: "batch", bodies: added },
    { route: "POST /task/{id}/tasks", share: 0.03, target: "task", bodies: added },
    {
      route: "POST /webhook-deliveries/replay",
      share: 0.05,
      target: "none",
      bodies: [{ since: "2030-01-01T00:00:00Z" }],
    },
    {
      // None of what these match takes the action, also where only one filter is left.
      ...{ route: "POST /bulk", share: 0.05, target: "none" },
      bodies: [
        { action: "cancel", tasks: { status: ["Skipped"], kind: "no kind", metadata: { a: -1 } }, reason: "x" },
        { action: "pause", batches: { status: "success", scope: "no scope" }, dry_run: true },
      ],
    },
    {
      ...{ route: "PUT /schedules/{name}", share: 0.04, target: "none" },
      // Paused: none of them makes a batch.
      bodies: [
        { cron: "30 2 * * *", timezone: "Europe/Berlin", paused: true, batch: created[0] },
        { every_secs: 31_536_000, overlap: "replace", until: "2099-01-01T00:00:00Z", paused: true, batch: created[1] },
      ],
    },
    { route: "PUT /task/{id}", share: 0.15, target: "task", bodies: [{ new_success: 3, new_failures: 1 }] },
    {
      route: "PATCH /batch/{id}/rules",
      share: 0.1,
      target: "batch",
      bodies: [{ kind: "fuzz", rules: [rule, capacity] }],
    },
    {
      route: "POST /batch/{id}/rerun",
      share: 0.05,
      target: "ended",
      bodies: [{ only: "all" }, { only: "failed", dependents: true }],
    },
  ];
}

/** One of the aims, by their shares. */
export function aimOf(random: Random, aims: readonly Aim[]): Aim {
  let left = random.below(1_000_000) / 1_000_000;
  for (const aim of aims) {
    left -= aim.share;
    if (left < 0) return aim;
  }
  return aims[0] as Aim;
}
