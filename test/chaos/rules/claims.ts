// What the log of events says about the starts of a run: when each may have been decided, and that a start was repeated only
// where its worker had not been heard of.
import type { Cluster } from "#test/cluster";
import type { Known } from "./known.ts";
import { born } from "./measure.ts";

interface Logged {
  readonly task_id: string;
  readonly event: "claim" | "lease_expired";
  readonly attempt: number;
  readonly at: Date;
}

/** Gives each stay the earliest time of its claim: who was running before that had to be counted. Returns what is wrong, in words. */
export async function readClaims({ sql }: Cluster, all: readonly Known[]): Promise<string[]> {
  const ids = all.map(({ id }) => id);
  const rows = await sql<Logged[]>`
    select task_id, event, attempt, at from event
    where event in ('claim', 'lease_expired') and task_id = any(${ids}::uuid[]) order by id`;
  const logged = Map.groupBy(rows, ({ task_id }) => task_id);
  return all.flatMap((known) => claimsOf(known, logged.get(known.id) ?? []));
}

function claimsOf({ life, repeated }: Known, logged: readonly Logged[]): string[] {
  const faults: string[] = [];
  for (const stay of life.stays) {
    const before = logged.filter(({ at }) => at.getTime() <= stay.from);
    const claims = before.filter(({ event }) => event === "claim");
    const isSame = ({ attempt }: Logged) => attempt === stay.attempt;
    // A task in doubt keeps its slots, so that its next claim is asked for none of them.
    const isDoubted = before.some((one) => one.event === "lease_expired" && isSame(one));
    stay.lo = (isDoubted ? claims.find(isSame) : claims.at(-1))?.at.getTime() ?? born;
    if (stay.lo === born) faults.push(`${life.name} started at ${stay.from} without a claim`);
  }
  const lost = logged.filter(({ event }) => event === "lease_expired").length;
  if (repeated > lost) faults.push(`${life.name} was called again ${repeated} times, its lease expired ${lost} times`);
  return faults;
}

/** Those of these tasks that have not ended, with what they wait for. */
export function unfinishedOf({ sql }: Cluster, all: readonly Known[]): Promise<readonly object[]> {
  return sql`
    select s.local_id, t.status, t.in_doubt, t.queue, t.due_at, t.priority, l.terms, l.ready, l.waiting_on, l.waiting_limit
    from task t join task_spec s using (id) left join admission_queue l on l.id = t.queue
    where t.id = any(${all.map(({ id }) => id)}::uuid[]) and t.ended_at is null`;
}
