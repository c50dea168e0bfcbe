// Walks from the tasks that ended to their relatives, step by step, within a budget. The order of steps decides; what they
// need is read ahead, for as many steps as the budget allows, so that a wide or a deep cascade takes few queries. What is
// left when the budget ends stays in the queue, and is written down as work in portions.

import { limits } from "#config";
import { visitOutstanding } from "#domain/portions/visit";
import { isMet } from "#domain/propagation/edges";
import type { ChildLink, ParentLink } from "#domain/propagation/links";
import { childEnded, climb, countEnded, judge, maxRank, tellChild } from "#domain/propagation/rules";
import type { Step } from "#domain/propagation/work";
import { isFinal, type TaskRow } from "#domain/row";
import type { TurnState } from "#domain/turn/state";
import type { Child, ChildrenAsked } from "#store/turn/relatives";

/** What is read of relatives; in batches that are locked. */
export interface Relatives {
  childLinks(asked: readonly ChildrenAsked[]): Promise<ChildLink[]>;
  parentLinks(children: readonly string[]): Promise<ParentLink[]>;
  unfinishedParents(
    children: readonly string[],
  ): Promise<{ rows: TaskRow[]; links: readonly { readonly child: string; readonly parent: string }[] }>;
  unfinishedRows(ids: readonly string[]): Promise<TaskRow[]>;
  unfinishedChildren(parents: readonly string[]): Promise<Child[]>;
  closure(ids: readonly string[], way: "down" | "up", max: number): Promise<string[]>;
}

/** How much one transaction may do, and which steps it may take. */
export interface Budget {
  readonly linksMax: number;
  readonly tasksMax: number;
  /** Steps down with a higher rank are left: others, which are not in hand, come before them. */
  readonly rankMax: number;
  /** The same for steps up, of which the highest rank goes first. */
  readonly rankMin: number;
  /** Whether steps up may be taken in this batch: not while a task in it has still to hear of a parent. */
  readonly mayClimb: (batch: string) => boolean;
}

/** After so many reads of what was next, what is further below (or above) is read along with it. */
const narrowReadsMax = 4;
const fewSteps = 8;
const guessedLinks = 8;
/** So few children are read together with the links to them: in a chain that is a round trip less for each task. */
const fewChildren = 16;

export async function propagate(state: TurnState, relatives: Relatives, budget: Budget): Promise<void> {
  if (state.ended.length === 0 && state.steps.size === 0) return;
  await new Propagation(state, relatives, budget).run();
}

class Propagation {
  readonly #state: TurnState;
  readonly #relatives: Relatives;
  readonly #budget: Budget;
  /** Links that were read ahead: of a parent from its cursor on; of a child, all; which unfinished parents a task has. */
  readonly #children = new Map<string, { links: ChildLink[]; isWhole: boolean }>();
  readonly #parents = new Map<string, ParentLink[]>();
  readonly #above = new Map<string, string[]>();
  #links = 0;
  /** Doubled by each read, so that at most about twice as many links are read as are needed. */
  #stepsUpAhead = fewSteps;
  #reads = { down: 0, judge: 0, up: 0 };

  constructor(state: TurnState, relatives: Relatives, budget: Budget) {
    this.#state = state;
    this.#relatives = relatives;
    this.#budget = budget;
  }

  async run(): Promise<void> {
    const { steps } = this.#state;
    for (;;) {
      await this.#count();
      if (this.#isSpent()) return;
      const step = steps.down() ?? steps.up();
      if (step === undefined) return;
      if (!this.#mayTake(step)) {
        if (step.step !== "up") return;
        // The steps of this batch have to wait; those of other batches need not.
        steps.leave();
        continue;
      }
      this.#state.cause = step.cause;
      if (step.step === "down") await this.#tell(step);
      else if (step.step === "judge") await this.#judge(step);
      else await this.#climb(step);
    }
  }

  #mayTake({ step, batchId, rank }: Step): boolean {
    const { rankMin, rankMax, mayClimb } = this.#budget;
    return step === "up" ? rank >= rankMin && mayClimb(batchId) : rank <= rankMax;
  }

  #isSpent(): boolean {
    return this.#links >= this.#budget.linksMax || this.#state.changed.size >= this.#budget.tasksMax;
  }

  get #linksLeft(): number {
    return Math.max(1, this.#budget.linksMax - this.#links);
  }

  /** Counts a task that ended, and takes it off the open children of its parents. */
  async #count(): Promise<void> {
    const state = this.#state;
    for (let ended = countEnded(state); ended.length > 0; ended = countEnded(state)) {
      const unread = ended.map(({ row }) => row.id).filter((id) => !this.#above.has(id));
      if (unread.length > 0) await this.#readAbove(unread);
      for (const { row: child, cause } of ended) {
        state.cause = cause;
        for (const id of this.#above.get(child.id) ?? []) childEnded(state, state.rows.get(id) as TaskRow, child);
      }
    }
  }

  /** Reads the unfinished parents of tasks that ended, and of those that are next on the way up: most of these end by that. */
  async #readAbove(ended: readonly string[]): Promise<void> {
    const next = this.#state.steps.ahead("up", this.#stepsUpAhead);
    this.#stepsUpAhead = Math.min(2 * this.#stepsUpAhead, limits.portionTasksMax);
    const ids = [...ended, ...next.map(({ taskId }) => taskId)];
    const wanted = this.#isDeep("up", ids.length)
      ? await this.#relatives.closure(ids, "up", limits.portionTasksMax)
      : [];
    const unread = [...new Set([...ids, ...wanted])].filter((id) => !this.#above.has(id));
    const { rows, links } = await this.#relatives.unfinishedParents(unread);
    this.#add(rows);
    for (const id of unread) this.#above.set(id, []);
    for (const { child, parent } of links) this.#above.get(child)?.push(parent);
  }

  /** Passes the end of a task on to its children, in the order of their ids, as far as they were read. */
  async #tell(step: Step): Promise<void> {
    const state = this.#state;
    if (!this.#children.has(step.taskId)) await this.#readChildren(step);
    const { links, isWhole } = this.#children.get(step.taskId) as { links: ChildLink[]; isWhole: boolean };
    this.#children.delete(step.taskId);
    await this.#readMet(links, () => step.status);
    let met = 0;
    for (const link of links) {
      if (met > 0 && this.#isSpent()) break;
      tellChild(state, step.batchId, link, step.status as TaskRow["status"]);
      step.after = link.child;
      this.#links++;
      met++;
    }
    if (isWhole && met === links.length) state.steps.drop(step);
  }

  /** The rows of children that a parent has met; only these are changed. */
  async #readMet(links: readonly ChildLink[], statusOf: (parent: string) => TaskRow["status"] | null): Promise<void> {
    const ids = new Set<string>();
    for (const { parent, child, edge, rank } of links) {
      const status = statusOf(parent);
      if (rank !== null && status !== null && isMet(edge, status) && !this.#state.rows.has(child)) ids.add(child);
    }
    if (ids.size > 0) this.#add(await this.#relatives.unfinishedRows([...ids]));
  }

  async #readChildren(first: Step): Promise<void> {
    const { steps, rows } = this.#state;
    let left = this.#linksLeft;
    const asked = new Map<string, ChildrenAsked>();
    const ask = (parent: string, after: string | null, upto: number, children: number) => {
      if (left <= 0 || asked.has(parent) || this.#children.has(parent)) return;
      const max = Math.min(left, limits.portionLinksMax);
      asked.set(parent, { parent, after, upto, max });
      left -= Math.min(children, max);
    };
    const askStep = ({ taskId, after, upto, children }: Step) => ask(taskId, after, upto, children);
    askStep(first);
    for (const step of steps.ahead("down", limits.portionTasksMax)) askStep(step);
    // Most tasks that are judged end by that, and their children are next.
    for (const { taskId } of steps.ahead("judge", limits.portionTasksMax)) {
      const children = rows.get(taskId)?.children ?? 0;
      if (children > 0) ask(taskId, null, maxRank, children);
    }
    const isDeep = this.#isDeep("down", asked.size);
    const isFew = !isDeep && this.#linksLeft - left <= fewChildren;
    if (isDeep)
      // These tasks have not ended, so the number of their links is an estimate.
      for (const id of await this.#relatives.closure([first.taskId], "down", limits.portionTasksMax))
        ask(id, null, maxRank, guessedLinks);
    const [all, children] = await Promise.all([
      this.#relatives.childLinks([...asked.values()]),
      isFew ? this.#relatives.unfinishedChildren([...asked.keys()]) : [],
    ]);
    for (const { row, action } of children) if (action !== undefined) this.#state.startActions.set(row.id, action);
    this.#add(children.map(({ row }) => row));
    const found = Map.groupBy(all, ({ parent }) => parent);
    const ended = new Map(
      [first, ...steps.ahead("down", limits.portionTasksMax)].map((step) => [step.taskId, step.status]),
    );
    await this.#readMet(all, (parent) => ended.get(parent) ?? null);
    for (const { parent, max } of asked.values()) {
      const links = found.get(parent) ?? [];
      this.#children.set(parent, { links, isWhole: links.length < max });
    }
  }

  /** When reads bring little and many were needed, tasks further away are read along with the next. */
  #isDeep(way: "down" | "judge" | "up", found: number): boolean {
    return ++this.#reads[way] > narrowReadsMax && found < fewSteps;
  }

  async #judge(step: Step): Promise<void> {
    const state = this.#state;
    if (!this.#parents.has(step.taskId)) await this.#readParents(step);
    const links = this.#parents.get(step.taskId) ?? [];
    this.#links += links.length;
    state.steps.drop(step);
    const row = state.rows.get(step.taskId);
    if (row !== undefined) judge(state, row, links);
  }

  async #readParents(first: Step): Promise<void> {
    const { links: all = 0, total = 1 } = this.#state.batches.get(first.batchId) ?? {};
    const linksOfOne = Math.max(1, this.#linksOfOne ?? all / total);
    const steps = this.#state.steps.ahead("judge", Math.ceil(this.#linksLeft / linksOfOne));
    const isDeep = this.#isDeep("judge", steps.length);
    const near = isDeep ? await this.#relatives.closure([first.taskId], "down", limits.portionTasksMax >> 2) : [];
    const ids = [...new Set([first.taskId, ...steps.map(({ taskId }) => taskId), ...near])];
    const unread = ids.filter((id) => !this.#parents.has(id));
    const missing = unread.filter((id) => !this.#state.rows.has(id));
    const [links, rows] = [
      await this.#relatives.parentLinks(unread),
      missing.length > 0 ? await this.#relatives.unfinishedRows(missing) : [],
    ];
    this.#add(rows);
    for (const id of unread) this.#parents.set(id, []);
    for (const link of links) this.#parents.get(link.child)?.push(link);
    this.#linksOfOne = links.length / unread.length;
    await this.#readAboveOf(unread);
  }
  /** Links of a child to its parents, as they were seen. */
  #linksOfOne: number | null = null;

  /** The unfinished parents of tasks that are likely to be lost: they are about to lose a child. */
  async #readAboveOf(children: readonly string[]): Promise<void> {
    const state = this.#state;
    const open = new Map<string, string[]>();
    for (const id of children) {
      const links = this.#parents.get(id) ?? [];
      open.set(
        id,
        links
          .filter(({ parent, status }) => !isFinal(state.rows.get(parent)?.status ?? status))
          .map(({ parent }) => parent),
      );
    }
    const missing = [...new Set([...open.values()].flat())].filter((id) => !state.rows.has(id));
    if (missing.length > 0) this.#add(await this.#relatives.unfinishedRows(missing));
    for (const [id, parents] of open)
      this.#above.set(
        id,
        parents.filter((parent) => state.rows.has(parent)),
      );
  }

  async #climb(step: Step): Promise<void> {
    const state = this.#state;
    if (!state.rows.has(step.taskId)) {
      const ids = state.steps.ahead("up", limits.portionTasksMax).map(({ taskId }) => taskId);
      this.#add(await this.#relatives.unfinishedRows(ids.filter((id) => !state.rows.has(id))));
    }
    state.steps.drop(step);
    const row = state.rows.get(step.taskId);
    if (row !== undefined) climb(state, row);
  }

  /** Applies the sweeps that have not visited this row yet, before anything else happens to it. */
  #add(rows: readonly TaskRow[]): void {
    visitOutstanding(this.#state, this.#state.add(rows));
  }
}
