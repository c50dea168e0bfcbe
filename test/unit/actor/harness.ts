// A batch in memory that lives by the actor's own decisions: each command is one turn, which has in hand what a turn would
// have loaded, reads relatives from the rows and links as they stand, and keeps what it changed for the next one. What a
// turn leaves, because its budget is small, is done by portions. Gets the same commands as the reference model. Time moves
// on by a second with each command, and to where a timer goes off when that is the command.
import { type Outstanding, take } from "#actor/portions/portion";
import { propagate, type Relatives } from "#actor/propagation/propagate";
import { completeBatches } from "#actor/turn/conclude";
import { holdBatches } from "#actor/turn/lock-and-load";
import { limits } from "#config";
import type { Answer } from "#domain/command";
import { decideBatch, isAtOnce } from "#domain/commands/batch-commands";
import { decideTask, settle } from "#domain/commands/task-commands";
import type { StepChanges } from "#domain/portions/outstanding";
import { visitOutstanding } from "#domain/portions/visit";
import { type DecidedCommand, writeDown } from "#domain/portions/write-down";
import { edgeOf, needsSuccess, reasonOf } from "#domain/propagation/edges";
import { answerOf, type Step, type Work } from "#domain/propagation/work";
import { type BatchRow, isFinal, type Link, type TaskEventRow, type TaskRow } from "#domain/row";
import { TurnState } from "#domain/turn/state";
import { advance } from "#domain/turn/step";
import type { Outcome } from "#machines/task";
import type { BatchCommand, Outcome as Taken, TaskCommand, TaskSpec } from "#test/reference";
import { always, ask, batchId, batchOf, env, nobody, relativesIn, start, task } from "./rows.ts";

const client = new Set<TaskCommand>(["succeed", "fail", "skip", "cancel", "pause", "resume"]);
const overrides: Partial<Record<TaskCommand, Outcome>> = {
  ...{ override_success: "Success", override_failure: "Failure", override_skipped: "Skipped" },
};
const sizes = limits as { portionTasksMax: number };
const wholeTasksMax = limits.portionTasksMax;

export class Harness {
  readonly rows = new Map<string, TaskRow>();
  readonly links: Link[] = [];
  readonly events: TaskEventRow[] = [];
  /** By task, in order: `success`, `failure`, `cancel:<attempt>`. */
  readonly delivered = new Map<string, string[]>();
  readonly works: Work[] = [];
  readonly steps = new Map<string, Step>();
  batch: BatchRow;
  completions = 0;
  /** Transactions that did something after a turn. */
  portions = 0;
  readonly #answers = new Map<number, Answer>();
  readonly #relatives: Relatives;
  readonly #deadEnds: boolean;
  readonly #linksMax: number;
  #now = start.getTime();
  #claims = 0;

  /** `linksMax`: what a turn and a portion may do; with less than all, sweeps are done in portions as well. */
  constructor(specs: readonly TaskSpec[], deadEnds: boolean, linksMax = Number.POSITIVE_INFINITY) {
    this.#deadEnds = deadEnds;
    this.#linksMax = linksMax;
    for (const spec of specs) this.#add(spec);
    this.batch = batchOf(specs.length, specs.length);
    this.#relatives = relativesIn(this.rows, this.links);
  }

  /** A command, and all that follows from it. */
  async tell(command: TaskCommand, id: string): Promise<Taken> {
    const outcome = await this.begin(command, id);
    await this.finish();
    return outcome;
  }

  /** A command, as far as its own turn does it. */
  async begin(command: TaskCommand, id: string): Promise<Taken> {
    const before = { ...(this.rows.get(id) as TaskRow) };
    this.#now += 1000;
    if (command === "timeout" && before.status === "Running") this.#now += before.timeout * 1000;
    if (command === "backoff_elapsed" && before.nextRetryAt)
      this.#now = Math.max(this.#now, before.nextRetryAt.getTime());
    const accepted = await this.#turn([id], (state) => this.#decide(state, state.rows.get(id) as TaskRow, command));
    const now = this.rows.get(id) as TaskRow;
    const already =
      (command === "succeed" && before.status === "Success") ||
      (command === "fail" && before.status === "Failure") ||
      (command === "skip" && before.status === "Skipped");
    if (already && accepted && now.lastUpdated === before.lastUpdated) return "already";
    return accepted ? "done" : "refused";
  }

  async tellBatch(command: BatchCommand): Promise<Answer> {
    const answer = await this.beginBatch(command);
    const { seq } = this.batch;
    await this.finish();
    return this.#answers.get(seq) ?? answer;
  }

  beginBatch(command: BatchCommand): Promise<Answer> {
    this.#now += 1000;
    return this.#turn([], (state, batch) => {
      const open = [...this.rows.values()].filter(({ status }) => !isFinal(status)).map((row) => ({ ...row }));
      if (isAtOnce(state, batch)) visitOutstanding(state, state.add(open));
      return decideBatch(state, ask(command, batchId), nobody).answer;
    });
  }

  async finish(): Promise<void> {
    while (await this.portion());
  }

  /** The next portion of what is outstanding; false: nothing is. */
  async portion(): Promise<boolean> {
    if (this.batch.works === 0) return false;
    if (this.portions++ > 10_000) throw new Error("The portions come to no end");
    await this.#within(async () => {
      const { state, batch } = this.#open();
      const size = Math.min(1, Math.max(1, this.#linksMax) / limits.portionLinksMax);
      await take(this.#outstanding(), state, batch, size);
      this.#write(state, completeBatches(state));
    });
    return true;
  }

  #turn<T>(ids: readonly string[], decide: (state: TurnState, batch: BatchRow) => T): Promise<T> {
    return this.#within(async () => {
      const { state, batch } = this.#open();
      visitOutstanding(state, state.add(ids.map((id) => ({ ...(this.rows.get(id) as TaskRow) }))));
      state.cause = ++batch.seq;
      const command: DecidedCommand = { ...nobody, batchId, cause: state.cause, answer: { status: 200, id: batchId } };
      const result = decide(state, batch);
      const mayClimb = !state.isPropagating(batchId);
      await propagate(state, this.#relatives, {
        linksMax: this.#linksMax,
        tasksMax: state.changed.size + this.#linksMax,
        ...{ rankMin: 0, rankMax: Number.POSITIVE_INFINITY, mayClimb: () => mayClimb },
      });
      const complete = completeBatches(state);
      // A sweep writes itself down.
      const isSwept = state.addedWorks.length > 0;
      for (const step of writeDown(state, isSwept ? [] : [command]).steps) this.#keep(step);
      this.#write(state, complete);
      return result;
    });
  }

  /** With other sizes than the program's own. */
  async #within<T>(work: () => Promise<T>): Promise<T> {
    if (this.#linksMax < Number.POSITIVE_INFINITY) sizes.portionTasksMax = 1;
    try {
      return await work();
    } finally {
      sizes.portionTasksMax = wholeTasksMax;
    }
  }

  #open(): { state: TurnState; batch: BatchRow } {
    const batch = { ...this.batch };
    const state = new TurnState(
      { ...env, deadEnds: this.#deadEnds },
      {
        now: new Date(this.#now),
        mayBecomeActive: true,
        hasQueuesToSee: false,
        hasKeyTemplates: false,
        hasBatchWork: false,
        hasUnsent: false,
        askedMs: 0,
        opensAt: null,
      },
    );
    holdBatches(state, [batch], structuredClone(this.works));
    return { state, batch };
  }

  #outstanding(): Outstanding {
    const isDown = ({ step }: Step) => step !== "up";
    return {
      relatives: this.#relatives,
      nextSteps: async (max) => {
        const all = [...this.steps.values()].map((step) => {
          const { status, children } = this.rows.get(step.taskId) as TaskRow;
          return { ...step, status, children };
        });
        const down = all.filter(isDown).sort((a, b) => a.rank - b.rank);
        return (down.length > 0 ? down : all.sort((a, b) => b.rank - a.rank)).slice(0, max);
      },
      unfinishedRanks: async (after, upto) =>
        [...this.rows.values()]
          .filter(({ rank, status }) => rank > after && rank <= upto && !isFinal(status))
          .map((row) => ({ ...row })),
      writeSteps: ({ added, moved, gone }: StepChanges) => {
        for (const step of gone) this.steps.delete(keyOf(step));
        for (const step of [...added, ...moved]) this.#keep(step);
      },
      causes: async () => ({
        lowest: this.steps.size === 0 ? null : Math.min(...[...this.steps.values()].map(({ cause }) => cause)),
        aside: [],
      }),
    };
  }

  /** As the table does: one row a task and step, which keeps the lower cause. */
  #keep(step: Step): void {
    const cause = Math.min(step.cause, this.steps.get(keyOf(step))?.cause ?? step.cause);
    this.steps.set(keyOf(step), { ...step, cause });
  }

  #write(state: TurnState, complete: readonly BatchRow[]): void {
    for (const { row, event, as, by } of state.namedLosses) {
      row.failureReason = reasonOf({ as, by }, by.parent);
      event.reason = row.failureReason;
    }
    for (const row of state.changed) this.rows.set(row.id, row);
    this.events.push(...state.events);
    for (const { row, on, attempt } of state.pendingDeliveries)
      this.delivered.get(row.id)?.push(on === "cancel" ? `cancel:${attempt}` : on);
    this.batch = state.batches.get(batchId) as BatchRow;
    this.completions += complete.length;
    if (complete.length > 0) this.steps.clear();
    const works = state.worksOf(batchId);
    for (const work of works) if (work.done) this.#answers.set(work.seq, answerOf(work, this.batch.total) as Answer);
    this.works.splice(0, this.works.length, ...works.filter(({ done }) => !done));
  }

  #decide(state: TurnState, row: TaskRow, command: TaskCommand): boolean {
    const as = overrides[command];
    if (as !== undefined) {
      const override = { status: as, reason: "Overridden" };
      return decideTask(state, ask("override", row.id, { override })).status === 200;
    }
    if (client.has(command)) return decideTask(state, ask(command as "succeed", row.id)).status === 200;
    if (command === "claim") {
      if (!advance(state, row, { type: "claim" })) return false;
      row.owner = 1;
      row.claimId = ++this.#claims;
      row.firstClaimedAt ??= state.now;
      row.startedAt = state.now;
      return true;
    }
    // How these come about is no matter of the batch.
    if (command === "expire") return advance(state, row, { type: command }, { reason: "Not started in time" });
    if (command === "overrun") return advance(state, row, { type: command }, { reason: "Ran too long" });
    if (command === "timeout" || command === "backoff_elapsed") {
      if (row.status !== (command === "timeout" ? "Running" : "Retrying")) return false;
      return settle(state, { type: "due", task: row.id, ends: true });
    }
    const more = { reason: "Start failed", waitMs: 0, host: "service:80", error: "connect refused", counts: true };
    return settle(state, { type: command, task: row.id, claimId: row.claimId ?? -1, ...more } as Parameters<
      typeof settle
    >[1]);
  }

  #add({ id, dependencies = [], dead_end_barrier = false, dead_end, join, retry, paused }: TaskSpec): void {
    const links = dependencies.map((edge): Link => {
      const { requires_success = null, condition = null } = edge;
      return { parent: edge.id, child: id, edge: edgeOf(requires_success, condition) };
    });
    const joinsAny = join === "any";
    const rank = this.rows.size;
    this.links.push(...links);
    this.delivered.set(id, []);
    this.rows.set(
      id,
      task({
        ...{ id, rank, pos: rank, joinsAny, deadEndBarrier: dead_end_barrier, deadEndKeep: dead_end === "keep" },
        retry: retry ? { ...always, ...retry } : null,
        status: paused ? "Paused" : links.length > 0 ? "Waiting" : "Pending",
        waitFinished: links.length,
        waitSuccess: joinsAny ? 0 : links.filter(({ edge }) => needsSuccess(edge)).length,
      }),
    );
    for (const { parent } of links) {
      const row = this.rows.get(parent) as TaskRow;
      this.rows.set(parent, { ...row, children: row.children + 1, openChildren: row.openChildren + 1 });
    }
  }
}

const keyOf = ({ taskId, step }: Step): string => `${step}:${taskId}`;
