// Rows, scenes and commands in memory, for the tests of what a turn decides. Nothing here touches a database: a scene is
// filled with everything a turn would have loaded. Time is what the test says it is.
import type { Item, LocalCommand } from "#actor/mailbox";
import { type Ground, Scene } from "#actor/scene";
import type { ClientCommand, TaskVerb } from "#domain/command";
import type { RetryPolicy } from "#domain/retry";
import { isFinal, type Link, type TaskRow } from "#domain/row";

export const batchId = "00000000-0000-7000-8000-0000000000b0";
export const start = new Date("2026-01-01T00:00:00.000Z");
export const later = (secs: number): Date => new Date(start.getTime() + secs * 1000);

export const ground: Ground = {
  actor: "worker:1",
  leaseMs: 30_000,
  deadEnds: true,
  random: () => 0,
  newId: () => "00000000-0000-7000-8000-0000000000d0",
};

export const always: RetryPolicy = {
  max_retries: 2,
  initial_delay_secs: 5,
  backoff_multiplier: 2,
  max_delay_secs: 300,
  retry_on: ["timeout", "start_failure", "explicit"],
};

/** All bits of `task.acts`. */
export const allActs = 15;

/** A task that nobody waits for and that waits for nobody. */
export function task(over: Partial<TaskRow> = {}): TaskRow {
  const status = over.status ?? "Pending";
  return {
    id: "a",
    batchId,
    createdAt: start,
    pos: 0,
    lane: 0,
    receiver: null,
    kids: 0,
    timeout: 60,
    retry: null,
    deadEndBarrier: false,
    status,
    priority: 0,
    waitFinished: 0,
    waitSuccess: 0,
    success: 0,
    failures: 0,
    expectedCount: null,
    attempt: 0,
    acts: allActs,
    pauseRequested: false,
    inDoubt: false,
    owner: status === "Claimed" ? 1 : null,
    claimId: status === "Claimed" || status === "Running" ? 7 : null,
    startedAt: status === "Claimed" || status === "Running" ? start : null,
    endedAt: isFinal(status) ? start : null,
    lastUpdated: start,
    dueAt: status === "Running" ? later(60) : null,
    runAt: null,
    nextRetryAt: null,
    failureReason: null,
    rejected: 0,
    ...over,
  };
}

/** A turn over these rows, which holds their batch, with every relation loaded. */
export function sceneOf(rows: readonly TaskRow[], links: readonly Link[] = [], more: Partial<Stage> = {}): Scene {
  const scene = new Scene(
    { ...ground, ...more.ground },
    { now: more.now ?? later(10), mayHold: true, awake: false, shaped: more.shaped ?? false },
  );
  scene.add(rows);
  const open = rows.filter((row) => !isFinal(row.status));
  scene.batches.set(batchId, { id: batchId, total: rows.length, unfinished: open.length });
  for (const row of rows) {
    scene.links.set(
      row.id,
      links.filter((link) => link.parent === row.id),
    );
    const parents = links.filter((link) => link.child === row.id).map((link) => link.parent);
    scene.parents.set(
      row.id,
      parents.filter((id) => open.some((parent) => parent.id === id)),
    );
    const kids = links.filter((link) => link.parent === row.id).map((link) => link.child);
    scene.openKids.set(row.id, new Set(kids.filter((id) => open.some((kid) => kid.id === id))));
  }
  return scene;
}

interface Stage {
  readonly shaped: boolean;
  readonly now: Date;
  readonly ground: Partial<Ground>;
}

/** A row as a scene of it would see it, with the scene at hand. */
export function stage(over: Partial<TaskRow> = {}, more: Partial<Stage> = {}): { scene: Scene; row: TaskRow } {
  const row = task(over);
  return { scene: sceneOf([row], [], more), row };
}

export const ask = (verb: ClientCommand["verb"], target = "a", more: Partial<ClientCommand> = {}): ClientCommand => ({
  id: "c1",
  verb,
  target,
  ...more,
});

export const asked = (command: ClientCommand, busy = 0): Item => ({
  from: "client",
  command,
  storedAt: start.getTime(),
  expires: true,
  settle: () => {},
  busy,
});

export const told = (command: LocalCommand, busy = 0): Item => ({ from: "rim", command, busy });

export const verbs: readonly TaskVerb[] = ["succeed", "fail", "cancel", "pause", "resume", "update"];
