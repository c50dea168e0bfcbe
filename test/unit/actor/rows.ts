// Rows, states, relatives and commands in memory, for the tests of what a turn decides. Nothing here touches a database. Time
// is what the test says it is.
import type { Relatives } from "#actor/propagation/propagate";
import type { RetryPolicy } from "#domain/calls/retry";
import type { Unsent } from "#domain/calls/unsent";
import type { ClientCommand, TaskVerb } from "#domain/command";
import type { Work } from "#domain/propagation/work";
import { type BatchRow, isFinal, type Link, type TaskRow } from "#domain/row";
import type { Item, LocalCommand } from "#domain/turn/items";
import { type TurnEnv, TurnState } from "#domain/turn/state";

export const batchId = "00000000-0000-7000-8000-0000000000b0";
export const start = new Date("2026-01-01T00:00:00.000Z");
export const later = (secs: number): Date => new Date(start.getTime() + secs * 1000);

export const env: TurnEnv = {
  actor: "worker:1",
  leaseMs: 30_000,
  deadEnds: true,
  startRetryMs: 60_000,
  probeMs: 15_000,
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
    rank: 0,
    queue: 0,
    receiver: null,
    children: 0,
    openChildren: 0,
    timeout: 60,
    retry: null,
    kind: "k",
    deadEndBarrier: false,
    deadEndKeep: false,
    joinsAny: false,
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
    pausedByBatch: false,
    swept: 0,
    inDoubt: false,
    owner: status === "Claimed" ? 1 : null,
    claimId: status === "Claimed" || status === "Running" ? 7 : null,
    firstClaimedAt: status === "Claimed" || status === "Running" ? start : null,
    startedAt: status === "Claimed" || status === "Running" ? start : null,
    endedAt: isFinal(status) ? start : null,
    lastUpdated: start,
    readyAt: null,
    dueAt: status === "Running" ? later(60) : null,
    runAt: null,
    nextRetryAt: null,
    failureReason: null,
    rejected: 0,
    maxDurationSecs: null,
    expiresSecs: null,
    queueTimeoutSecs: null,
    heard: false,
    ...over,
  };
}

/** Its batch, of which so many tasks have succeeded. */
export const batchOf = (total: number, unfinished: number): BatchRow => ({
  id: batchId,
  total,
  links: 0,
  unfinished,
  succeeded: total - unfinished,
  failed: 0,
  canceled: 0,
  skipped: 0,
  deadEnds: 0,
  followed: 0,
  firstFailed: null,
  open: false,
  paused: false,
  stopping: false,
  works: 0,
  seq: 0,
  lastWasSweep: false,
  completedAt: null,
});

/** A turn that has these rows in hand, and their batch. */
export function stateOf(rows: readonly TaskRow[], more: Partial<Stage> = {}): TurnState {
  const state = new TurnState(
    { ...env, ...more.env },
    {
      now: more.now ?? later(10),
      mayBecomeActive: true,
      hasQueuesToSee: false,
      hasKeyTemplates: more.hasKeyTemplates ?? false,
      hasBatchWork: false,
      hasUnsent: more.unsent !== undefined,
      askedMs: 0,
      opensAt: null,
    },
  );
  state.unsent = new Map(Object.entries(more.unsent ?? {}));
  state.add(rows);
  state.batches.set(batchId, batchOf(rows.length, rows.filter((row) => !isFinal(row.status)).length));
  return state;
}

/** What propagation reads, from rows and links in memory; each time as copies, as a table would give them. */
export function relativesIn(rows: ReadonlyMap<string, TaskRow>, links: readonly Link[]): Relatives {
  const row = (id: string) => rows.get(id) as TaskRow;
  const isOpen = (id: string) => !isFinal(row(id).status);
  const copies = (ids: readonly string[]) => [...new Set(ids)].filter(isOpen).map((id) => ({ ...row(id) }));
  const ends = {
    parent: Map.groupBy(links, ({ parent }) => parent),
    child: Map.groupBy(links, ({ child }) => child),
  };
  const linksOf = (end: "parent" | "child", id: string) => ends[end].get(id) ?? [];
  return {
    childLinks: async (asked) =>
      asked.flatMap(({ parent, after, upto, max }) =>
        linksOf("parent", parent)
          .filter(({ child }) => child > (after ?? ""))
          .toSorted((a, b) => (a.child < b.child ? -1 : 1))
          .slice(0, max)
          .map(({ child, edge }) => {
            const isMeant = isOpen(child) && row(child).rank <= upto;
            return { parent, child, edge, rank: isMeant ? row(child).rank : null };
          }),
      ),
    parentLinks: async (children) =>
      children.flatMap((id) =>
        linksOf("child", id)
          .toSorted((a, b) => endOf(row(a.parent)) - endOf(row(b.parent)) || row(a.parent).rank - row(b.parent).rank)
          .map((link) => ({ ...link, status: row(link.parent).status })),
      ),
    unfinishedParents: async (children) => {
      const open = children.flatMap((id) => linksOf("child", id)).filter(({ parent }) => isOpen(parent));
      return { rows: copies(open.map(({ parent }) => parent)), links: open };
    },
    unfinishedRows: async (ids) => copies(ids),
    unfinishedChildren: async (parents) =>
      copies(parents.flatMap((id) => linksOf("parent", id).map(({ child }) => child))).map((row) => ({ row })),
    closure: async (ids, way, max) => {
      const [from, to] = way === "down" ? (["parent", "child"] as const) : (["child", "parent"] as const);
      const near = new Set(ids);
      for (const id of near) for (const link of linksOf(from, id)) if (isOpen(link[to])) near.add(link[to]);
      return [...near].slice(0, max);
    },
  };
}
const endOf = ({ endedAt }: TaskRow): number => endedAt?.getTime() ?? Number.MAX_SAFE_INTEGER;

/** A work that is outstanding in the batch. */
export const work = (over: Partial<Work> = {}): Work => ({
  ...{ batchId, seq: 1, kind: "pause", args: null, reached: -1, upto: 99, counts: {}, commandId: null },
  ...{ answer: { status: 200, id: batchId }, replies: [], actor: "token", reason: null, done: false },
  ...over,
});

/** Who asked for a command, where nothing is remembered of it. */
export const nobody = { commandId: null, replies: [], actor: "token", reason: null };

interface Stage {
  readonly hasKeyTemplates: boolean;
  readonly now: Date;
  readonly env: Partial<TurnEnv>;
  /** By task; left out: there is none anywhere. */
  readonly unsent: Readonly<Record<string, Unsent>>;
}

/** A row as a state of it would see it, with the state at hand. */
export function stage(over: Partial<TaskRow> = {}, more: Partial<Stage> = {}): { state: TurnState; row: TaskRow } {
  const row = task(over);
  return { state: stateOf([row], more), row };
}

/** What a command that changed nothing leaves behind is nothing. */
export const traces = ({ state }: ReturnType<typeof stage>): number[] => [
  state.changed.size,
  state.events.length,
  state.specs.size,
  state.pendingDeliveries.length,
  state.ended.length,
];
export const nothing = [0, 0, 0, 0, 0];

/** The states of an unfinished task. */
export const open = ["Waiting", "Pending", "Claimed", "Running", "Retrying", "Paused"] as const;

export const ask = (verb: ClientCommand["verb"], target = "a", more: Partial<ClientCommand> = {}): ClientCommand => ({
  id: "c1",
  verb,
  target,
  actor: "token",
  ...more,
});

export const asked = (command: ClientCommand): Item => ({
  from: "client",
  command,
  storedAt: start.getTime(),
  expires: true,
  replyTo: null,
  settle: () => {},
});

export const local = (command: LocalCommand): Item => ({ from: "local", command });

export const verbs: readonly TaskVerb[] = [
  "succeed",
  "fail",
  "skip",
  "cancel",
  "pause",
  "resume",
  "update",
  "override",
];
