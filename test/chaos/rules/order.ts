// One place for many: tasks that all need the same key wait until everything stands still, then each runs alone. The order in
// which they are called must be that of their priorities, then of their creation, then of their places in the call.
import fc from "fast-check";
import type { Cluster } from "#test/cluster";
import type { Receiver } from "#test/receiver";
import { until } from "#test/until";

export interface Queue {
  readonly batches: readonly (readonly { readonly priority: number; readonly queue: number }[])[];
  /** Which task gets which priority while all wait. */
  readonly changes: readonly (readonly [number, number])[];
}

const priority = fc.integer({ min: -3, max: 3 });
const queues = 5;
export const queue: fc.Arbitrary<Queue> = fc.record({
  batches: fc.array(fc.array(fc.record({ priority, queue: fc.nat(queues - 1) }), { minLength: 2, maxLength: 8 }), {
    minLength: 1,
    maxLength: 3,
  }),
  changes: fc.array(fc.tuple(fc.nat(), priority), { maxLength: 4 }),
});

interface Waiting {
  readonly id: string;
  readonly created: string;
  readonly pos: number;
  priority: number;
}
let named = 0;
const nextMs = 8_000;

/** Fills the place and lets the tasks wait; what is given back lets them go, one after the other. */
export async function line(cluster: Cluster, service: Receiver, { batches, changes }: Queue) {
  const name = `queue${++named}`;
  const calls: { readonly id: string; readonly handle: string }[] = [];
  service.answer(`/${name}`, ({ taskId, handle }) => {
    calls.push({ id: taskId, handle });
    return {};
  });
  const rule = (max_concurrency: number, fields: string[]) => ({
    ...{ type: "Concurrency", max_concurrency },
    matcher: { kind: name, status: "Running", fields },
  });
  const common = { name, kind: name, timeout: 600, on_start: service.action(`/${name}`) };
  const called = (n: number) => until(() => calls.length > n, nextMs, `call ${n} of ${name}`);
  await cluster.create([{ ...common, id: "first" }]);
  await called(0);
  const waiting: Waiting[] = [];
  for (const tasks of batches) {
    // The second rule never binds: it only makes queues.
    const sent = tasks.map(({ priority, queue }, n) => ({
      ...{ ...common, id: `t${n}`, priority, metadata: { queue } },
      rules: [rule(1, []), rule(100 + queue, ["queue"])],
    }));
    const { body } = await cluster.call("POST", "/task", sent);
    for (const [pos, { id, created_at: created, priority }] of body.entries())
      waiting.push({ id, created, pos, priority });
  }
  for (const [n, priority] of changes) {
    const one = waiting[n % waiting.length] as Waiting;
    await cluster.call("PATCH", `/task/${one.id}`, { priority });
    one.priority = priority;
  }
  /** The tasks in the order in which they were called, each as [priority, creation, place]. */
  return async () => {
    for (let n = 0; n <= waiting.length; n++) {
      await called(n);
      await cluster.call("PATCH", (calls[n] as { handle: string }).handle, { status: "Success" });
    }
    return calls.slice(1).map(({ id }) => {
      const { priority, created, pos } = waiting.find((one) => one.id === id) as Waiting;
      return [priority, created, pos] as const;
    });
  };
}

/** Nobody has anything to look at: all that wait wait for a place. */
export const standsStill = (cluster: Cluster): Promise<unknown> =>
  until(async () => {
    const moving = await cluster.sql`
      select from signal union all select from admission_queue where ready and waiting_on is null`;
    return moving.length === 0;
  });

export type Called = Awaited<ReturnType<Awaited<ReturnType<typeof line>>>>[number];
export const byRight = (a: Called, b: Called): number => b[0] - a[0] || a[1].localeCompare(b[1]) || a[2] - b[2];
