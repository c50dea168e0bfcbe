// A second opinion: a batch of tasks as the contract describes it (sections 2 and 5), in the simplest code that can be
// checked by reading. It shares nothing with the system. Property tests tell both the same commands and compare what
// `tasks` says. Time, leases and rules are outside: what they bring about is a command here.

// biome-ignore format: one line says it all
export type Status = "Waiting" | "Pending" | "Claimed" | "Running" | "Retrying" | "Paused" | "Success" | "Failure" | "Canceled" | "Skipped";
export type Cause = "timeout" | "start_failure" | "explicit";

/** A task as `POST /task` takes it; a dependency names an earlier task of the list. */
export interface TaskSpec {
  readonly id: string;
  readonly dependencies?: readonly {
    readonly id: string;
    readonly requires_success?: boolean;
    readonly condition?: "always" | "on_success" | "on_failure";
  }[];
  readonly dead_end_barrier?: boolean;
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
  backoff: boolean;
  /** What must have been delivered, in order: `success`, `failure`, `cancel:<attempt>`. */
  readonly delivered: string[];
}

// biome-ignore format: one line each
export const taskCommands = [
  "claim", "started", "start_deferred", "start_failed", "lease_expired", "backoff_elapsed", "timeout",
  "succeed", "fail", "cancel", "pause", "resume",
] as const;
export const batchCommands = ["stop_batch", "pause_batch", "resume_batch"] as const;
export type TaskCommand = (typeof taskCommands)[number];
export type BatchCommand = (typeof batchCommands)[number];

/** `already`: a report of what is so anyway (200, nothing changes). `refused`: nothing changes. */
export type Outcome = "done" | "already" | "refused";

type Needs = "finish" | "required" | "success" | "failure";
interface Edge {
  readonly parent: Task;
  readonly child: Task;
  readonly needs: Needs;
}

const isFinal = (task: Task) => ["Success", "Failure", "Canceled", "Skipped"].includes(task.status);
const failed = (task: Task) => task.status === "Failure" || task.status === "Canceled";

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

  constructor(specs: readonly TaskSpec[], options: { readonly deadEnds?: boolean } = {}) {
    this.#deadEnds = options.deadEnds ?? true;
    for (const spec of specs) this.#add(spec);
    if (specs.length === 0) this.completions = 1;
  }

  get completed(): boolean {
    return [...this.tasks.values()].every(isFinal);
  }

  tell(command: TaskCommand, id: string): Outcome {
    const task = this.tasks.get(id);
    if (!task) throw new Error(`No task ${id}`);
    if (command === "succeed" && task.status === "Success") return "already";
    if (command === "fail" && task.status === "Failure") return "already";
    if (isFinal(task)) return "refused";
    const accepted = this.#one(command, task);
    this.#spread();
    return accepted ? "done" : "refused";
  }

  /** How many tasks changed their state. */
  tellBatch(command: BatchCommand): number {
    const before = [...this.tasks.values()].map((task) => task.status);
    const open = [...this.tasks.values()].filter((task) => !isFinal(task));
    if (command === "stop_batch") {
      for (const task of open) this.#cancel(task, "Batch stopped");
      // Every task was canceled itself: there is nobody left to hear of it.
      this.#complete();
    }
    for (const task of open) {
      const active = task.status === "Claimed" || task.status === "Running";
      if (command === "pause_batch" && active) task.pauseRequested = true;
      if (command === "pause_batch" && !active) this.#one("pause", task);
      if (command === "resume_batch" && active) task.pauseRequested = false;
      if (command === "resume_batch" && !active) this.#one("resume", task);
    }
    return [...this.tasks.values()].filter((task, n) => task.status !== before[n]).length;
  }

  #add(spec: TaskSpec): void {
    const task: Task = {
      id: spec.id,
      status: "Pending",
      wait_finished: 0,
      wait_success: 0,
      attempt: 0,
      reason: null,
      inDoubt: false,
      pauseRequested: false,
      backoff: false,
      delivered: [],
    };
    for (const { id, requires_success, condition } of spec.dependencies ?? []) {
      const parent = this.tasks.get(id);
      if (!parent) throw new Error(`${spec.id} depends on ${id}, which is not an earlier task`);
      const needs: Needs = requires_success
        ? "required"
        : condition === "on_success"
          ? "success"
          : condition === "on_failure"
            ? "failure"
            : "finish";
      this.#edges.push({ parent, child: task, needs });
      task.wait_finished += 1;
      if (needs === "required" || needs === "success") task.wait_success += 1;
      task.status = "Waiting";
    }
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
        return is("Pending") && this.#set(task, { status: "Claimed", inDoubt: false });
      case "started":
        if (doubt) return this.#set(task, { status: "Running", inDoubt: false, pauseRequested: is("Paused") });
        return is("Claimed") && this.#set(task, { status: "Running" });
      case "start_deferred":
        return is("Claimed") && this.#comeBack(task, "Pending");
      case "lease_expired":
        return is("Claimed") && this.#comeBack(task, "Pending") && this.#set(task, { inDoubt: true });
      case "start_failed":
        return is("Claimed") && this.#fail(task, "start_failure", "Start failed");
      case "succeed":
        return (is("Claimed", "Running") || doubt) && this.#end(task, "Success", null);
      case "fail":
        return (is("Claimed", "Running") || doubt) && this.#fail(task, "explicit", "Failed");
      case "timeout":
        if (!is("Running")) return false;
        task.delivered.push(`cancel:${task.attempt}`);
        return this.#fail(task, "timeout", "Timeout");
      case "backoff_elapsed":
        return is("Retrying") && this.#set(task, { status: "Pending", attempt: task.attempt + 1, backoff: false });
      case "cancel":
        return this.#cancel(task, null);
      case "pause":
        return is("Waiting", "Pending", "Retrying") && this.#set(task, { status: "Paused" });
      case "resume": {
        const missing = task.wait_finished > 0 || task.wait_success > 0;
        return is("Paused") && this.#set(task, { status: missing ? "Waiting" : task.backoff ? "Retrying" : "Pending" });
      }
    }
  }

  #set(task: Task, to: Partial<Omit<Task, "id" | "delivered">>): true {
    Object.assign(task, to);
    return true;
  }

  /** Paused instead, where its batch was paused meanwhile or it is paused anyway. */
  #comeBack(task: Task, to: "Pending" | "Retrying"): true {
    const held = task.pauseRequested || task.status === "Paused";
    return this.#set(task, { status: held ? "Paused" : to, pauseRequested: false, inDoubt: false });
  }

  #fail(task: Task, cause: Cause, reason: string): true {
    const { max_retries = 0, retry_on = ["timeout", "start_failure", "explicit"] } =
      this.#specs.get(task.id)?.retry ?? {};
    if (task.attempt >= max_retries || !retry_on.includes(cause)) return this.#end(task, "Failure", reason);
    return this.#comeBack(task, "Retrying") && this.#set(task, { backoff: true });
  }

  #cancel(task: Task, reason: string | null): true {
    if (task.status === "Claimed" || task.status === "Running") task.delivered.push(`cancel:${task.attempt}`);
    return this.#end(task, "Canceled", reason);
  }

  #end(task: Task, status: "Success" | "Failure" | "Canceled" | "Skipped", reason: string | null): true {
    if (status === "Success") task.delivered.push("success");
    if (status === "Failure") task.delivered.push("failure");
    this.#ended.add(task);
    return this.#set(task, { status, reason });
  }

  /** What the ends of this command mean for the others: down to the children, then up to parents without a purpose. */
  #spread(): void {
    // Dependencies name earlier tasks, so in the order of creation every parent has ended before its child is asked.
    for (const child of this.tasks.values()) if (!isFinal(child)) this.#hear(child);
    if (this.#deadEnds) this.#climb();
    this.#complete();
  }

  #hear(child: Task): void {
    const news = this.#edges.filter((edge) => edge.child === child && this.#ended.has(edge.parent));
    if (news.length === 0) return;
    const lost = (needs: Needs, met: (parent: Task) => boolean) =>
      news.find((edge) => edge.needs === needs && !met(edge.parent))?.parent;
    const succeeded = (parent: Task) => parent.status === "Success";
    const required = lost("required", succeeded);
    if (required) return void this.#end(child, "Failure", `Required parent task ${required.id} failed`);
    if (lost("success", succeeded) || lost("failure", failed)) return void this.#end(child, "Skipped", null);
    child.wait_finished -= news.length;
    child.wait_success -= news.filter(({ needs }) => needs === "required" || needs === "success").length;
    if (child.status === "Waiting" && child.wait_finished === 0) child.status = "Pending";
  }

  #climb(): void {
    for (let from = this.#ended; from.size > 0; ) {
      const stranded = new Set<Task>();
      for (const { parent, child } of this.#edges) {
        const kids = this.#edges.filter((edge) => edge.parent === parent);
        if (from.has(child) && !isFinal(parent) && kids.every((kid) => isFinal(kid.child))) stranded.add(parent);
      }
      for (const parent of stranded) this.#cancel(parent, "All child tasks already terminated");
      // A barrier that was canceled for this reason does not pass it on.
      from = new Set([...stranded].filter((parent) => !this.#specs.get(parent.id)?.dead_end_barrier));
    }
  }

  #complete(): void {
    if (this.#ended.size > 0 && this.completed) this.completions += 1;
    this.#ended = new Set();
  }
}
