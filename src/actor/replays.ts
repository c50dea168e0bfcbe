// Makes exhausted deliveries pending again, where somebody asked for it: the only one who does. Single ones are decided many in
// one transaction, all since some time in one of their own; the answer is remembered there, so what is delivered twice counts
// once. Nothing is half done: while Postgres is away, or another one is at it, they wait, and what is past its deadline by
// then is dropped.
import { transition } from "xstate";
import { answerBefore, type Memo, memoFor, remember } from "#actor/memo";
import { isPast } from "#actor/turn";
import { limits } from "#config";
import type { Answer, DeliveryCommand } from "#domain/command";
import { type DeliveryState, deliveryMachine } from "#machines/delivery";
import type { Db, Sql } from "#store/client";
import { writeAnswers } from "#store/commit";
import { isBroken, isTransient } from "#store/faults";
import { answered } from "#store/load";
import { replaySince, type SettledRow, settledRows, takeSettled, writeReplays } from "#store/replays";
import type { Logger } from "#telemetry/log";
import { metrics } from "#telemetry/metrics";

export interface ReplayItem {
  readonly command: DeliveryCommand;
  /** When JetStream stored it, ms. */
  readonly storedAt: number;
  /** Once; null: dropped without an answer. */
  readonly settle: (answer: Answer | null) => void;
}

interface Parts {
  readonly db: Pick<Db, "tx">;
  /** After the commit: deliveries are due. */
  readonly due: () => void;
  /** Answers were given. */
  readonly flush: () => void;
  readonly park: (command: DeliveryCommand, reason: string) => void;
  readonly log: Pick<Logger, "error" | "warn">;
}

const againMs = 50;

type Fate = Pick<SettledRow, "status" | "attempts">;

/** Pure: what a replay makes of a delivery; null where its machine refuses. */
export function replayed({
  status,
  attempts,
}: {
  readonly status: DeliveryState;
  readonly attempts: number;
}): Fate | null {
  // How many attempts it may make has no say in this.
  const from = deliveryMachine.resolveState({ value: status, context: { attempts, maxAttempts: 1 } });
  const event = { type: "replay" } as const;
  if (!from.can(event)) return null;
  const [to] = transition(deliveryMachine, from, event);
  return { status: to.value, attempts: to.context.attempts };
}

export class Replays {
  readonly #parts: Parts;
  #waiting: ReplayItem[] = [];
  #running: Promise<void> | null = null;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  put(item: ReplayItem): void {
    this.#waiting.push(item);
    this.#running ??= this.#run();
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** Resolves when everything put so far is settled. Waits as long as Postgres is away: the caller has the deadline. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async #run(): Promise<void> {
    // One pass of the event loop gathers what arrives together.
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) await this.#turn(this.#take());
    this.#running = null;
  }

  /** In order: single ones together, one that asks for many by itself. */
  #take(): ReplayItem[] {
    const end = this.#waiting.findIndex(isLarge);
    return this.#waiting.splice(
      0,
      end < 0 ? limits.commandBatchMax : Math.max(1, Math.min(end, limits.commandBatchMax)),
    );
  }

  async #turn(items: readonly ReplayItem[]): Promise<void> {
    const { db, due, flush, log } = this.#parts;
    const timeoutMs = items.some(isLarge) ? limits.bulkWorkTimeoutMs : limits.workTimeoutMs;
    for (let left = items; ; ) {
      try {
        const decided = await db.tx((sql, last) => decideAll(sql, left, last), timeoutMs);
        if (decided.some) due();
        for (const [item, answer] of decided.settled) settle(item, answer);
        if (decided.settled.length > 0) flush();
        left = decided.left;
        if (left.length === 0) return;
      } catch (error) {
        if (!isTransient(error)) return this.#park(left, error);
        if (!isBroken(error)) log.warn({ err: error, commands: left.length }, "replays are decided again");
      }
      await new Promise((resolve) => setTimeout(resolve, againMs * (1 + Math.random())));
    }
  }

  #park(items: readonly ReplayItem[], error: unknown): void {
    const { log, park, flush } = this.#parts;
    log.error({ err: error, commands: items.map(({ command }) => command) }, "deliveries could not be replayed");
    for (const item of items) {
      metrics.poison.add(1);
      park(item.command, String(error));
      const text = "The command could not be decided and was parked";
      settle(item, { status: 503, id: item.command.target, error: text });
    }
    flush();
  }
}

interface Decided {
  readonly settled: readonly (readonly [ReplayItem, Answer | null])[];
  /** Some delivery is due. */
  readonly some: boolean;
  /** Somebody else is at it: these have to come again. */
  readonly left: readonly ReplayItem[];
}

/** What one transaction has in its hands. */
interface Hand {
  readonly rows: ReadonlyMap<string, SettledRow>;
  readonly memos: Map<string, { hash: string | null; answer: unknown }>;
  readonly answers: { id: string; hash: string | null; answer: Answer }[];
  readonly changed: Set<SettledRow>;
  many: number;
}

async function decideAll(
  sql: Sql,
  items: readonly ReplayItem[],
  last: (write: Promise<unknown>) => void,
): Promise<Decided> {
  const { mine, now } = await takeSettled(sql);
  if (!mine) return withoutTurn(items, now);
  const asked = items.map((item) => ({ item, memo: memoOf(item.command) }));
  const targets = items.filter((item) => !isLarge(item)).map(({ command }) => command.target);
  // After the lock: whoever took the same commands before has committed by now.
  const [memos, rows] = await Promise.all([
    answered(
      sql,
      asked.map(({ memo }) => memo.id),
    ),
    targets.length > 0 ? settledRows(sql, targets) : [],
  ]);
  const hand: Hand = {
    rows: new Map(rows.map((row) => [row.id, row])),
    memos,
    answers: [],
    changed: new Set(),
    many: 0,
  };
  const settled: [ReplayItem, Answer | null][] = [];
  for (const { item, memo } of asked) {
    const late = isPast(item.storedAt, now);
    settled.push([item, late ? null : (answerBefore(hand, memo) ?? (await decide(sql, hand, item.command, memo)))]);
  }
  if (hand.changed.size > 0) last(writeReplays(sql, [...hand.changed]));
  if (hand.answers.length > 0) last(writeAnswers(sql, hand.answers, now));
  return { settled, some: hand.changed.size + hand.many > 0, left: [] };
}

/** However long another one is at it: what nobody waits for any more is dropped, and leaves its place to other commands. */
function withoutTurn(items: readonly ReplayItem[], now: Date): Decided {
  const { late = [], left = [] } = Object.groupBy(items, ({ storedAt }) => (isPast(storedAt, now) ? "late" : "left"));
  return { settled: late.map((item) => [item, null]), some: false, left };
}

const isLarge = ({ command }: ReplayItem): boolean => command.verb === "replay_since";
const memoOf = (command: DeliveryCommand): Memo => memoFor(command, [command.verb, command.since ?? null]);

async function decide(sql: Sql, hand: Hand, command: DeliveryCommand, memo: Memo): Promise<Answer> {
  const answer = command.verb === "replay" ? replayOne(hand, command.target) : await replayMany(sql, hand, command);
  remember(hand, memo, answer);
  return answer;
}

function replayOne({ rows, changed }: Hand, id: string): Answer {
  const row = rows.get(id);
  if (!row) return { status: 404, id, error: "No such delivery" };
  const became = replayed(row);
  if (!became)
    return {
      status: 409,
      id,
      state: row.status,
      error: `A delivery that is ${row.status} is not replayed`,
      allowed: [],
    };
  Object.assign(row, became);
  changed.add(row);
  return { status: 202, id, state: row.status };
}

async function replayMany(sql: Sql, hand: Hand, { target: id, since = "" }: DeliveryCommand): Promise<Answer> {
  const became = replayed({ status: "exhausted", attempts: 0 });
  if (became) hand.many = await replaySince(sql, new Date(since), became);
  return { status: 202, id, counts: { replayed: hand.many } };
}

function settle({ command, settle: tell }: ReplayItem, answer: Answer | null): void {
  const outcome = answer === null ? "expired" : answer.status < 300 ? "done" : "rejected";
  metrics.commands.add(1, command.verb, outcome);
  tell(answer);
}
