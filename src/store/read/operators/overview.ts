// The figures of the whole cluster, each at a bounded cost: counts come from indexes and stop at 100,000, above which the planner's
// estimate stands in.
import type { Fragment } from "postgres";
import type { Db, Sql } from "#store/pg/pool";
import { reading } from "#store/read/walk";

export interface Rates {
  readonly starts: number;
  readonly successes: number;
  readonly failures: number;
}

export interface Overview {
  readonly at: Date;
  /** Claimed and Running. */
  readonly running: number;
  readonly waiting: {
    readonly dependency: number;
    readonly rule: number;
    readonly run_at: number;
    readonly backoff: number;
    readonly paused: number;
    readonly circuit: number;
    readonly unreachable: number;
    readonly ready: number;
  };
  readonly oldest_ready_at: Date | null;
  readonly last_minute: Rates;
  readonly last_hour: Rates;
  readonly receivers_unhealthy: number;
  readonly exhausted: number;
  readonly dead_letters: number;
  readonly workers: number;
}

const exactMax = 100_000;
/** So many of the tasks that are Pending the longest are looked at for the one that is ready the longest. */
const oldestRows = 1_000;

export const readOverview = (db: Db): Promise<Overview> =>
  reading(db, async (sql) => {
    const count = counter(sql);
    const inState = (...states: string[]) =>
      count(sql`task where status = any(${`{${states.join()}}`}::text[]::task_status[])`);
    const pending = await inState("Pending");
    const startable = await count(sql`task where status = 'Pending' and ready_at is null and pos >= 0`);
    const unreachable = Math.min(await count(sql`unsent where until > now()`), pending - Math.min(pending, startable));
    const rule = Math.min(startable, await count(inWaitingQueues(sql)));
    const circuit = Math.min(startable - rule, await count(behindCircuits(sql)));
    const [[facts], last_minute, last_hour] = [await factsOf(sql), await ratesOf(sql, 60), await ratesOf(sql, 3_600)];
    return {
      ...(facts as Pick<Overview, "at" | "oldest_ready_at" | "receivers_unhealthy" | "workers">),
      running: (await inState("Claimed")) + (await inState("Running")),
      waiting: {
        dependency: await inState("Waiting"),
        rule,
        run_at: Math.max(0, pending - startable - unreachable),
        backoff: await inState("Retrying"),
        paused: await inState("Paused"),
        ...{ circuit, unreachable, ready: startable - rule - circuit },
      },
      ...{ last_minute, last_hour },
      exhausted: await count(sql`delivery where status = 'exhausted'`),
      dead_letters: await count(sql`dead_letter`),
    };
  });

/** Counts rows `from` somewhere: exactly to 100,000, then as the planner estimates, to two digits. */
const counter =
  (sql: Sql) =>
  async (from: Fragment): Promise<number> => {
    const [row] = await sql<{ n: number }[]>`
      select count(*)::int as n from (select from ${from} limit ${exactMax + 1}) s`;
    const n = row?.n ?? 0;
    if (n <= exactMax) return n;
    const [plan] = await sql<
      { "QUERY PLAN": [{ Plan: { "Plan Rows": number } }] }[]
    >`explain (format json) select from ${from}`;
    const rows = Math.max(plan?.["QUERY PLAN"][0].Plan["Plan Rows"] ?? 0, exactMax);
    return Number(rows.toPrecision(2));
  };

const queuesMax = 10_000;
const inWaitingQueues = (sql: Sql) => sql`
  (select id from admission_queue where waiting_on is not null and ready limit ${queuesMax}) q cross join lateral (
    select from task t where t.queue = q.id and t.status = 'Pending' and t.ready_at is null and t.pos >= 0 limit ${exactMax + 1}) t`;

/** Of tasks without rules: of others it is only known that their queue waits for something. */
const behindCircuits = (sql: Sql) => sql`
  (select receiver from circuit where state <> 'closed' limit ${queuesMax}) c cross join lateral (
    select from task t where t.queue = 0 and coalesce(t.receiver, '') = c.receiver and t.status = 'Pending' and t.ready_at is null
    limit ${exactMax + 1}) t`;

const factsOf = (sql: Sql) => sql<Pick<Overview, "at" | "oldest_ready_at" | "receivers_unhealthy" | "workers">[]>`
  select now() as at,
    (select count(*)::int from circuit where state <> 'closed') as receivers_unhealthy,
    (select count(*)::int from process where alive_until > now()) as workers,
    (select min(t.last_updated) from (
        select queue, receiver, last_updated, ready_at from task where status = 'Pending' order by created_at, id desc limit ${oldestRows}) t
      where t.ready_at is null
        and not exists (select from admission_queue q where q.id = t.queue and q.waiting_on is not null)
        and not exists (select from circuit c where c.receiver = t.receiver and c.state <> 'closed')) as oldest_ready_at`;

async function ratesOf(sql: Sql, secs: number): Promise<Rates> {
  const [rates] = await sql<Rates[]>`
    select coalesce(sum(starts), 0)::float8 as starts, coalesce(sum(successes), 0)::float8 as successes,
      coalesce(sum(failures), 0)::float8 as failures
    from event_tally where at > now() - ${secs}::int * interval '1 second'`;
  return rates as Rates;
}
