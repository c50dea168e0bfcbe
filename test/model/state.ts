// The whole system as plain data: the database, the workers with what each is in the middle of, the messages, the clients,
// and beside them the reference and what was found wrong.
import { type Counts, type Db, type Decided, newDb, type Step, type Work } from "./database.ts";
import type { Asked, Command } from "./protocol.ts";
import { newRef, type Ref, type Seen } from "./reference.ts";
import type { Scenario } from "./scenarios.ts";

export interface Message extends Asked {
  /** The worker that decides it. */
  worker: number | null;
  /** The outcome of a call, which a batch turn decides: a sweep has not come to its task. */
  viaBatch?: boolean;
}

/** What a worker is in the middle of; `pc` names the next step. */
export interface Turn {
  readonly pc: "idle" | "begin" | "look" | "write" | "writeWork" | "ack";
  readonly msg?: Message;
  readonly answer?: Decided;
  readonly seen?: Seen;
  readonly steps?: readonly Step[];
  readonly works?: readonly Work[];
}

export type Due = Pick<Work, "seq" | "counts">;

export interface Portion {
  readonly pc: "idle" | "lock" | "write" | "cursor" | "answer" | "forget";
  readonly steps?: Step[] | null;
  readonly due?: readonly Due[];
  readonly rank?: number;
  readonly after?: number;
}

export interface Claim {
  readonly pc: "idle" | "lock" | "look" | "write";
  readonly rank?: number;
  readonly isForbidden?: boolean | null;
  readonly seen?: Seen;
}

export interface Worker {
  turn: Turn;
  portion: Portion;
  claim: Claim;
}

export interface Client {
  todo: readonly Command[];
  waits: string | null;
}

export interface State {
  readonly bug: string | null;
  readonly scenario: Scenario;
  db: Db;
  readonly workers: Worker[];
  readonly clients: Client[];
  msgs: Message[];
  readonly answers: Record<string, { readonly code: number; readonly counts: Counts }>;
  /** Who waits for a work, by its number. */
  readonly asked: Record<number, Message>;
  readonly ref: Ref;
  /** Tasks about which protocol and reference may differ. */
  readonly tainted: Record<number, boolean>;
  diverged: boolean;
  countsDiffer: boolean;
  overlaps: number;
  readonly errors: string[];
  kills: number;
  dups: number;
  asides: number;
  readonly putback: Record<number, boolean>;
  made: number;
}

export const idle = (): Worker => ({ turn: { pc: "idle" }, portion: { pc: "idle" }, claim: { pc: "idle" } });

export function newState(scenario: Scenario, bug: string | null = null): State {
  const { kills, dups, asides, putback, workers, clients } = scenario;
  return {
    ...{ bug, scenario, db: newDb(scenario), workers: Array.from({ length: workers }, idle) },
    clients: clients.map((todo) => ({ todo, waits: null })),
    ...{ msgs: [], answers: {}, asked: {} },
    ...{ ref: newRef(scenario), tainted: {}, diverged: false, countsDiffer: false, overlaps: 0, errors: [] },
    ...{ kills, dups, asides, putback: { ...putback }, made: 0 },
  };
}

export const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;
