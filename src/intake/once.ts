// One creation for each key of a client's: who waits for whom, and for how long. Calls of one process wait in memory and
// share the first one's answer; those of another process are looked for in the database, again and again. Neither holds
// a connection while it waits, so one connection is enough for all of them.
import { Unavailable } from "#domain/errors";
import { type Reply, refusal } from "#intake/reply";
import type { CreateKey } from "#store/create/create";
import type { Db } from "#store/pg/pool";

/** A call waits so long for the first one with its key, which may be one that died a moment ago. */
const waitMaxMs = 10_000;
const pauseMinMs = 10;
const pauseMaxMs = 200;

interface Flight {
  readonly hash: string;
  readonly outcome: Promise<Reply>;
}

const flights = new WeakMap<Db, Map<string, Flight>>();

/** `attempt` creates, or repeats the first answer, or finds a call of another process on its way. */
export async function once(db: Db, key: CreateKey, attempt: () => Promise<Reply | "in_flight">): Promise<Reply> {
  const mine = flights.get(db) ?? new Map<string, Flight>();
  flights.set(db, mine);
  const giveUpAt = performance.now() + waitMaxMs;
  for (let first = mine.get(key.text); first; first = mine.get(key.text)) {
    if (!(await isOver(first.outcome, giveUpAt - performance.now()))) return givenUp(db);
    if (first.hash === key.hash) return first.outcome;
  }
  const outcome = insist(db, attempt, giveUpAt).finally(() => mine.delete(key.text));
  mine.set(key.text, { hash: key.hash, outcome });
  return outcome;
}

async function insist(db: Db, attempt: () => Promise<Reply | "in_flight">, giveUpAt: number): Promise<Reply> {
  for (let pauseMs = pauseMinMs; ; pauseMs = Math.min(2 * pauseMs, pauseMaxMs)) {
    const answer = await attempt();
    if (answer !== "in_flight") return answer;
    if (performance.now() + pauseMs > giveUpAt) return givenUp(db);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

function givenUp(db: Db): Reply {
  // The first call is not slow then: no caller gets an answer.
  if (!db.up) throw new Unavailable("Postgres cannot be reached");
  const details = ["Idempotency-Key: the first call with this key is still under way"];
  return refusal("key_in_flight", "The first call is still under way", { details });
}

/** Whether `outcome` settles within `ms`, however. */
async function isOver(outcome: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  const over = outcome.then(
    () => true,
    () => true,
  );
  return Promise.race([over, late]).finally(() => clearTimeout(timer));
}
