// Decides what becomes of the circuits of receivers, and writes it: the only one who does. Gathers the ends of calls into
// one transaction, each stepped through the machine in the order in which they were told. While Postgres is away they wait
// here; what is lost with the process is only counted later, by the next calls. A probe is taken by a locked row, so that
// one process has it; what becomes of none is free again by its time.
import { transition } from "xstate";
import { type Config, limits } from "#config";
import type { CircuitOutcome } from "#domain/circuit";
import { type CircuitEvent, type CircuitPolicy, circuitMachine } from "#machines/circuit";
import { type CircuitRow, clock, lockCircuits, lockFreeCircuits, writeCircuits } from "#store/circuits";
import type { Db, Sql } from "#store/client";
import { isTransient } from "#store/faults";

export type CircuitSettings = Pick<
  Config,
  | "circuitBreakerFailureThreshold"
  | "circuitBreakerFailureWindowSecs"
  | "circuitBreakerRecoveryTimeoutSecs"
  | "circuitBreakerSuccessThreshold"
>;

export interface CircuitActorParts {
  readonly config: CircuitSettings;
  readonly db: Pick<Db, "tx">;
  readonly log: { warn(fields: object, message: string): void; error(fields: object, message: string): void };
  /** After a commit that every process has to know of. */
  readonly onChanged: () => void;
}

const outcomesMax = 1_000;
const retryMs = 200;
const triesMax = 5;

export const policyOf = (config: CircuitSettings): CircuitPolicy => ({
  failureThreshold: config.circuitBreakerFailureThreshold,
  windowMs: config.circuitBreakerFailureWindowSecs * 1000,
  recoveryMs: config.circuitBreakerRecoveryTimeoutSecs * 1000,
  successThreshold: config.circuitBreakerSuccessThreshold,
  probeMs: limits.circuitProbeMs,
});

/** Taking a probe asks for times alone. */
const timesOnly: CircuitPolicy = {
  ...{ failureThreshold: 1, windowMs: 0, recoveryMs: 0, successThreshold: 1 },
  probeMs: limits.circuitProbeMs,
};

/** Pure: the row after these events; the same row where the machine refuses them all. */
export function stepped(row: CircuitRow, events: readonly CircuitEvent[], policy: CircuitPolicy): CircuitRow {
  const ms = (at: Date | null) => at?.getTime() ?? null;
  const date = (at: number | null) => (at === null ? null : new Date(at));
  const { receiver, state, failures, successes } = row;
  const times = { since: ms(row.since), openUntil: ms(row.openUntil), probeUntil: ms(row.probeUntil) };
  const before = circuitMachine.resolveState({ value: state, context: { failures, successes, ...times, policy } });
  let now = before;
  for (const event of events) if (now.can(event)) [now] = transition(circuitMachine, now, event);
  if (now === before) return row;
  const { since, openUntil, probeUntil, ...counts } = now.context;
  return {
    ...{ receiver, state: now.value, failures: counts.failures, successes: counts.successes },
    ...{ since: date(since), openUntil: date(openUntil), probeUntil: date(probeUntil) },
  };
}

/**
 * Takes the probes of these receivers, each for one call, in the caller's transaction; returns those that were to be had.
 * Never waits: a row that another one holds is refused.
 */
export async function takeProbes(sql: Sql, receivers: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await lockFreeCircuits(sql, receivers);
  if (rows.length === 0) return new Set();
  const at = await clock(sql);
  const after = rows.map((row) => stepped(row, [{ type: "probe", at }], timesOnly));
  const taken = after.filter((row, i) => row !== rows[i]);
  if (taken.length > 0) await writeCircuits(sql, taken);
  return new Set(taken.map(({ receiver }) => receiver));
}

export class CircuitActor {
  readonly #parts: CircuitActorParts;
  readonly #policy: CircuitPolicy;
  #waiting: CircuitOutcome[] = [];
  #running: Promise<void> | null = null;

  constructor(parts: CircuitActorParts) {
    this.#parts = parts;
    this.#policy = policyOf(parts.config);
  }

  tell(outcome: CircuitOutcome): void {
    this.#waiting.push(outcome);
    this.#running ??= this.#run();
  }

  /** For who is not in a transaction. Without Postgres there is none to be had. */
  async probe(receivers: readonly string[]): Promise<ReadonlySet<string>> {
    const { db, log, onChanged } = this.#parts;
    try {
      const taken = await db.tx((sql) => takeProbes(sql, receivers));
      if (taken.size > 0) onChanged();
      return taken;
    } catch (error) {
      if (!isTransient(error)) log.error({ err: error }, "a probe could not be taken");
      return new Set();
    }
  }

  /** Resolves when everything told so far is written. Waits as long as Postgres is away: the caller has the deadline. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async #run(): Promise<void> {
    // One pass of the event loop gathers what arrives together.
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) await this.#turn(this.#waiting.splice(0, outcomesMax));
    this.#running = null;
  }

  async #turn(outcomes: readonly CircuitOutcome[]): Promise<void> {
    const { db, log, onChanged } = this.#parts;
    for (let tries = 1; ; tries++) {
      try {
        const turns = await db.tx((sql) => this.#decide(sql, outcomes));
        for (const [before, after] of turns) this.#say(before, after);
        if (turns.some(isNews)) onChanged();
        return;
      } catch (error) {
        if (!isTransient(error) && tries >= triesMax) {
          log.error({ err: error, outcomes: outcomes.length }, "circuits could not be written");
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, retryMs * Math.min(tries, 5)));
      }
    }
  }

  /** The rows before and after. */
  async #decide(sql: Sql, outcomes: readonly CircuitOutcome[]): Promise<Turn[]> {
    const byReceiver = Map.groupBy(outcomes, ({ receiver }) => receiver);
    const before = await lockCircuits(sql, [...byReceiver.keys()]);
    const at = await clock(sql);
    const turns = before.map((row): Turn => {
      const events = (byReceiver.get(row.receiver) ?? []).map(({ type, probe }) => ({ type, probe, at }));
      return [row, stepped(row, events, this.#policy)];
    });
    // A row that was made for this turn and says nothing is "written" as well: that deletes it.
    const changed = turns.filter(([row, after]) => row !== after || after.failures === 0);
    await writeCircuits(
      sql,
      changed.map(([, after]) => after),
    );
    return turns;
  }

  #say(before: CircuitRow, { receiver, state, failures }: CircuitRow): void {
    if (before.state === state) return;
    const words = { open: "a circuit opened", half_open: "a circuit is half-open", closed: "a circuit closed" };
    this.#parts.log.warn({ receiver, failures }, words[state]);
  }
}

type Turn = readonly [before: CircuitRow, after: CircuitRow];

/** How many failures a closed circuit has counted is known to the next one who counts. */
const isNews = ([before, after]: Turn): boolean =>
  before.state !== after.state ||
  before.successes !== after.successes ||
  before.failures > 0 !== after.failures > 0 ||
  before.probeUntil?.getTime() !== after.probeUntil?.getTime();
