// The loops round the turn: gather what is there, take the turn, then reply, ack and act. A turn that fails is tried
// again with the same commands (time-outs, locks and lost connections are nobody's fault); where the error is a command's
// own, the batch is halved until the culprit is alone, and that one is parked. Nothing waits for a sweep here.

import { ClaimRound, type Slots } from "#actor/claim";
import { isWhole } from "#actor/hold";
import { type Hunger, type Item, type Lane, type LocalCommand, type Mailbox, targetOf } from "#actor/mailbox";
import type { Ground } from "#actor/scene";
import { type Decided, type Manner, turn } from "#actor/turn";
import { limits } from "#config";
import type { Claimed } from "#domain/claimed";
import type { Answer } from "#domain/command";
import { TooLarge } from "#domain/errors";
import { isReady, type TaskEventRow } from "#domain/row";
import type { Db } from "#store/client";
import { isBroken, isLockFault, isTransient } from "#store/faults";
import type { Logger } from "#telemetry/log";
import { metrics } from "#telemetry/metrics";

/** What follows a commit. Every one of these may be lost with the process; a sweep finds it again. */
export interface Effects {
  start(claimed: Claimed): void;
  /** Sends the answers that were settled. */
  flush(): void;
  park(item: Item, reason: string): void;
  ready(): void;
  armed(at: Date): void;
  deliveries(): void;
  /** A turn begins: what becomes of its events is said to the answer, once. */
  telling(): {
    done(events: readonly TaskEventRow[], ids: readonly number[]): void;
    nothing(): void;
    unknown(): void;
  };
}

export interface WorkerParts {
  readonly db: Db;
  readonly mailbox: Mailbox;
  readonly effects: Effects;
  readonly slots: Slots;
  readonly hunger: Hunger;
  readonly claimsMax: number;
  /** Null until the worker is registered. */
  readonly self: () => { readonly id: number; readonly ground: Ground } | null;
  readonly log: Logger;
}

export class Worker {
  readonly #parts: WorkerParts;
  /** Fencing tokens of the claims that this process knows of: from before their commit until their outcome is written. */
  readonly held = new Set<number>();
  #claims = 0;
  #claiming = true;
  #stopping = false;
  #claimUnderWay = false;
  /** Where the last look at lanes stopped, if there were more than it had time for. */
  #reached: ClaimRound["reached"] = null;
  /** Passes under way. */
  #running = 0;
  #loops: Promise<unknown> = Promise.resolve();

  constructor(parts: WorkerParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#loops = Promise.all([this.#loop("ending"), this.#loop("row")]);
  }

  /** Claims nothing any more; goes on deciding. */
  stopClaiming(): void {
    this.#claiming = false;
  }

  /** Ends when no turn is running and everything in the mailbox has been decided (or `giveUp` resolves). */
  async stop(giveUp: Promise<unknown>): Promise<void> {
    this.stopClaiming();
    this.#stopping = true;
    this.#nudgeBoth();
    await Promise.race([this.#loops, giveUp]);
  }

  #nudgeBoth(): void {
    this.#parts.mailbox.nudge("ending");
    this.#parts.mailbox.nudge("row");
  }

  /** What one lane decides may give the other one work. */
  #isDone(): boolean {
    const { mailbox } = this.#parts;
    return this.#stopping && this.#running === 0 && mailbox.total === 0;
  }

  async #loop(lane: Lane): Promise<void> {
    const { mailbox, log } = this.#parts;
    while (!this.#isDone()) {
      if (mailbox.size(lane) === 0 && !(lane === "row" && this.#mayClaim())) await mailbox.wait(lane);
      this.#running++;
      try {
        await this.#pass(lane);
      } catch (error) {
        log.error({ err: error, lane }, "a pass of the worker failed");
        await pause(100);
      }
      this.#running--;
      if (this.#isDone()) this.#nudgeBoth();
    }
    this.#nudgeBoth();
  }

  async #pass(lane: Lane): Promise<void> {
    const { mailbox } = this.#parts;
    const self = this.#parts.self();
    if (self === null) return pause(50);
    const alone = (item: Item) => isBulk(item) || item.busy >= limits.busyTriesMax;
    const items = mailbox.take(lane, limits.commandBatchMax, alone);
    const [first] = items;
    const bulk = first !== undefined && isBulk(first);
    const patient = first !== undefined && first.busy >= limits.busyTriesMax;
    if (patient && !bulk && lane === "ending") items.push(...mailbox.takeSame(lane, first, limits.commandBatchMax));
    if (lane === "ending" && items.length > 0) items.unshift(...mailbox.takeStarted(new Set(items.map(targetOf))));
    const round = this.#roundFor(lane, self.id);
    if (items.length > 0 || round !== null) await this.#attempt(lane, self.ground, items, round, { patient, bulk });
  }

  #mayClaim(): boolean {
    return this.#claiming && !this.#claimUnderWay && this.#parts.slots.free() > 0 && this.#parts.hunger.hungry;
  }

  /** Row turns look for work where there may be some; ending turns take what they made ready, where nothing else waits. */
  #roundFor(lane: Lane, owner: number): ClaimRound | null {
    const { slots, hunger } = this.#parts;
    // One round at a time: two would count the same slots.
    if (this.#claimUnderWay) return null;
    if (lane === "ending") return this.#claiming && hunger.sated && slots.free() > 0 ? this.#round(owner) : null;
    if (!this.#mayClaim()) return null;
    hunger.eat();
    const round = this.#round(owner);
    round.reached = this.#reached;
    return round;
  }

  #round(owner: number): ClaimRound {
    const { slots, claimsMax } = this.#parts;
    this.#claimUnderWay = true;
    return new ClaimRound(slots, claimsMax, () => {
      // Unique for ever: a worker id is never used again.
      const claimId = owner * 2 ** 31 + ++this.#claims;
      this.held.add(claimId);
      return { owner, claimId };
    });
  }

  async #attempt(
    lane: Lane,
    ground: Ground,
    items: readonly Item[],
    round: ClaimRound | null,
    manner: Manner,
  ): Promise<void> {
    const started = performance.now();
    const telling = this.#parts.effects.telling();
    let decided: Decided;
    try {
      decided = await turn(this.#parts.db, ground, lane, items, round, manner);
    } catch (error) {
      if (isBroken(error)) telling.unknown();
      else telling.nothing();
      if (round === null) return this.#recover(lane, ground, items, manner, error);
      this.#giveUp(lane, round);
      if (isTransient(error) || error instanceof TooLarge) return this.#recover(lane, ground, items, manner, error);
      // It may have been the claim: then the commands are not to blame.
      this.#parts.log.error({ err: error, lane }, "a turn that claimed failed; it is taken again without");
      if (items.length > 0) return this.#attempt(lane, ground, items, null, manner);
      return pause(1_000);
    }
    if (round !== null) this.#claimed(lane, decided.claimed.length, round);
    metrics.turns.add(1, lane);
    metrics.turnSeconds.observe((performance.now() - started) / 1000, lane);
    try {
      this.#follow(lane, decided);
    } finally {
      telling.done(decided.scene.events, decided.scene.eventIds);
    }
  }

  #claimed(lane: Lane, claims: number, round: ClaimRound): void {
    const { hunger, mailbox } = this.#parts;
    this.#claimUnderWay = false;
    if (lane === "row") {
      this.#reached = round.reached;
      hunger.fed(claims, round);
    } else mailbox.nudge("row");
  }

  /** Nothing was claimed, or nobody knows: what was is not in `held`, and is given back with the next renewal. */
  #giveUp(lane: Lane, round: ClaimRound): void {
    for (const claimId of round.tokens) this.held.delete(claimId);
    this.#claimUnderWay = false;
    if (lane === "row") this.#parts.hunger.fed(0, { moreHere: true, moreElsewhere: false });
    else this.#parts.mailbox.nudge("row");
  }

  async #recover(lane: Lane, ground: Ground, items: readonly Item[], manner: Manner, error: unknown): Promise<void> {
    const { mailbox, log } = this.#parts;
    const [only] = items;
    if (isLockFault(error)) {
      for (const item of items) this.#again(item, lane);
    } else if (isTransient(error)) {
      if (!isBroken(error)) log.warn({ err: error, lane, commands: items.length }, "a turn is taken again");
      mailbox.putBack(lane, items);
      await pause(Math.random() * 400);
    } else if (items.length > 1) {
      if (!(error instanceof TooLarge))
        log.error({ err: error, lane, commands: items.length }, "a turn failed; looking for the command at fault");
      const half = items.length >> 1;
      await this.#attempt(lane, ground, items.slice(0, half), null, manner);
      await this.#attempt(lane, ground, items.slice(half), null, manner);
    } else if (error instanceof TooLarge && only && !only.bulk) {
      only.bulk = true;
      mailbox.putBack(lane, [only]);
    } else {
      log.error({ err: error, lane, command: only?.command }, "a command could not be decided");
      if (only) this.#park(only, error);
    }
  }

  /** Its row or batch is held by another turn: at once the first time, then after others. */
  #again(item: Item, lane: Lane): void {
    item.busy++;
    if (item.busy === 1) this.#parts.mailbox.put(item, lane);
    else this.#parts.mailbox.putLater(item, lane, Math.random() * Math.min(500, 10 * 2 ** item.busy));
  }

  /** After the commit: what cannot be done any more is logged, and the rest is done all the same. */
  #follow(lane: Lane, { scene, settled, busy, claimed }: Decided): void {
    const { effects } = this.#parts;
    for (const { item, answer } of settled) this.#settle(item, answer);
    this.#safely(() => effects.flush());
    for (const one of claimed) this.#safely(() => effects.start(one));
    metrics.claims.add(claimed.length);
    for (const event of scene.events) metrics.transitions.add(1, event.from, event.to);
    for (const item of busy) this.#again(item, lane);
    // What this turn held was passed over by whoever looked for work meanwhile, even if nothing changed: so it is told again.
    if (scene.woken || [...scene.rows.values()].some(isReady)) this.#safely(() => effects.ready());
    const { earliestDue } = scene;
    if (earliestDue !== null) this.#safely(() => effects.armed(earliestDue));
    if (scene.deliveries.length > 0 || scene.unheld.size > 0) this.#safely(() => effects.deliveries());
  }

  #settle(item: Item, answer: Answer | null): void {
    metrics.commands.add(1, item.from === "client" ? item.command.verb : item.command.type, outcomeOf(answer));
    if (item.from === "client") this.#safely(() => item.settle(answer));
    else if ("claimId" in item.command) this.held.delete(item.command.claimId);
  }

  #park(item: Item, error: unknown): void {
    const { effects } = this.#parts;
    metrics.poison.add(1);
    this.#safely(() => effects.park(item, String(error)));
    // A call may have been made: its claim is put back in doubt, not as if it had not. After a pause, since the next call may
    // end the same way; meanwhile the claim counts as held, so that the leases do not give it back sooner.
    if (item.from === "rim" && "claimId" in item.command && item.command.type !== "lease_expired") {
      const back: LocalCommand = { ...claimOf(item.command), type: "lease_expired" };
      setTimeout(() => this.#parts.mailbox.tell(back), limits.poisonPauseMs).unref();
      return;
    }
    const answer = { status: 503, id: targetOf(item), error: "The command could not be decided and was parked" };
    this.#settle(item, answer);
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

const isBulk = (item: Item): boolean => isWhole(item) || item.bulk === true;
const claimOf = ({ task, claimId }: { task: string; claimId: number }) => ({ task, claimId });
const outcomeOf = (answer: Answer | null): string => (answer === null || answer.status < 300 ? "done" : "rejected");
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
