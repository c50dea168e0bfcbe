// Which processes are alive, and which claims no process holds any more. A process writes its own row, and reads those of others.
import { hostname } from "node:os";
import type { Db } from "#store/pg/pool";

/** Of this process, until it ends. */
export const processName = `${hostname()}:${process.pid}`;

/** What a process says of itself once. */
export interface ProcessSelf {
  readonly name: string;
  readonly roles: readonly string[];
  readonly version: string;
}

/** What it says of itself now and then. */
export interface ProcessFigures {
  /** Calls to the outside that are open. */
  readonly callsOpen: number;
  /** The longest that its event loop was held up lately. */
  readonly lagMs: number;
  /** How far the clock of NATS is ahead of that of Postgres. */
  readonly skewMs: number;
}

export interface Claim {
  readonly task: string;
  readonly claimId: number;
}

/** A new process, alive for one lease; its id. */
export function register(db: Db, { name, roles, version }: ProcessSelf, leaseSecs: number): Promise<number> {
  return db.use(async (sql) => {
    const [row] = await sql<{ id: number }[]>`
      insert into process (name, roles, version, alive_until)
      values (${name}, ${`{${roles.join(",")}}`}::text[], ${version}, now() + make_interval(secs => ${leaseSecs}))
      returning id`;
    return (row as { id: number }).id;
  });
}

/** A lease must not run out because others are in the queue: it waits for long work no longer than this part of it. */
const waitShare = 1 / 6;
const renewMaxMs = 5_000;

/** Prolongs the lease of a process, and notes its figures. False: it is not known any more. */
export function renew(
  db: Db,
  id: number,
  leaseSecs: number,
  { callsOpen, lagMs, skewMs }: ProcessFigures,
): Promise<boolean> {
  const urgentMs = leaseSecs * 1_000 * waitShare;
  return db.use(
    async (sql) => {
      const { count } = await sql`
        update process set alive_until = now() + make_interval(secs => ${leaseSecs}),
          calls_open = ${callsOpen}, lag_ms = ${Math.round(lagMs)}, skew_ms = ${Math.round(skewMs)}
        where id = ${id}`;
      return count > 0;
    },
    renewMaxMs,
    urgentMs,
  );
}

/** The process ends; what it still holds can be taken over at once. */
export function resign(db: Db, id: number): Promise<void> {
  return db.use(async (sql) => {
    await sql`update process set alive_until = now() where id = ${id}`;
  });
}

export function claimsOf(db: Db, owner: number): Promise<Claim[]> {
  return db.use((sql) => sql<Claim[]>`select id as task, claim_id as "claimId" from task where owner = ${owner}`);
}

/** Claims of workers whose lease has run out, after a task, in the order of their ids. */
export function orphans(db: Db, after: string, limit: number): Promise<Claim[]> {
  return db.use(
    (sql) => sql<Claim[]>`
      select t.id as task, t.claim_id as "claimId" from task t left join process w on w.id = t.owner
      where t.owner is not null and (w.id is null or w.alive_until < now()) and t.id > ${after}
      order by t.id limit ${limit}`,
  );
}
