// Group commit of creations: what arrives while statements are on their way goes out together with the next one.
import type { AskedPlan } from "#domain/create/batch";
import { Unavailable } from "#domain/errors";
import { inBatches } from "#flow/batcher";
import { insertPlans } from "#store/create/rows";
import type { Db } from "#store/pg/pool";

/** More at once would only queue up in the pool, which others need too. */
const inFlightMax = 2;
const groupTasksMax = 256;

interface Creation {
  readonly plan: AskedPlan;
  readonly now: number;
}

export interface Group {
  insert(plan: AskedPlan, now: number): Promise<Date>;
}

const groups = new WeakMap<Db, Group>();

/** The one group of this database. */
export function groupOf(db: Db): Group {
  const known = groups.get(db);
  if (known) return known;
  const made = openGroup(db);
  groups.set(db, made);
  return made;
}

function openGroup(db: Db): Group {
  let lost: unknown;
  const insert = inBatches<Creation, Date>({
    max: groupTasksMax,
    concurrency: inFlightMax,
    fits,
    async run(creations) {
      // Those behind an outage would wait for it twice.
      if (lost !== undefined && !db.up) throw lost;
      lost = undefined;
      const plans = creations.map(({ plan }) => plan);
      // A write: what was begun may be committed, so no caller gets an error before the pool knows.
      const created = await db.tx((sql) => insertPlans(sql, plans, creations[0]?.now as number));
      return creations.map(() => created);
    },
    remedy(error) {
      if (!(error instanceof Unavailable)) return "halve";
      lost = error;
      return "give_up";
    },
  });
  return {
    insert: (plan, now) => (db.up ? insert({ plan, now }) : db.tx((sql) => insertPlans(sql, [plan], now))),
  };
}

/** At least one; further ones while the tasks stay few. */
function fits(creations: readonly Creation[]): number {
  let tasks = 0;
  const end = creations.findIndex(({ plan }, n) => {
    tasks += plan.tasks.length + 1;
    return n > 0 && tasks > groupTasksMax;
  });
  return end < 0 ? creations.length : end;
}
