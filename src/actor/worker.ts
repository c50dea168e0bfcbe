// The loops round the turn: take what waits, take the turn, then reply, ack and act. One loop for batch turns, one for task
// turns with the claim rounds, one for the commands of batches that were locked, one for work in portions. A turn that fails
// leaves no trace: its commands are tried again in halves, and one that fails alone too often becomes a dead letter.
import { setTimeout as pause } from "node:timers/promises";
import { Claims } from "#actor/claim/claims";
import type { CallSlots, ClaimRound } from "#actor/claim/round";
import { Failures } from "#actor/failures";
import type { Mailbox } from "#actor/mailbox";
import { type Decided, turn } from "#actor/turn/turn";
import { limits } from "#config";
import type { Claimed } from "#domain/calls/claimed";
import type { Answer } from "#domain/command";
import type { Settled } from "#domain/commands/decide";
import { outcomeOf } from "#domain/outcome";
import type { Work } from "#domain/propagation/work";
import { isReady } from "#domain/row";
import { type Item, isOfBatch, type LocalCommand, type TurnKind, targetOf } from "#domain/turn/items";
import { logLines } from "#domain/turn/log-lines";
import type { TurnEnv } from "#domain/turn/state";
import type { ClaimTrigger } from "#flow/claim-trigger";
import { isBroken, isLockFault } from "#store/pg/errors";
import type { Db } from "#store/pg/pool";
import type { Logger } from "#telemetry/log";
import { metrics } from "#telemetry/metrics";

/** What follows a commit. Each of these may be lost with the process; a sweep finds it again. */
export interface Effects {
  start(claimed: Claimed): void;
  /** Sends the answers that were settled. */
  flush(): void;
  deadLetter(item: Item, reason: string): void;
  ready(): void;
  armed(at: Date): void;
  /** The next start of a Rate fits in at that time, by the steady clock. `isFound`: the turn found that out; else it only read it. */
  opens(atMs: number, isFound: boolean): void;
  deliveries(): void;
  /** Work in portions was written down in these batches. */
  works(batches: readonly string[]): void;
  /** Works are done: their answers are due. */
  ended(works: readonly Work[]): void;
}

export interface WorkerParts {
  readonly db: Db;
  readonly mailbox: Mailbox;
  readonly effects: Effects;
  readonly slots: CallSlots;
  readonly trigger: Pick<ClaimTrigger, "isDue" | "isIdle" | "begin" | "finish">;
  readonly claimsMax: number;
  /** Null until the worker is registered. */
  readonly self: () => { readonly id: number; readonly env: TurnEnv } | null;
  readonly log: Logger;
}

export class Worker {
  readonly #parts: WorkerParts;
  readonly #claims: Claims;
  readonly #failures = new Failures();
  #stopping = false;
  /** Passes under way. */
  #running = 0;
  #loops: Promise<unknown> = Promise.resolve();

  constructor(parts: WorkerParts) {
    this.#parts = parts;
    this.#claims = new Claims({ ...parts, onFree: () => parts.mailbox.nudge("task") });
  }

  /** Fencing tokens of the claims that this process knows of. */
  get held(): ReadonlySet<number> {
    return this.#claims.held;
  }

  start(): void {
    this.#loops = Promise.all([this.#loop("batch"), this.#loop("task"), this.#loopOfLocked()]);
  }

  /** Stops claiming; commands are still decided. */
  stopClaiming(): void {
    this.#claims.stop();
  }

  /** Ends when no turn is running and everything in the mailbox has been decided (or `giveUp` resolves). */
  async stop(giveUp: Promise<unknown>): Promise<void> {
    this.stopClaiming();
    this.#stopping = true;
    this.#nudgeAll();
    await Promise.race([this.#loops, giveUp]);
  }

  #nudgeAll(): void {
    for (const which of ["batch", "task", "locked"] as const) this.#parts.mailbox.nudge(which);
  }

  /** What one loop decides may be work for another one. */
  #isDone(): boolean {
    return this.#stopping && this.#running === 0 && this.#parts.mailbox.total === 0;
  }

  async #loop(kind: TurnKind): Promise<void> {
    const { mailbox } = this.#parts;
    while (!this.#isDone()) {
      if (mailbox.size(kind) === 0 && !(kind === "task" && this.#claims.isWanted)) await mailbox.whenWaiting(kind);
      // A loop that was nudged by the end of the last pass has no pass of its own: otherwise the loops would nudge each other for ever.
      if (this.#isDone()) break;
      await this.#pass(kind, () => this.#takeTurn(kind));
    }
    this.#nudgeAll();
  }

  async #loopOfLocked(): Promise<void> {
    while (!this.#isDone()) {
      await this.#parts.mailbox.whenUnlocked();
      if (this.#isDone()) break;
      await this.#pass("locked", () => this.#takeBoxes());
    }
    this.#nudgeAll();
  }

  async #pass(loop: string, work: () => Promise<void>): Promise<void> {
    this.#running++;
    try {
      await work();
    } catch (error) {
      this.#parts.log.error({ err: error, loop }, "a pass of the worker failed");
      await pause(100);
    }
    this.#running--;
    if (this.#isDone()) this.#nudgeAll();
  }

  async #takeTurn(kind: TurnKind): Promise<void> {
    const self = this.#parts.self();
    if (self === null) return void (await pause(50));
    const items = this.#parts.mailbox.take(kind, limits.commandBatchMax);
    const round = this.#claims.roundFor(kind, self.id);
    if (items.length > 0 || round !== null) await this.#attempt({ kind, env: self.env, items, tries: 0 }, round);
  }

  /** Locked commands are first tried once more together. After that a turn waits for the lock of one batch, and only commands of that batch wait with it. */
  async #takeBoxes(): Promise<void> {
    const self = this.#parts.self();
    if (self === null) return void (await pause(50));
    const { mailbox } = this.#parts;
    const boxes = mailbox.takeBoxes(limits.commandBatchMax);
    const [box] = boxes;
    if (box === undefined) return;
    const all = boxes.flatMap(({ items }) => items);
    const rest = all.slice(limits.commandBatchMax);
    if (rest.length > 0) mailbox.wait(box.batch, rest, 1);
    const items = all.slice(0, limits.commandBatchMax);
    const alone = boxes.length === 1 ? { box } : {};
    await this.#attempt({ kind: "batch", env: self.env, items, tries: box.tries, ...alone }, null);
  }

  async #attempt(asked: Asked, round: ClaimRound | null): Promise<void> {
    const { kind, env, items, tries } = asked;
    const started = performance.now();
    let decided: Decided;
    try {
      decided = await turn(this.#parts.db, env, kind, items, round, tries > 1);
    } catch (error) {
      if (round !== null) this.#claims.abandoned(kind, round);
      return this.#recover(asked, error, round !== null);
    }
    if (round !== null) {
      this.#claims.claimed(kind, round.claims, round);
      metrics.claims.add(round.claims);
    }
    metrics.turns.add(1, kind);
    metrics.turnSeconds.observe((performance.now() - started) / 1000, kind);
    this.#follow(asked, decided);
  }

  async #recover(asked: Asked, error: unknown, hadRound: boolean): Promise<void> {
    const { kind, items, box } = asked;
    const { mailbox, log } = this.#parts;
    const [only] = items;
    if (only === undefined) {
      // The claim round alone: its next look comes later.
      if (!isLockFault(error)) log.error({ err: error }, "a claim round failed");
      await pause(isLockFault(error) ? 0 : 1_000);
    } else if (isBroken(error) && !this.#failures.breakAgain(items, error, this.#parts.db.up)) {
      mailbox.putBack(kind, items);
      await pause(Math.random() * 400);
    } else if (isLockFault(error) && box !== undefined) {
      mailbox.wait(box.batch, items, box.tries + 1);
    } else if (hadRound) {
      // The claim may be at fault, not the commands.
      if (!isLockFault(error)) log.error({ err: error, kind }, "a turn that claimed failed; it is taken again without");
      await this.#attempt(asked, null);
    } else if (items.length > 1) {
      if (!isLockFault(error)) log.error({ err: error, kind, commands: items.length }, "a turn failed; it is halved");
      const half = items.length >> 1;
      await this.#attempt({ ...asked, items: items.slice(0, half) }, null);
      await this.#attempt({ ...asked, items: items.slice(half) }, null);
    } else this.#failedAlone(only, error);
  }

  #failedAlone(item: Item, error: unknown): void {
    const { mailbox, log } = this.#parts;
    const { failures, isTooOften } = this.#failures.failAlone(item, error);
    if (isTooOften) {
      log.error({ err: error, ...idsOf(item), command: nameOf(item), failures }, "a command could not be decided");
      this.#giveUp(item, error);
      return;
    }
    metrics.commands.add(1, nameOf(item), "failed");
    // Its batch is not known, so it waits by the id of its task.
    mailbox.wait(targetOf(item), [item], failures + 1);
  }

  /** After the commit: an effect that fails is logged, and the others still run. */
  #follow({ kind, tries }: Asked, { state, settled, waiting, left, claimed, finishedWorks }: Decided): void {
    const { effects, mailbox } = this.#parts;
    for (const one of settled) this.#settle(one);
    this.#safely(() => effects.flush());
    for (const one of claimed) this.#safely(() => effects.start(one));
    for (const event of state.events) metrics.transitions.add(1, event.from, event.to);
    for (const [batch, items] of waiting) mailbox.wait(batch, items, tries + 1);
    if (left.length > 0) mailbox.putBack(kind, left);
    if (state.addedWorks.length > 0) this.#safely(() => effects.works(state.addedWorks.map(({ batchId }) => batchId)));
    if (finishedWorks.length > 0) this.#safely(() => effects.ended(finishedWorks));
    this.followChanges(state);
  }

  /** Passes the changes of a transaction to the other loops of this process. */
  followChanges(state: Decided["state"]): void {
    const { effects, log } = this.#parts;
    for (const { level, fields, text } of logLines(state)) log[level](fields, text);
    // Claim rounds passed over the rows that this turn had locked, even if nothing changed: so they are reported as ready again.
    if (state.signaled || [...state.rows.values()].some(isReady)) this.#safely(() => effects.ready());
    const { earliestDue, opensAt, foundOpens } = state;
    if (opensAt !== null) {
      const inMs = opensAt.getTime() - state.now.getTime();
      this.#safely(() => effects.opens(state.askedMs + inMs, foundOpens));
    }
    if (earliestDue !== null) this.#safely(() => effects.armed(earliestDue));
    if (state.deliveries.length > 0 || state.releasedDeliveries.size > 0) this.#safely(() => effects.deliveries());
  }

  #settle({ item, answer, isStale }: Settled): void {
    metrics.commands.add(1, nameOf(item), outcomeOf(answer ?? isStale !== true));
    this.#parts.mailbox.settled(item);
    if (item.from === "client") this.#safely(() => item.settle(answer));
    else if ("claimId" in item.command) this.#claims.held.delete(item.command.claimId);
  }

  #giveUp(item: Item, error: unknown): void {
    const { effects, mailbox } = this.#parts;
    metrics.commands.add(1, nameOf(item), item.from === "client" ? "dead_letter" : "failed");
    metrics.poison.add(1);
    this.#safely(() => effects.deadLetter(item, String(error)));
    mailbox.settled(item);
    // A call may have been made: its claim is put back in doubt, not as if it had not. After a pause, since the next call may
    // end the same way; meanwhile the claim counts as held, so that the leases do not give it back sooner.
    if (item.from === "local" && "claimId" in item.command && item.command.type !== "lease_expired") {
      const back: LocalCommand = { type: "lease_expired", task: item.command.task, claimId: item.command.claimId };
      setTimeout(() => mailbox.tell(back), limits.poisonPauseMs).unref();
      return;
    }
    if (item.from === "client") this.#safely(() => item.settle(couldNot(item.command.target)));
    else if ("claimId" in item.command) this.#claims.held.delete(item.command.claimId);
    this.#safely(() => effects.flush());
  }

  #safely(effect: () => void): void {
    try {
      effect();
    } catch (error) {
      this.#parts.log.error({ err: error }, "what follows a commit could not be done");
    }
  }
}

/** Commands that a turn is taken for. */
interface Asked {
  readonly kind: TurnKind;
  readonly env: TurnEnv;
  readonly items: readonly Item[];
  /** How often they found their batch locked. */
  readonly tries: number;
  /** They waited for this batch, and are alone in the turn. */
  readonly box?: { readonly batch: string; readonly tries: number };
}

const nameOf = (item: Item) => (item.from === "client" ? item.command.verb : item.command.type);
const idsOf = (item: Item) => (isOfBatch(item) ? { batch: targetOf(item) } : { task: targetOf(item) });
const couldNot = (id: string): Answer => ({
  status: 503,
  id,
  error: "The command could not be decided and became a dead letter",
  code: "busy",
});
