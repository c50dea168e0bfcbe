// Makes the batches of schedules that are due. A time is settled and its batch is made in one transaction, under the lock of the
// schedule's row: any worker does it, and one that dies in the middle has done nothing. Small batches of many schedules go
// together; what may take long, or wait for others, goes alone.
import { limits } from "#config";
import { scheduleActor } from "#domain/actor";
import { type AskedPlan, firstDelayMs } from "#domain/create/batch";
import { stepped } from "#domain/schedules/settle";
import { uuidv7 } from "#domain/values/uuid";
import { fullness, type Limited } from "#intake/limits";
import { askedOf, Bodies, planOf, type Sound } from "#intake/schedules/body";
import { type InHand, outcomeOf, takeInHand } from "#intake/schedules/turn";
import type { SkipReason } from "#machines/schedule";
import { allow, insertInTurn, settle as settleTables } from "#store/create/create";
import { insertPlans } from "#store/create/rows";
import type { Db, Sql } from "#store/pg/pool";
import type { SendWrite } from "#store/pg/transaction";
import type { Due } from "#store/schedules/due";
import { lockDue, writeSchedules } from "#store/schedules/rows";

/** What a transaction has done, and what follows from it. Plain data: a thread may have done it. */
export interface Made {
  /** Schedules that it had in hand. */
  readonly taken: number;
  readonly batches: number;
  /** Until the first timer of its tasks goes off; null: there is none. */
  readonly firstDelayMs: number | null;
  readonly skipped: readonly SkipReason[];
  /** Batches that are to be stopped for the next one of their schedule. */
  readonly stops: readonly { readonly batch: string; readonly schedule: string }[];
  /** Schedules whose batch cannot be created now. */
  readonly refused: readonly string[];
}

/** Schedules that are due: what they make is read, then made in one transaction. */
export async function makeDue(
  deps: Limited,
  due: readonly Pick<Due, "id" | "version">[],
  bodies: Bodies = new Bodies(deps),
): Promise<Made> {
  const { db } = deps;
  const sound = await bodies.of(due);
  const full = (await fullness(deps)) !== undefined;
  const isAlone = due.length === 1;
  const { inHand, plans } = await db.tx(
    async (sql, send) => {
      if (isAlone) void allow(sql, limits.bulkWorkTimeoutMs);
      return turn(
        sql,
        send,
        due.map(({ id }) => id),
        sound,
        full,
      );
    },
    isAlone ? limits.bulkWorkTimeoutMs : undefined,
  );
  await settleAll(db, plans);
  return madeOf(inHand, plans);
}

/** What one transaction did. */
interface Turn {
  readonly inHand: readonly InHand[];
  readonly plans: readonly AskedPlan[];
}

async function turn(
  sql: Sql,
  send: SendWrite,
  ids: readonly string[],
  sound: ReadonlyMap<string, Sound>,
  full: boolean,
): Promise<Turn> {
  const locked = await lockDue(sql, ids, ids.length);
  // One that has changed since its body was read comes again at once.
  const rows = locked.filter(({ id, version }) => sound.get(id)?.version === version);
  const inHand = await takeInHand(sql, rows);
  const plans: AskedPlan[] = [];
  let left: number = limits.scheduleTasksMax;
  for (const one of inHand) {
    const { batch } = sound.get(one.row.id) as Sound;
    if (full || batch === undefined) refuse(one);
    else if (one.row.alone) plans.push(...(await makeAlone(sql, one, batch)));
    else {
      const made = makeSome(one, batch, left);
      plans.push(...made);
      left -= made.reduce((n, { tasks }) => n + tasks.length + 1, 0);
    }
  }
  const together = plans.filter(({ schedule }) => !isAloneIn(inHand, schedule?.name));
  if (together.length > 0) await insertPlans(sql, together, Date.now());
  const outcomes = inHand.map(outcomeOf);
  for (const write of writeSchedules(
    sql,
    outcomes.map(({ after }) => after),
    outcomes.flatMap(({ times }) => times),
  ))
    send(write);
  return { inHand, plans };
}

function madeOf(inHand: readonly InHand[], plans: readonly AskedPlan[]): Made {
  const now = Date.now();
  const delays = plans.map((plan) => firstDelayMs(plan, now)).filter((ms) => ms !== undefined);
  const contexts = inHand.map(({ row, snapshot }) => ({ name: row.name, ...snapshot.context }));
  return {
    ...{ taken: inHand.length, batches: plans.length },
    firstDelayMs: delays.length === 0 ? null : Math.min(...delays),
    skipped: contexts.flatMap(({ skipped }) => skipped.map(({ reason }) => reason)),
    stops: inHand
      .filter(({ snapshot }) => snapshot.can({ type: "stop_batches" }))
      .flatMap(({ row, around }) => around.unfinished.map((batch) => ({ batch, schedule: row.name }))),
    refused: contexts.filter(({ waiting }) => waiting.some(({ refused }) => refused)).map(({ name }) => name),
  };
}

async function settleAll(db: Db, plans: readonly AskedPlan[]): Promise<void> {
  for (const { tasks } of plans) await settleTables(db, tasks.length);
}

const isAloneIn = (inHand: readonly InHand[], name: string | undefined): boolean =>
  inHand.some(({ row }) => row.alone && row.name === name);

/** What would be made now cannot be. */
function refuse(one: InHand): void {
  for (;;) {
    const { waiting } = one.snapshot.context;
    const time = waiting.find(({ refused }) => !refused);
    const event = time && ({ type: "refused", at: time.at } as const);
    if (event === undefined || !one.snapshot.can(event)) return;
    one.snapshot = stepped(one.snapshot, event);
  }
}

/** Plans what may be made now, while it is no more than `most` tasks; what is left comes with the next turn. */
function makeSome(one: InHand, batch: NonNullable<Sound["batch"]>, most: number): AskedPlan[] {
  const plans: AskedPlan[] = [];
  let tasks = 0;
  for (let time = nextTime(one); time !== undefined; time = nextTime(one)) {
    tasks += batch.tasks.length + 1;
    if (tasks > most) break;
    const now = Date.now();
    plans.push(noted(one, time, planOf(batch, uuidv7(now), now, nobody)));
  }
  return plans;
}

const nobody: ReadonlySet<string> = new Set();

/** The next one alone. Calls that may find each other's tasks wait for each other here. */
async function makeAlone(sql: Sql, one: InHand, batch: NonNullable<Sound["batch"]>): Promise<AskedPlan[]> {
  const time = nextTime(one);
  if (time === undefined) return [];
  const now = Date.now();
  const id = uuidv7(now);
  const { plan } = await insertInTurn(sql, askedOf(batch, now), (hits) =>
    asked(one, time, planOf(batch, id, now, hits)),
  );
  return [noted(one, time, plan)];
}

/** The time whose batch may be made now. */
function nextTime({ snapshot }: InHand): number | undefined {
  const time = snapshot.context.waiting[0];
  return time !== undefined && snapshot.can({ type: "made", at: time.at }) ? time.at : undefined;
}

const asked = ({ row }: InHand, at: number, plan: Omit<AskedPlan, "createdBy">): AskedPlan => ({
  ...plan,
  createdBy: scheduleActor(row.name),
  schedule: { name: row.name, at: new Date(at) },
});

function noted(one: InHand, at: number, plan: Omit<AskedPlan, "createdBy">): AskedPlan {
  const made = asked(one, at, plan);
  one.snapshot = stepped(one.snapshot, { type: "made", at });
  one.made.set(at, made);
  return made;
}
