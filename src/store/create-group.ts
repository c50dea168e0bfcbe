// Group commit of creations: what arrives while statements are on their way goes out together with the next one.
// Alone it waits for nothing. Each batch stays all or none: where a group is refused for the sake of one, all of it is
// sent again one by one. `Unavailable` reaches everyone in the group; then nothing is known to be created.
import type { BatchPlan } from "#domain/batch";
import { Unavailable } from "#domain/errors";
import type { Db } from "#store/client";
import { insertPlans } from "#store/create-rows";

/** More at once would only queue up in the pool, which others need too. */
const inFlightMax = 2;
const groupTasksMax = 256;

interface Waiting {
  readonly plan: BatchPlan;
  readonly now: number;
  readonly resolve: (created: Date) => void;
  readonly reject: (error: unknown) => void;
}

export interface Group {
  insert(plan: BatchPlan, now: number): Promise<Date>;
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
  let waiting: Waiting[] = [];
  let inFlight = 0;

  async function pump(): Promise<void> {
    inFlight++;
    while (waiting.length > 0) {
      const lost = await write(db, take());
      // Whoever waits behind an outage would wait for it twice.
      if (lost && !db.up) for (const { reject } of waiting.splice(0)) reject(lost);
    }
    inFlight--;
  }

  /** At least one; further ones while the tasks stay few. */
  function take(): Waiting[] {
    let tasks = 0;
    let n = 0;
    for (const { plan } of waiting) {
      tasks += plan.tasks.length + 1;
      if (n > 0 && tasks > groupTasksMax) break;
      n++;
    }
    const taken = waiting.slice(0, n);
    waiting = waiting.slice(n);
    return taken;
  }

  return {
    insert(plan, now) {
      if (!db.up) return db.use((sql) => insertPlans(sql, [plan], now));
      return new Promise((resolve, reject) => {
        waiting.push({ plan, now, resolve, reject });
        if (inFlight < inFlightMax) void pump();
      });
    },
  };
}

/** Never throws: the outcome goes to those who wait. Returns why the database could not be reached. */
async function write(db: Db, group: readonly Waiting[]): Promise<Unavailable | undefined> {
  const [first] = group;
  if (!first) return undefined;
  try {
    const plans = group.map(({ plan }) => plan);
    const created = await db.use((sql) => insertPlans(sql, plans, first.now));
    for (const { resolve } of group) resolve(created);
  } catch (error) {
    if (group.length > 1 && !(error instanceof Unavailable)) for (const one of group) await write(db, [one]);
    else for (const { reject } of group) reject(error);
    return error instanceof Unavailable ? error : undefined;
  }
  return undefined;
}
