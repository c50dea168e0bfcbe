// Makes the batches of schedules that are due. A time is settled and its batch is made in one transaction, under the lock of the
// schedule's row: any worker does it, and one that dies in the middle has done nothing. Small batches of many schedules go
// together; what may take long, or wait for others, goes alone.
import { limits } from "#config";
import { scheduleActor } from "#domain/actor";
import { type AskedPlan, firstDelayMs } from "#domain/create/batch";
import { Unavailable } from "#domain/errors";
import { stepped } from "#domain/schedules/settle";
import { uuidv7 } from "#domain/values/uuid";
import { fullness, type Limited } from "#intake/limits";
import { askedOf, Bodies, planOf, type Sound } from "#intake/schedules/body";
import { type InHand, outcomeOf, takeInHand } from "#intake/schedules/turn";
import type { SkipReason } from "#machines/schedule";
import { allow, insertInTurn, settle as settleTables } from "#store/create/create";
import { insertPlans } from "#store/create/rows";
import type { Sql } from "#store/pg/pool";
import { lookAtSchedules, rest, testify } from "#store/schedules/due";
import { lockDue, writeSchedules } from "#store/schedules/rows";
import type { Logger } from "#telemetry/log";

export interface MakeDeps extends Limited {
  readonly log: Logger;
  /** For how long this worker has been alive and has reached Postgres, in ms. */
  readonly aliveMs: () => number;
  /** Tasks that may start were created; the first timer of them goes off in so many ms. */
  readonly created: (firstDelayMs: number | undefined) => void;
  /** A batch is to be stopped for the next one of its schedule. */
  readonly stop: (batch: string, schedule: string) => void;
  readonly count: (outcome: "made" | SkipReason, n: number) => void;
}

/** What one transaction did. */
interface Turn {
  readonly inHand: readonly InHand[];
  readonly plans: readonly AskedPlan[];
}

export class ScheduleMaker {
  readonly #deps: MakeDeps;
  readonly #bodies: Bodies;

  constructor(deps: MakeDeps) {
    this.#deps = deps;
    this.#bodies = new Bodies(deps);
  }

  /** Makes what is due, of the schedules that are made alone or of the others. In how many ms it should look again; null: there is no schedule. */
  async look(alone: boolean): Promise<number | null> {
    const { db, aliveMs } = this.#deps;
    const most = alone ? 1 : limits.schedulesTurnMax;
    const first = await lookAtSchedules(db, alone, lookMax);
    if (first.length === 0) return null;
    const due = first.filter(({ ms }) => ms <= 0);
    if (due.length === 0) return Math.ceil(first[0]?.ms ?? 0);
    await testify(db, aliveMs());
    const sound = await this.#bodies.of(due);
    const full = (await fullness(this.#deps)) !== undefined;
    let taken = 0;
    for (let n = 0; n < due.length; n += most) {
      const ids = due.slice(n, n + most).map(({ id }) => id);
      taken += await this.#make(ids, sound, full);
    }
    // Where others have all of them in hand, they have moved on in a moment.
    return taken === 0 ? lockedMs : 0;
  }

  /** How many it had in hand. */
  async #make(ids: readonly string[], sound: ReadonlyMap<string, Sound>, full: boolean): Promise<number> {
    const { db, log } = this.#deps;
    try {
      const isAlone = ids.length === 1;
      const turn = await db.tx(
        async (sql, last) => {
          if (isAlone) void allow(sql, limits.bulkWorkTimeoutMs);
          return this.#turn(sql, last, ids, sound, full);
        },
        isAlone ? limits.bulkWorkTimeoutMs : undefined,
      );
      await this.#follow(turn);
      return turn.inHand.length;
    } catch (error) {
      if (error instanceof Unavailable) throw error;
      if (ids.length > 1) {
        let taken = 0;
        for (const id of ids) taken += await this.#make([id], sound, full);
        return taken;
      }
      log.error({ err: error, schedule: ids[0] }, "a schedule could not be looked at, and rests");
      await rest(db, ids[0] as string, limits.scheduleFaultMs);
      return 1;
    }
  }

  async #turn(
    sql: Sql,
    last: (write: Promise<unknown>) => void,
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
      last(write);
    return { inHand, plans };
  }

  /** What follows from the commit. */
  async #follow({ inHand, plans }: Turn): Promise<void> {
    const { db, log, created, stop, count } = this.#deps;
    const now = Date.now();
    const delays = plans.map((plan) => firstDelayMs(plan, now)).filter((ms) => ms !== undefined);
    if (plans.length > 0) created(delays.length === 0 ? undefined : Math.min(...delays));
    count("made", plans.length);
    for (const { row, around, snapshot } of inHand) {
      for (const { reason } of snapshot.context.skipped) count(reason, 1);
      if (snapshot.can({ type: "stop_batches" })) for (const batch of around.unfinished) stop(batch, row.name);
      if (snapshot.context.waiting.some(({ refused }) => refused))
        log.debug({ schedule: row.name }, "the batch of a schedule cannot be created now, and is tried again");
    }
    for (const { tasks } of plans) await settleTables(db, tasks.length);
  }
}

/** So many schedules that are due are read at once. */
const lookMax = 200;
const lockedMs = 50;

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
