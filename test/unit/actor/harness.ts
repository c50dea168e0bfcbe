// A batch in memory that lives by the actor's own decisions: each command is one turn over a scene that holds everything,
// so that no SQL is needed, and what the turn changed is kept for the next one. Told the same commands as the reference
// model. Time moves on by a second with each command, and to where a timer goes off when that is the command.
import { decide, settle } from "#actor/kinds";
import type { LocalCommand } from "#actor/mailbox";
import { relate } from "#actor/relate";
import type { Scene } from "#actor/scene";
import { countOff } from "#actor/spread";
import { advance } from "#actor/step";
import { decideWhole } from "#actor/whole";
import type { Answer } from "#domain/command";
import type { RetryPolicy } from "#domain/retry";
import { isFinal, type Link, type TaskEventRow, type TaskRow } from "#domain/row";
import type { Sql } from "#store/client";
import type { BatchCommand, Outcome, TaskCommand, TaskSpec } from "#test/reference";
import { always, ask, batchId, sceneOf, start, task } from "./rows.ts";

const noSql = null as unknown as Sql;
const client = new Set<TaskCommand>(["succeed", "fail", "cancel", "pause", "resume"]);

export class Harness {
  readonly rows = new Map<string, TaskRow>();
  readonly links: Link[] = [];
  readonly events: TaskEventRow[] = [];
  /** By task, in order: `success`, `failure`, `cancel:<attempt>`. */
  readonly delivered = new Map<string, string[]>();
  completions = 0;
  unfinished: number;
  #now = start.getTime();
  #claims = 0;
  readonly #deadEnds: boolean;

  constructor(specs: readonly TaskSpec[], deadEnds: boolean) {
    this.#deadEnds = deadEnds;
    for (const spec of specs) this.#add(spec);
    this.unfinished = specs.length;
  }

  async tell(command: TaskCommand, id: string): Promise<Outcome> {
    const before = { ...(this.rows.get(id) as TaskRow) };
    this.#now += 1000;
    if (command === "timeout" && before.status === "Running") this.#now += before.timeout * 1000;
    if (command === "backoff_elapsed" && before.nextRetryAt)
      this.#now = Math.max(this.#now, before.nextRetryAt.getTime());
    const accepted = await this.#turn((scene) => this.#decide(scene, scene.rows.get(id) as TaskRow, command));
    const now = this.rows.get(id) as TaskRow;
    const already =
      (command === "succeed" && before.status === "Success") || (command === "fail" && before.status === "Failure");
    if (already && accepted && now.lastUpdated === before.lastUpdated) return "already";
    return accepted ? "done" : "refused";
  }

  async tellBatch(command: BatchCommand): Promise<Answer> {
    this.#now += 1000;
    return this.#turn((scene) => {
      for (const [id, row] of scene.rows) if (isFinal(row.status)) scene.rows.delete(id);
      return decideWhole(scene, ask(command, batchId));
    });
  }

  #decide(scene: Scene, row: TaskRow, command: TaskCommand): boolean {
    if (client.has(command)) return decide(scene, ask(command as "succeed", row.id)).status === 200;
    if (command === "claim") {
      if (!advance(scene, row, { type: "claim" })) return false;
      row.owner = 1;
      row.claimId = ++this.#claims;
      row.startedAt = scene.now;
      return true;
    }
    if (command === "timeout" || command === "backoff_elapsed") {
      if (row.status !== (command === "timeout" ? "Running" : "Retrying")) return false;
      return settle(scene, { type: "due", task: row.id, ends: true });
    }
    const more = { reason: "Start failed", until: scene.now };
    return settle(scene, { type: command, task: row.id, claimId: row.claimId ?? -1, ...more } as LocalCommand);
  }

  async #turn<T>(decided: (scene: Scene) => T | Promise<T>): Promise<T> {
    const rows = [...this.rows.values()].map((row) => ({ ...row }));
    const scene = sceneOf(rows, this.links, { now: new Date(this.#now), ground: { deadEnds: this.#deadEnds } });
    scene.batches.set(batchId, { id: batchId, total: rows.length, unfinished: this.unfinished });
    const result = await decided(scene);
    await relate(noSql, scene);
    countOff(scene);
    for (const row of scene.changed) this.rows.set(row.id, row);
    this.events.push(...scene.events);
    for (const { row, on, attempt } of scene.owed)
      this.delivered.get(row.id)?.push(on === "cancel" ? `cancel:${attempt}` : on);
    for (const batch of scene.changedBatches) {
      this.unfinished = batch.unfinished;
      if (batch.unfinished === 0) this.completions++;
    }
    return result;
  }

  #add({ id, dependencies = [], dead_end_barrier = false, retry }: TaskSpec): void {
    const links = dependencies.map((edge): Link => {
      const { requires_success, condition } = edge;
      const needs = requires_success
        ? "required"
        : condition === "on_success"
          ? "success"
          : condition === "on_failure"
            ? "failure"
            : "finish";
      return { parent: edge.id, child: id, needs };
    });
    const waitSuccess = links.filter(({ needs }) => needs === "required" || needs === "success").length;
    const policy: RetryPolicy | null = retry ? { ...always, ...retry } : null;
    this.links.push(...links);
    this.delivered.set(id, []);
    this.rows.set(
      id,
      task({
        id,
        retry: policy,
        pos: this.rows.size,
        deadEndBarrier: dead_end_barrier,
        status: links.length > 0 ? "Waiting" : "Pending",
        waitFinished: links.length,
        waitSuccess,
      }),
    );
    for (const { parent } of links) {
      const row = this.rows.get(parent) as TaskRow;
      this.rows.set(parent, { ...row, kids: row.kids + 1 });
    }
  }
}
