// A batch of a schedule that a person asks for: made at once, as POST /task makes it, under the lock of the schedule, so that a time
// that comes at the same moment sees it.
import { limits } from "#config";
import { type AskedPlan, planBatch } from "#domain/create/batch";
import { Busy, NotFound } from "#domain/errors";
import { uuidv7 } from "#domain/values/uuid";
import { announce, type CreateDeps, hashOf } from "#intake/create";
import { answerTo, usedBefore } from "#intake/created";
import type { LargeCalls } from "#intake/large/calls";
import type { RunOfSchedule } from "#intake/large/messages";
import { fullness } from "#intake/limits";
import { once } from "#intake/once";
import { type Reply, refusal } from "#intake/reply";
import { askedOf, planOf, readBody, rulesOf } from "#intake/schedules/body";
import { allow, type Creation, insertInTurn } from "#store/create/create";
import { type Kept, remember, take } from "#store/create/key";
import type { Sql } from "#store/pg/pool";
import { ensureKeyTemplates } from "#store/rules/key-templates";
import { bodyOf, bytesOf } from "#store/schedules/change";
import { lockOne } from "#store/schedules/rows";

type Run = Omit<RunOfSchedule, "what">;

type Body = Awaited<ReturnType<typeof bodyOf>>;

/** A large batch is made in another thread. */
export async function runAny(deps: CreateDeps & { readonly large: LargeCalls }, run: Run): Promise<Reply> {
  // It may be gone, and a repetition is answered all the same.
  const bytes = (await bytesOf(deps.db, run.name)) ?? 0;
  return bytes > limits.largeBodyBytes ? deps.large.run(run, bytes) : runSchedule(deps, run);
}

export async function runSchedule(deps: CreateDeps, { name, actor, key }: Run): Promise<Reply> {
  const own = key === undefined ? undefined : { text: `POST /schedules/${name}/run ${key}`, hash: hashOf(null) };
  const attempt = async (): Promise<Reply | "in_flight"> => {
    const { db } = deps;
    const full = await fullness(deps);
    const known = await db.use((sql) => currentBody(sql, name));
    const { batch, faults } = known ? readBody(deps, known.batch, known.bytes) : { batch: undefined, faults: [] };
    if (batch !== undefined) await ensureKeyTemplates(db, rulesOf(batch));
    const now = Date.now();
    const made = await db.tx(async (sql, send) => {
      void allow(sql, limits.bulkWorkTimeoutMs);
      const before = own === undefined ? "taken" : await take(sql, own);
      if (before !== "taken") return before;
      // Only now is it known that the key is new: a repetition gets its answer whatever has become of the schedule.
      if (full) throw full;
      const row = await lockOne(sql, name);
      if (row === undefined) throw new NotFound("schedule");
      const body = await bodyOf(sql, row.id);
      // It was changed in between.
      if (JSON.stringify(body.batch) !== JSON.stringify(known?.batch)) return "in_flight";
      if (batch === undefined) return invalidNow(faults);
      const plan = (hits: ReadonlySet<string>): AskedPlan => ({
        ...planOf(batch, uuidv7(now), now, hits),
        ...{ createdBy: actor, schedule: { name, at: null } },
      });
      const creation = await insertInTurn(sql, askedOf(batch, now), plan);
      if (own) send(remember(sql, own, creation.plan, body));
      return creation;
    }, limits.bulkWorkTimeoutMs);
    if (made === "in_flight" || "status" in made) return made;
    return "plan" in made ? announce(deps, { now }, made) : again(deps, made, hashOf(null));
  };
  if (own) return once(deps.db, own, attempt);
  for (let n = 0; n < triesMax; n++) {
    const answer = await attempt();
    if (answer !== "in_flight") return answer;
  }
  throw new Busy("The schedule changes all the time");
}

const triesMax = 10;

async function currentBody(sql: Sql, name: string): Promise<Body | undefined> {
  const [row] = await sql<Body[]>`select batch, bytes from schedule where name = ${name}`;
  return row;
}

const invalidNow = (details: readonly string[]): Reply =>
  refusal("validation_failed", "The batch of the schedule is not valid any more", { details });

/** The first answer, from the body that the schedule had then. */
function again(deps: CreateDeps, { hash, batchId, tasks, created, began }: Kept, mine: string): Reply {
  if (hash !== mine || batchId === null) return usedBefore;
  const { batch: body, bytes } = began as Body;
  const { batch } = readBody(deps, body, bytes);
  if (batch === undefined) return usedBefore;
  const omitted = new Set([...batch.tasks.keys()].filter((position) => !tasks[position]));
  const plan = planBatch(batch, batchId, created.getTime(), omitted);
  const named = plan.tasks.map((task) => ({ ...task, id: tasks[task.pos] as string }));
  return answerTo({ plan: { ...plan, tasks: named }, created } as Creation);
}
