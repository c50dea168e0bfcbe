// What the timers ask: which tasks are due, who is alive, whose claims nobody holds. Reads, and the worker's own row.
import type { Db } from "#store/client";

export interface DueTask {
  readonly id: string;
  /** Its end is near: a time-out. */
  readonly ends: boolean;
  readonly dueAt: Date;
}

export interface DueLook {
  readonly due: DueTask[];
  /** Milliseconds until the next timer after these; null: none is armed. */
  readonly nextMs: number | null;
}

/** Tasks whose timer went off, earliest first. */
export function dueTasks(db: Db, limit: number): Promise<DueLook> {
  return db.use(async (sql) => {
    const [due, [next]] = await Promise.all([
      sql<DueTask[]>`
        select id, status = 'Running' as ends, due_at as "dueAt" from task
        where due_at <= now() order by due_at limit ${limit}`,
      sql<{ ms: number | null }[]>`
        select extract(epoch from min(due_at) - now())::float8 * 1000 as ms from task where due_at > now()`,
    ]);
    return { due, nextMs: next?.ms ?? null };
  });
}

export interface Claim {
  readonly task: string;
  readonly claimId: number;
}

/** A new worker, alive for one lease. */
export function register(db: Db, name: string, leaseSecs: number): Promise<number> {
  return db.use(async (sql) => {
    const [row] = await sql<{ id: number }[]>`
      insert into worker (name, alive_until) values (${name}, now() + make_interval(secs => ${leaseSecs})) returning id`;
    return (row as { id: number }).id;
  });
}

/** Prolongs the worker's lease. False: the worker is not known any more. */
export function renew(db: Db, id: number, leaseSecs: number): Promise<boolean> {
  return db.use(async (sql) => {
    const rows = await sql`
      update worker set alive_until = now() + make_interval(secs => ${leaseSecs}) where id = ${id} returning id`;
    return rows.length > 0;
  });
}

/** The worker ends; what it still holds can be taken over at once. */
export function resign(db: Db, id: number): Promise<void> {
  return db.use(async (sql) => {
    await sql`update worker set alive_until = now() where id = ${id}`;
  });
}

export function claimsOf(db: Db, owner: number): Promise<Claim[]> {
  return db.use((sql) => sql<Claim[]>`select id as task, claim_id as "claimId" from task where owner = ${owner}`);
}

/** Claims of workers whose lease has run out. */
export function orphans(db: Db, limit: number): Promise<Claim[]> {
  return db.use(
    (sql) => sql<Claim[]>`
      select t.id as task, t.claim_id as "claimId" from task t left join worker w on w.id = t.owner
      where t.owner is not null and (w.id is null or w.alive_until < now()) limit ${limit}`,
  );
}
