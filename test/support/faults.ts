// What befalls workers while random runs go on: SIGKILL, SIGSTOP for longer than the lease, SIGTERM. At most two are away at a
// time, so that one at least goes on; in the end all are there again.
import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { expect } from "vitest";
import type { Cluster, Member, Reply } from "#test/cluster";
import { sleep, until } from "#test/until";

export const leaseSecs = 2;

export interface Fault {
  readonly what: "kill" | "freeze" | "drain";
  readonly whom: number;
  /** How long it is away; of a freeze always longer than the lease. */
  readonly awayMs: number;
  /** Since the fault before. */
  readonly afterMs: number;
}

const leaseMs = leaseSecs * 1_000;
const awayMax = 2;
const pauseMsMax = 400;
const heldMs = 5_000;
const backMs = 60_000;
const triesMax = 6;
const between = (min: number, max: number) => fc.integer({ min, max });
const afterMs = between(0, 1_000);
const fault: fc.Arbitrary<Fault> = fc.oneof(
  fc.record({
    what: fc.constantFrom<Fault["what"][]>("kill", "drain"),
    whom: fc.nat(),
    awayMs: between(0, 500),
    afterMs,
  }),
  fc.record({
    what: fc.constant("freeze" as const),
    whom: fc.nat(),
    awayMs: between(1.25 * leaseMs, 2.5 * leaseMs),
    afterMs,
  }),
);
export const faults = fc.array(fault, { minLength: 2, maxLength: 4 });

/** Between two steps of a run, where faults are to come between them. */
export const pauseAfter = (n: number): Promise<void> => sleep(n % pauseMsMax);

/** A call that is held, but not for so long that its worker gives it up. */
export const heldAWhile = (held: Promise<void>): Promise<void> => Promise.race([held, sleep(heldMs)]);

/** A worker that is gone, or stands still with what is asked for locked, makes it 503; the key says that it is the same call. */
export async function insist(cluster: Cluster, verb: string, path: string, body?: unknown): Promise<Reply> {
  const key = { "idempotency-key": randomUUID() };
  let reply = await cluster.call(verb, path, body, key);
  for (let tries = 1; reply.status === 503 && tries < triesMax; tries++)
    reply = await cluster.call(verb, path, body, key);
  return reply;
}

/** Resolves when all is over, and every worker is well. */
export async function strike(cluster: Cluster, list: readonly Fault[]): Promise<void> {
  const away = new Set<Member>();
  const all: Promise<void>[] = [];
  for (const one of list) {
    await sleep(one.afterMs);
    await until(() => away.size < awayMax, backMs, "workers come back");
    const there = cluster.workers.filter((worker) => !away.has(worker));
    const worker = there[one.whom % there.length] as Member;
    away.add(worker);
    all.push(befall(cluster, worker, one).then(() => void away.delete(worker)));
  }
  await Promise.all(all);
}

async function befall(cluster: Cluster, worker: Member, { what, awayMs }: Fault): Promise<void> {
  if (what === "freeze") {
    await cluster.freeze(worker);
    await sleep(awayMs);
    cluster.thaw(worker);
    return;
  }
  if (what === "kill") await cluster.kill(worker);
  else expect(await cluster.drain(worker)).toEqual({ code: 0, signal: null });
  await sleep(awayMs);
  await cluster.restart(worker);
}
