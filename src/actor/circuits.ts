// Decides what becomes of the circuits of receivers, and writes it: the only one who does. Gathers the ends of calls into
// one transaction, each stepped through the machine in the order in which they were told. While Postgres is away they wait
// here; what is lost with the process is only counted later, by the next calls. A probe is taken by a locked row, so that
// one process has it; it is free again when it ended, or came to nothing, at the latest by its time. Where the answer to a
// commit is lost, its outcomes are counted twice at worst: a circuit then opens, or closes, a call sooner.
import { transition } from "xstate";
import { type Config, limits } from "#config";
import type { CircuitOutcome } from "#domain/circuit";
import { type CircuitEvent, type CircuitPolicy, circuitMachine } from "#machines/circuit";
import { type CircuitRow, clock, isClean, lockCircuits, lockFreeCircuits, writeCircuits } from "#store/circuits";
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

/** How long ends of calls are gathered: most failures are followed by a success, and need not be written at all. */
const gatherMs = 20;
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

/** Frees probes that this transaction took, and found no use for. */
export async function leaveProbes(sql: Sql, receivers: readonly string[]): Promise<void> {
  const rows = await lockFreeCircuits(sql, receivers);
  const at = await clock(sql);
  await writeCircuits(
    sql,
    rows.map((row) => stepped(row, [{ type: "gave_up", at, waitMs: 0 }], timesOnly)),
  );
}

export class CircuitActor {
  readonly #parts: CircuitActorParts;
  readonly #policy: CircuitPolicy;
  /** Receivers whose circuits are not clean, as far as this process knows. */
  #unclean = new Set<string>();
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

  /** All circuits that are not clean, as they were read just now. */
  know(receivers: Iterable<string>): void {
    this.#unclean = new Set(receivers);
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
    await new Promise((resolve) => setTimeout(resolve, gatherMs));
    while (this.#waiting.length > 0) await this.#turn(this.#waiting.splice(0, outcomesMax));
    this.#running = null;
  }

  async #turn(outcomes: readonly CircuitOutcome[]): Promise<void> {
    const { db, log, onChanged } = this.#parts;
    const ends = Map.groupBy(outcomes, ({ receiver }) => receiver);
    for (const [receiver, some] of ends) if (!this.#isWorth(receiver, some)) ends.delete(receiver);
    if (ends.size === 0) return;
    for (let tries = 1; ; tries++) {
      try {
        const turns = await db.tx((sql) => this.#decide(sql, ends));
        for (const [before, after] of turns) this.#note(before, after);
        if (turns.some(isNews)) onChanged();
        return;
      } catch (error) {
        if (!isTransient(error) && tries >= triesMax) {
          log.error({ err: error, receivers: ends.size }, "circuits could not be written");
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, retryMs * Math.min(tries, 5)));
      }
    }
  }

  /** Whether these change anything: not where all is well before, and again afterwards. */
  #isWorth(receiver: string, ends: readonly CircuitOutcome[]): boolean {
    if (this.#unclean.has(receiver) || ends.some(isOfProbe)) return true;
    return !isClean(stepped({ receiver, ...clean }, eventsOf(ends, 0), this.#policy));
  }

  /** The rows before and after. */
  async #decide(sql: Sql, ends: Ends): Promise<Turn[]> {
    const before = await lockCircuits(sql, [...ends.keys()]);
    const at = await clock(sql);
    const turns = before.map((row): Turn => {
      return [row, stepped(row, eventsOf(ends.get(row.receiver) ?? [], at), this.#policy)];
    });
    // A row that was made for this turn and is clean still is written as well: that deletes it.
    const changed = turns.filter(([row, after]) => row !== after || isClean(after));
    await writeCircuits(
      sql,
      changed.map(([, after]) => after),
    );
    return turns;
  }

  #note(before: CircuitRow, { receiver, state, failures }: CircuitRow): void {
    if (isClean({ state, failures })) this.#unclean.delete(receiver);
    else this.#unclean.add(receiver);
    if (before.state === state) return;
    const words = { open: "a circuit opened", half_open: "a circuit is half-open", closed: "a circuit closed" };
    this.#parts.log.warn({ receiver, failures }, words[state]);
  }
}

type Ends = ReadonlyMap<string, readonly CircuitOutcome[]>;
type Turn = readonly [before: CircuitRow, after: CircuitRow];

const clean: Omit<CircuitRow, "receiver"> = {
  ...{ state: "closed", failures: 0, since: null, successes: 0, openUntil: null, probeUntil: null },
};

const eventsOf = (ends: readonly CircuitOutcome[], at: number): CircuitEvent[] => ends.map((end) => ({ ...end, at }));

const isOfProbe = (end: CircuitOutcome): boolean => end.type === "gave_up" || end.probe;

/** How many failures a closed circuit has counted is known to the next one who counts. */
const isNews = ([before, after]: Turn): boolean =>
  before.state !== after.state ||
  before.successes !== after.successes ||
  before.failures > 0 !== after.failures > 0 ||
  before.probeUntil?.getTime() !== after.probeUntil?.getTime() ||
  before.openUntil?.getTime() !== after.openUntil?.getTime();
