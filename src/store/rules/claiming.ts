// What making a template of either kind has in common: how many there may be, and waiting until every transaction that may claim
// knows of a new one. No claim waits meanwhile.
import { setTimeout as pause } from "node:timers/promises";
import { Invalid, Unavailable } from "#domain/errors";
import type { Db, Sql } from "#store/pg/pool";
import { keyTemplateLock } from "#store/rules/queues";

/** Of each kind of template, sets of fields for one kind of task: each is a row for every claim. */
export const templatesMax = 64;

/** `which`: the rules that have too many. */
export const tooManyTemplates = (which: string, kind: string): Invalid =>
  Invalid.outside(
    "Too many different rules",
    "/rules",
    "rules",
    "too_many",
    `all ${which} for the kind ${JSON.stringify(kind)} together may name at most ${templatesMax} different sets of fields`,
  );

const triesMax = 100;
const againMs = 50;

/** `complete`: what has to follow once all know; false: not yet. Throws `Unavailable` where that takes seconds. */
export async function onceClaimsKnow(db: Db, complete: (sql: Sql) => Promise<boolean>): Promise<void> {
  // Those that begin now know it: they look for templates in a statement after they took their lock.
  const before = await db.use(claiming);
  for (let tries = 0; tries < triesMax; tries++) {
    const isClear = before.size === 0 || (await db.use(claiming)).isDisjointFrom(before);
    if (isClear && (await db.use(complete))) return;
    await pause(againMs);
  }
  throw new Unavailable("a task that is running now could not be counted for a new rule");
}

/** The transactions that may be claiming: each holds an advisory lock for which no transaction waits. */
async function claiming(sql: Sql): Promise<Set<string>> {
  const found = await sql<{ transaction: string }[]>`
    select virtualtransaction as transaction from pg_locks
    where locktype = 'advisory' and classid = 0 and objid = ${keyTemplateLock} and objsubid = 1
      and database = (select oid from pg_database where datname = current_database())`;
  return new Set(found.map(({ transaction }) => transaction));
}
