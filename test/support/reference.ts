// A second opinion: a batch of tasks as the contract describes it (sections 2 and 5), in the simplest code that can be
// checked by reading. It shares nothing with the system. Property tests tell both the same commands and compare what
// `tasks` says. Time, leases and rules are outside: what they bring about is a command here.

import { meet, type Needs, needsOf } from "#test/reference-edges";

// biome-ignore format: one line says it all
export type Status = "Waiting" | "Pending" | "Claimed" | "Running" | "Retrying" | "Paused" | "Success" | "Failure" | "Canceled" | "Skipped";
type End = "Success" | "Failure" | "Canceled" | "Skipped";
export type Cause = "timeout" | "start_failure" | "explicit";

/** A task as `POST /task` takes it; a dependency names an earlier task of the list. */
export interface TaskSpec {
  readonly id: string;
  readonly dependencies?: readonly {
    readonly id: string;
    readonly requires_success?: boolean;
    readonly condition?: "always" | "on_success" | "on_failure" | "none_failed";
  }[];
  readonly dead_end_barrier?: boolean;
  readonly dead_end?: "cancel" | "keep";
  readonly join?: "all" | "any";
  readonly paused?: boolean;
  readonly retry?: { readonly max_retries: number; readonly retry_on?: readonly Cause[] };
}

export interface Task {
  readonly id: string;
  status: Status;
  /** Compare both only while the task is not final: the contract does not say what they are worth then. */
  wait_finished: number;
  wait_success: number;
  attempt: number;
  /** One of the reasons that hold, with local ids; several parents may be lost at once. */
  reason: string | null;
  inDoubt: boolean;
  pauseRequested: boolean;
  /** Paused with its batch, so that a resume of the batch opens it. */
  pausedByBatch: boolean;
  backoff: boolean;
  /** Claimed before, and not put back. */
  wasClaimed: boolean;
  /** What must have been delivered, in order: `success`, `failure`, `cancel:<attempt>`. */
  readonly delivered: string[];
}

// biome-ignore format: one line each
export const taskCommands = [
  "claim", "started", "start_deferred", "start_unsent", "start_failed", "start_unanswered", "lease_expired", "backoff_elapsed", "timeout",
  "expire", "overrun", "succeed", "fail", "skip", "cancel", "override_success", "override_failure", "override_skipped", "pause", "resume",
] as const;
/** A claim that was put back is none. */
const putBacks: ReadonlySet<TaskCommand> = new Set(["start_deferred", "start_unsent"]);
const overrides = { override_success: "Success", override_failure: "Failure", override_skipped: "Skipped" } as const;
const reports: Partial<Record<TaskCommand, Status>> = { succeed: "Success", fail: "Failure", skip: "Skipped" };
export const batchCommands = ["stop_batch", "pause_batch", "resume_batch"] as const;
export type TaskCommand = (typeof taskCommands)[number];
export type BatchCommand = (typeof batchCommands)[number];

/** `already`: a report of what is so anyway (200, nothing changes). `refused`: nothing changes. */
export type Outcome = "done" | "already" | "refused";

interface Edge {
  readonly parent: Task;
  readonly child: Task;
  readonly needs: Needs;
}

const isFinal = (task: Task) => ["Success", "Failure", "Canceled", "Skipped"].includes(task.status);
const none: ReadonlySet<string> = new Set();
const isMet = ({ needs, parent }: Edge) => meet(needs, parent.status);

export class Reference {
  /** By local id, in the order of creation. */
  readonly tasks = new Map<string, Task>();
  /** How often the batch was completed; may never exceed 1. */
  completions = 0;
  readonly #specs = new Map<string, TaskSpec>();
  readonly #edges: Edge[] = [];
  readonly #deadEnds: boolean;
  /** Tasks that became final by the present command. */
  #ended = new Set<Task>();

  /** `paused`: the batch is created paused. `omitted`: tasks that are left out because one like them exists. */
  constructor(specs: readonly TaskSpec[], { deadEnds = true, paused = false, omitted = none } = {}) {
    this.#deadEnds = deadEnds;
    for (const spec of specs) if (!omitted.has(spec.id)) this.#add(spec, paused, omitted);
    if (specs.length === 0) this.completions = 1;
  }

  get completed(): boolean {
    return [...this.tasks.values()].every(isFinal);
  }

  tell(command: TaskCommand, id: string): Outcome {
    const task = this.tasks.get(id);
    if (!task) throw new Error(`No task ${id}`);
    if (reports[command] === task.status) return "already";
    if (isFinal(task)) return "refused";
    const { status } = task;
    const accepted = this.#one(command, task);
    if (status === "Claimed" && task.status !== "Claimed" && !putBacks.has(command)) task.wasClaimed = true;
    this.#propagate();
    return accepted ? "done" : "refused";
  }

  /** How many tasks changed their state. */
  tellBatch(command: BatchCommand): number {
    const before = [...this.tasks.values()].map((task) => task.status);
    const open = [...this.tasks.values()].filter((task) => !isFinal(task));
    if (command === "stop_batch") {
      for (const task of open) this.#stop(task, "Canceled", "Batch stopped");
      // Every task was canceled itself: there is nobody left to hear of it.
      this.#complete();
    }
    for (const task of open) {
      const active = task.status === "Claimed" || task.status === "Running";
      if (command === "pause_batch" && active && !task.pauseRequested)
        this.#set(task, { pauseRequested: true, pausedByBatch: true });
      if (command === "pause_batch" && !active && this.#one("pause", task)) task.pausedByBatch = true;
      if (command === "resume_batch" && active && task.pausedByBatch) this.#set(task, { pauseRequested: false });
      if (command === "resume_batch" && !active && task.pausedByBatch) this.#one("resume", task);
    }
    return [...this.tasks.values()].filter((task, n) => task.status !== before[n]).length;
  }

  #add(spec: TaskSpec, batchPaused: boolean, omitted: ReadonlySet<string>): void {
    const task: Task = {
      ...{ id: spec.id, status: "Pending", wait_finished: 0, wait_success: 0, attempt: 0, reason: null },
      ...{ inDoubt: false, pauseRequested: false, pausedByBatch: false, backoff: false },
      ...{ wasClaimed: false, delivered: [] },
    };
    for (const dependency of spec.dependencies ?? []) {
      if (omitted.has(dependency.id)) continue;
      const parent = this.tasks.get(dependency.id);
      if (!parent) throw new Error(`${spec.id} depends on ${dependency.id}, which is not an earlier task`);
      const needs = needsOf(dependency);
      this.#edges.push({ parent, child: task, needs });
      task.wait_finished += 1;
      if (spec.join !== "any" && (needs === "required" || needs === "success")) task.wait_success += 1;
      task.status = "Waiting";
    }
    const isMetAlready = spec.join === "any" && spec.dependencies?.some(({ id }) => omitted.has(id));
    if (isMetAlready) Object.assign(task, { status: "Pending", wait_finished: 0 });
    if (spec.paused || batchPaused) this.#set(task, { status: "Paused", pausedByBatch: !spec.paused });
    this.tasks.set(spec.id, task);
    this.#specs.set(spec.id, spec);
  }

  /** One command on one task that is not final. */
  #one(command: TaskCommand, task: Task): boolean {
    const { status } = task;
    const is = (...some: Status[]) => some.includes(status);
    const doubt = task.inDoubt && is("Pending", "Paused");
    switch (command) {
      case "claim":
        return is("Pending") && this.#set(task, { status: "Claimed" });
      case "started":
        if (doubt) return this.#set(task, { status: "Running", inDoubt: false, pauseRequested: is("Paused") });
        return is("Claimed") && this.#set(task, { status: "Running", inDoubt: false });
      case "start_deferred":
      case "start_unsent":
        return is("Claimed") && this.#comeBack(task, "Pending", task.inDoubt);
      case "lease_expired":
        return is("Claimed") && this.#comeBack(task, "Pending", true);
      case "start_failed":
        return is("Claimed") && this.#fail(task, "start_failure", "Start failed");
      case "start_unanswered":
        if (!is("Claimed")) return false;
        task.delivered.push(`cancel:${task.attempt}`);
        return this.#fail(task, "start_failure", "Start failed");
      case "succeed":
        return (is("Claimed", "Running") || doubt) && this.#end(task, "Success", null);
      case "fail":
        return (is("Claimed", "Running") || doubt) && this.#fail(task, "explicit", "Failed");
      case "timeout":
        if (!is("Running")) return false;
        task.delivered.push(`cancel:${task.attempt}`);
        return this.#fail(task, "timeout", "Timeout after 60 s");
      case "expire":
        return (
          is("Waiting", "Pending", "Paused") && !task.wasClaimed && this.#end(task, "Failure", "Not started in time")
        );
      case "overrun":
        if (!is("Claimed", "Running") && !(task.wasClaimed && is("Pending", "Retrying", "Paused"))) return false;
        if (is("Claimed", "Running") || doubt) task.delivered.push(`cancel:${task.attempt}`);
        return this.#end(task, "Failure", "Ran too long");
      case "backoff_elapsed":
        return is("Retrying") && this.#set(task, { status: "Pending", attempt: task.attempt + 1, backoff: false });
      case "skip":
        return (is("Claimed", "Running") || doubt) && this.#end(task, "Skipped", null);
      case "cancel":
        return this.#stop(task, "Canceled", null);
      case "pause":
        return is("Waiting", "Pending", "Retrying") && this.#set(task, { status: "Paused" });
      case "resume": {
        const missing = task.wait_finished > 0 || task.wait_success > 0;
        return is("Paused") && this.#set(task, { status: missing ? "Waiting" : task.backoff ? "Retrying" : "Pending" });
      }
      default:
        return this.#stop(task, overrides[command], command === "override_success" ? null : "Overridden");
    }
  }

  #set(task: Task, to: Partial<Omit<Task, "id" | "delivered">>): true {
    Object.assign(task, to);
    if (task.status !== "Paused" && !task.pauseRequested) task.pausedByBatch = false;
    return true;
  }

  /** Paused instead, where its batch was paused meanwhile or it is paused anyway; who paused it stays known. */
  #comeBack(task: Task, to: "Pending" | "Retrying", inDoubt = false): true {
    const status = task.pauseRequested || task.status === "Paused" ? "Paused" : to;
    return this.#set(task, { status, pauseRequested: false, inDoubt });
  }

  #fail(task: Task, cause: Cause, reason: string): true {
    const { max_retries = 0, retry_on = ["timeout", "start_failure", "explicit"] } =
      this.#specs.get(task.id)?.retry ?? {};
    if (task.attempt >= max_retries || !retry_on.includes(cause)) return this.#end(task, "Failure", reason);
    return this.#comeBack(task, "Retrying") && this.#set(task, { backoff: true });
  }

  /** Ended from outside: a service that may be at work on it is asked to stop. */
  #stop(task: Task, status: End, reason: string | null): true {
    if (["Claimed", "Running"].includes(task.status) || task.inDoubt) task.delivered.push(`cancel:${task.attempt}`);
    return this.#end(task, status, reason);
  }

  #end(task: Task, status: End, reason: string | null): true {
    if (status === "Success") task.delivered.push("success");
    if (status === "Failure") task.delivered.push("failure");
    this.#ended.add(task);
    return this.#set(task, { status, reason });
  }

  /** What the ends of this command mean for the others: down to the children, then up to parents without a purpose. */
  #propagate(): void {
    // Dependencies name earlier tasks, so in the order of creation every parent has ended before its child is asked.
    for (const child of this.tasks.values()) if (!isFinal(child)) this.#hear(child);
    if (this.#deadEnds) this.#climb();
    this.#complete();
  }

  #hear(child: Task): void {
    const news = this.#edges.filter((edge) => edge.child === child && this.#ended.has(edge.parent));
    if (news.length === 0) return;
    if (this.#specs.get(child.id)?.join === "any") {
      this.#hearAny(child, news);
    } else {
      if (this.#lose(child, news)) return;
      child.wait_finished -= news.length;
      child.wait_success -= news.filter(({ needs }) => needs === "required" || needs === "success").length;
    }
    if (child.status === "Waiting" && child.wait_finished === 0) child.status = "Pending";
  }

  /** The first one that is met is enough; it is lost when none can be met any more. */
  #hearAny(child: Task, news: readonly Edge[]): void {
    if (child.wait_finished === 0) return;
    const edges = this.#edges.filter((edge) => edge.child === child);
    const left = edges.filter((edge) => !isFinal(edge.parent) || isMet(edge)).length;
    if (news.some(isMet)) child.wait_finished = 0;
    else if (left > 0) child.wait_finished = left;
    else this.#lose(child, edges);
  }

  /** Ends a child that has lost one of these; says whether it did. */
  #lose(child: Task, edges: readonly Edge[]): boolean {
    const never = edges.filter((edge) => !isMet(edge));
    const required = never.find(({ needs }) => needs === "required");
    if (required) return this.#end(child, "Failure", `Required parent task ${required.parent.id} failed`);
    return never.length > 0 && this.#end(child, "Skipped", null);
  }

  /** One dead end after the other, the last created first: the end of the last unfinished child decides. */
  #climb(): void {
    const order = [...this.tasks.values()];
    const stranded = new Set<Task>();
    const look = (child: Task) => {
      for (const { parent } of this.#edges.filter((edge) => edge.child === child)) {
        const children = this.#edges.filter((edge) => edge.parent === parent);
        const keeps = isFinal(parent) || this.#specs.get(parent.id)?.dead_end === "keep";
        if (!keeps && children.every((one) => isFinal(one.child))) stranded.add(parent);
      }
    };
    for (const child of this.#ended) look(child);
    for (let next = order.findLast((task) => stranded.delete(task)); next; ) {
      this.#stop(next, "Canceled", "All child tasks already terminated");
      // A barrier that was canceled for this reason does not pass it on.
      if (!this.#specs.get(next.id)?.dead_end_barrier) look(next);
      next = order.findLast((task) => stranded.delete(task));
    }
  }

  #complete(): void {
    if (this.#ended.size > 0 && this.completed) this.completions += 1;
    this.#ended = new Set();
  }
}
