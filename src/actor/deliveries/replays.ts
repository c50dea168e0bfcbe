// Makes settled deliveries pending again, where somebody asked for it: the only one who does. Single ones, also such as arrived,
// are decided many in one transaction, all that were exhausted since some time in one of their own; the answer is remembered
// there, so what is delivered twice counts once. Nothing is half done: while Postgres is away, or another one is at it, they
// wait, and what is past its deadline by then is dropped.
import { limits } from "#config";
import { replayed } from "#domain/calls/replay";
import type { Answer, DeliveryCommand } from "#domain/command";
import { expired, isPast } from "#domain/commands/expiry";
import {
  answerBefore,
  type CommandKey,
  idsOf,
  keyFor,
  type RememberedAnswer,
  remember,
} from "#domain/commands/idempotency";
import { outcomeOf } from "#domain/outcome";
import type { Answered } from "#domain/turn/rows";
import { Batcher } from "#flow/batcher";
import { isBroken, isTransient, untilWritten } from "#store/pg/errors";
import type { Db, Sql } from "#store/pg/pool";
import type { SendWrite } from "#store/pg/transaction";
import { answered } from "#store/turn/load";
import { replaySince, type SettledRow, settledRows, takeSettled, writeReplays } from "#store/turn/replays";
import { writeAnswers } from "#store/turn/write";
import type { Logger } from "#telemetry/log";
import { metrics } from "#telemetry/metrics";

export interface ReplayItem {
  readonly command: DeliveryCommand;
  /** When JetStream stored it, ms. */
  readonly storedAt: number;
  /** Called once; null: the command was dropped without an answer. */
  readonly settle: (answer: Answer | null) => void;
}

interface Parts {
  readonly db: Pick<Db, "tx">;
  /** Called after the commit: deliveries are due. */
  readonly due: () => void;
  /** Answers were given. */
  readonly flush: () => void;
  readonly deadLetter: (command: DeliveryCommand, reason: string) => void;
  readonly log: Pick<Logger, "error" | "warn">;
}

const lockedMs = 75;
const retryMs = 75;

export class Replays {
  readonly #parts: Parts;
  readonly #batches: Batcher<ReplayItem>;

  constructor(parts: Parts) {
    this.#parts = parts;
    const remedy = untilWritten(retryMs);
    this.#batches = new Batcher({
      ...{ max: limits.commandBatchMax, take, lockedMs },
      run: (items) => this.#turn(items),
      remedy: (error, tries) => {
        if (isTransient(error) && !isBroken(error)) parts.log.warn({ err: error }, "replays are decided again");
        return remedy(error, tries);
      },
      giveUp: (items, error) => {
        for (const item of items) this.#deadLetter(item, error);
      },
    });
  }

  put(item: ReplayItem): void {
    this.#batches.put(item);
  }

  get size(): number {
    return this.#batches.size;
  }

  /** Resolves when everything put so far is settled. Waits as long as Postgres is away; the caller sets the deadline. */
  idle(): Promise<void> {
    return this.#batches.idle();
  }

  /** Returns those that could not be decided now, since another process replays or deletes deliveries. */
  async #turn(items: readonly ReplayItem[]): Promise<readonly ReplayItem[]> {
    const { db, due, flush } = this.#parts;
    const timeoutMs = items.some(isLarge) ? limits.bulkWorkTimeoutMs : limits.workTimeoutMs;
    const { settled, some, left } = await db.tx((sql, send) => decideAll(sql, items, send), timeoutMs);
    if (some) due();
    for (const [item, answer] of settled) settle(item, answer);
    if (settled.length > 0) flush();
    return left;
  }

  #deadLetter(item: ReplayItem, error: unknown): void {
    const { log, deadLetter, flush } = this.#parts;
    log.error({ err: error, command: item.command }, "deliveries could not be replayed");
    metrics.poison.add(1);
    deadLetter(item.command, String(error));
    const text = "The command could not be decided and is kept as a dead letter";
    settle(item, { status: 503, id: item.command.target, error: text, code: "busy" }, "dead_letter");
    flush();
  }
}

/** In order: replays of single deliveries together, one of many by itself. */
function take(waiting: ReplayItem[]): ReplayItem[] {
  const end = waiting.findIndex(isLarge);
  return waiting.splice(0, end < 0 ? limits.commandBatchMax : Math.max(1, Math.min(end, limits.commandBatchMax)));
}

interface Decided {
  readonly settled: readonly (readonly [ReplayItem, Answer])[];
  /** Some delivery is due. */
  readonly some: boolean;
  /** Another process replays or deletes deliveries: these have to come again. */
  readonly left: readonly ReplayItem[];
}

/** What one transaction has loaded. */
interface Hand {
  readonly rows: ReadonlyMap<string, SettledRow>;
  readonly remembered: Map<string, Answered>;
  readonly answers: RememberedAnswer[];
  readonly changed: Set<SettledRow>;
  many: number;
}

async function decideAll(sql: Sql, items: readonly ReplayItem[], send: SendWrite): Promise<Decided> {
  const { mine, now } = await takeSettled(sql);
  if (!mine) return withoutTurn(items, now);
  const asked = items.map((item) => ({ item, key: keyOf(item.command) }));
  const targets = items.filter((item) => !isLarge(item)).map(({ command }) => command.target);
  // After the lock: a process that took the same commands before has committed by now.
  const keys = asked.flatMap(({ key }) => idsOf(key));
  const [remembered, rows] = await Promise.all([
    answered(sql, keys),
    targets.length > 0 ? settledRows(sql, targets) : [],
  ]);
  const hand: Hand = {
    rows: new Map(rows.map((row) => [row.id, row])),
    remembered,
    answers: [],
    changed: new Set(),
    many: 0,
  };
  const settled: [ReplayItem, Answer][] = [];
  for (const { item, key } of asked) {
    const isLate = isPast(item.storedAt, now);
    const known = isLate ? expired(item.command.target) : answerBefore(hand.remembered, key)?.answer;
    settled.push([item, known ?? (await decide(sql, hand, item.command, key))]);
  }
  if (hand.changed.size > 0) send(writeReplays(sql, [...hand.changed]));
  if (hand.answers.length > 0) send(writeAnswers(sql, hand.answers, now));
  return { settled, some: hand.changed.size + hand.many > 0, left: [] };
}

/** A command whose caller has given up is dropped, so that it does not keep the place of other commands. */
function withoutTurn(items: readonly ReplayItem[], now: Date): Decided {
  const { late = [], left = [] } = Object.groupBy(items, ({ storedAt }) => (isPast(storedAt, now) ? "late" : "left"));
  return { settled: late.map((item) => [item, expired(item.command.target)]), some: false, left };
}

const isLarge = ({ command }: ReplayItem): boolean => command.verb === "replay_since";
const keyOf = (command: DeliveryCommand): CommandKey => keyFor(command, [command.verb, command.since ?? null]);

async function decide(sql: Sql, hand: Hand, command: DeliveryCommand, key: CommandKey): Promise<Answer> {
  const answer = command.verb === "replay" ? replayOne(hand, command) : await replayMany(sql, hand, command);
  remember(hand, key, answer);
  return answer;
}

function replayOne({ rows, changed }: Hand, { target: id, states }: DeliveryCommand): Answer {
  const row = rows.get(id);
  if (!row) return { status: 404, id, error: "No such delivery", code: "unknown_delivery" };
  const became = states === undefined || states.includes(row.status) ? replayed(row) : null;
  if (!became)
    return {
      status: 409,
      id,
      state: row.status,
      error: `A delivery that is ${row.status} is not replayed`,
      code: "delivery_pending",
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

function settle({ command, settle: tell }: ReplayItem, answer: Answer, outcome = outcomeOf(answer)): void {
  metrics.commands.add(1, command.verb, outcome);
  tell(answer);
}
