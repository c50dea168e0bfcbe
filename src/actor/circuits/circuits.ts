// Decides what becomes of the circuits of receivers, and writes it. No other code does. Many ends of calls share a transaction and go
// through the machine in the order in which they came. While Postgres is away they wait here; what is lost with the process is
// counted later, by the next calls. One process gets the probe of a receiver, by locking its row; the probe is free again when its
// call ended, when none was made, or when its time is over. Where the answer to a commit is lost, its outcomes may count twice: a
// circuit then opens or closes one call sooner.
import type { CircuitOutcome, ProbeWish } from "#domain/calls/circuit";
import {
  type CircuitRow,
  type CircuitSettings,
  type CircuitTurn,
  clean,
  eventsOf,
  isClean,
  isNews,
  isOfProbe,
  policyOf,
  stepped,
  timesOnly,
} from "#domain/calls/circuit-step";
import { Batcher } from "#flow/batcher";
import type { CircuitPolicy } from "#machines/circuit";
import { isTransient, untilWritten } from "#store/pg/errors";
import type { Db, Sql } from "#store/pg/pool";
import { clock, lockCircuits, lockFreeCircuits, receiversWithFreshCalls, writeCircuits } from "#store/turn/circuits";

export interface CircuitActorParts {
  readonly config: CircuitSettings;
  readonly db: Pick<Db, "tx">;
  readonly log: { warn(fields: object, message: string): void; error(fields: object, message: string): void };
  /** Called after a commit that every process has to know of. */
  readonly onChanged: () => void;
}

/** Ends of calls are collected for this time: a failure that a success follows soon need not be written at all. */
const lingerMs = 20;
const outcomesMax = 1_000;
const retryMs = 200;
const triesMax = 5;

/**
 * Takes the probes of these receivers, each for one call, in the caller's transaction; returns those that were free.
 * Never waits: the probe of a row that another transaction has locked is refused.
 */
export async function takeProbes(
  sql: Sql,
  wishes: readonly ProbeWish[],
  probeMs: number,
): Promise<ReadonlySet<string>> {
  const failed = wishes.filter(({ hasFailed }) => hasFailed).map(({ receiver }) => receiver);
  const left = failed.length > 0 ? await receiversWithFreshCalls(sql, failed) : new Set<string>();
  const wanted = wishes.filter(({ receiver, hasFailed }) => !(hasFailed && left.has(receiver)));
  const rows = await lockFreeCircuits(
    sql,
    wanted.map(({ receiver }) => receiver),
  );
  if (rows.length === 0) return new Set();
  const at = await clock(sql);
  const after = rows.map((row) => stepped(row, [{ type: "probe", at }], timesOnly(probeMs)));
  const taken = after.filter((row, i) => row !== rows[i]);
  if (taken.length > 0) await writeCircuits(sql, taken);
  return new Set(taken.map(({ receiver }) => receiver));
}

/** Frees probes that this transaction took and does not use. */
export async function freeProbes(sql: Sql, receivers: readonly string[]): Promise<void> {
  const rows = await lockFreeCircuits(sql, receivers);
  const at = await clock(sql);
  await writeCircuits(
    sql,
    rows.map((row) => stepped(row, [{ type: "gave_up", at, waitMs: 0 }], timesOnly(0))),
  );
}

export class CircuitActor {
  readonly #parts: CircuitActorParts;
  readonly #policy: CircuitPolicy;
  /** Receivers whose circuits are not clean, as far as this process knows. */
  #unclean = new Set<string>();
  readonly #batches: Batcher<CircuitOutcome>;

  constructor(parts: CircuitActorParts) {
    this.#parts = parts;
    this.#policy = policyOf(parts.config);
    this.#batches = new Batcher({
      ...{ max: outcomesMax, lingerMs },
      run: (outcomes) => this.#turn(outcomes),
      remedy: untilWritten(retryMs, triesMax),
      giveUp: ([outcome], err) =>
        parts.log.error({ err, receiver: outcome?.receiver }, "the end of a call could not be counted for its circuit"),
    });
  }

  tell(outcome: CircuitOutcome): void {
    this.#batches.put(outcome);
  }

  /** All circuits that are not clean, as they were read just now. */
  know(receivers: Iterable<string>): void {
    this.#unclean = new Set(receivers);
  }

  /** The same in a transaction of its own. Without Postgres it gives no probe. */
  async probe(wishes: readonly ProbeWish[]): Promise<ReadonlySet<string>> {
    const { db, log, onChanged } = this.#parts;
    try {
      const taken = await db.tx((sql) => takeProbes(sql, wishes, this.#policy.probeMs));
      if (taken.size > 0) onChanged();
      return taken;
    } catch (error) {
      if (!isTransient(error)) log.error({ err: error }, "a probe could not be taken");
      return new Set();
    }
  }

  /** Resolves when every outcome so far is written. Waits as long as Postgres is away; the caller sets the deadline. */
  idle(): Promise<void> {
    return this.#batches.idle();
  }

  async #turn(outcomes: readonly CircuitOutcome[]): Promise<CircuitOutcome[]> {
    const ends = Map.groupBy(outcomes, ({ receiver }) => receiver);
    for (const [receiver, some] of ends) if (!this.#isWorth(receiver, some)) ends.delete(receiver);
    if (ends.size === 0) return [];
    const turns = await this.#parts.db.tx((sql) => this.#decide(sql, ends));
    for (const [before, after] of turns) this.#note(before, after);
    if (turns.some(isNews)) this.#parts.onChanged();
    return [];
  }

  /** Whether these change anything. A row that was clean before and is clean again afterwards does not. */
  #isWorth(receiver: string, ends: readonly CircuitOutcome[]): boolean {
    if (this.#unclean.has(receiver) || ends.some(isOfProbe)) return true;
    return !isClean(stepped({ receiver, ...clean }, eventsOf(ends, 0), this.#policy));
  }

  /** The rows before and after. */
  async #decide(sql: Sql, ends: Ends): Promise<CircuitTurn[]> {
    const before = await lockCircuits(sql, [...ends.keys()]);
    const at = await clock(sql);
    const turns = before.map((row): CircuitTurn => {
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
    // Half-open is how an open one is tried: a probe that fails changes nothing for those who look.
    if (before.state === "closed" && state === "open") this.#parts.log.warn({ receiver, failures }, "a circuit opened");
    if (before.state !== "closed" && state === "closed")
      this.#parts.log.warn({ receiver, failures }, "a circuit closed");
  }
}

type Ends = ReadonlyMap<string, readonly CircuitOutcome[]>;
