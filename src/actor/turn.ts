// One turn: a batch of commands becomes one transaction. Load, step, commit, reply, act; this is the whole flow.
// Until the commit nothing has happened: a turn that fails leaves no trace, and its commands come again.

import { charge } from "#actor/charge";
import { admit, admitReady, type ClaimRound } from "#actor/claim";
import { draft } from "#actor/draft";
import { hold, isWhole } from "#actor/hold";
import { decide, settle } from "#actor/kinds";
import type { Item, Lane } from "#actor/mailbox";
import { answerBefore, memoOf, remember } from "#actor/memo";
import { relate } from "#actor/relate";
import type { Ground, Scene } from "#actor/scene";
import { countOff } from "#actor/spread";
import { decideWhole } from "#actor/whole";
import { limits } from "#config";
import type { Claimed } from "#domain/claimed";
import type { Answer, ClientCommand } from "#domain/command";
import type { Db, Sql } from "#store/client";
import { write } from "#store/commit";
import { writeCharges } from "#store/holders";

export interface Decided {
  readonly scene: Scene;
  /** In the order of the commands; null for what the rim told. */
  readonly settled: readonly { readonly item: Item; readonly answer: Answer | null }[];
  readonly busy: readonly Item[];
  readonly claimed: readonly Claimed[];
}

/** How a turn is taken that is not an ordinary one. */
export interface Manner {
  /** Waits for the row or the batch, which was busy too often. */
  readonly patient: boolean;
  /** Takes more time, for more tasks. */
  readonly bulk: boolean;
}

const ordinary: Manner = { patient: false, bulk: false };

export function turn(
  db: Db,
  ground: Ground,
  lane: Lane,
  commands: readonly Item[],
  round: ClaimRound | null,
  { patient, bulk }: Manner = ordinary,
): Promise<Decided> {
  return db.tx(
    async (sql, last) => {
      if (bulk) await takeTime(sql);
      // load
      const { scene, items, busy } = await hold(sql, ground, lane, commands, { patient, bulk });
      // step
      const settled: { item: Item; answer: Answer | null }[] = [];
      for (const item of items) settled.push({ item, answer: await step(scene, item) });
      await relate(sql, scene, bulk ? limits.bulkLinksMax : limits.bulkLinksMin);
      countOff(scene);
      const claimed =
        round === null ? [] : lane === "row" ? await admit(sql, scene, round) : await admitReady(sql, scene, round);
      await draft(sql, scene);
      const charges = await charge(sql, scene);
      // commit
      write(sql, changesOf(scene), last, (ids) => noteIds(scene, ids));
      writeCharges(sql, charges, last, (wakes) => last(wakes.then(({ count }) => noteWoken(scene, count))));
      return { scene, settled, busy, claimed };
    },
    bulk ? limits.bulkWorkTimeoutMs : limits.workTimeoutMs,
  );
  // reply, ack and act follow in worker.ts, when this has come true
}

async function step(scene: Scene, item: Item): Promise<Answer | null> {
  if (item.from === "rim") {
    settle(scene, item.command);
    return null;
  }
  if (item.expires && isPast(item.storedAt, scene.now)) return null;
  const memo = memoOf(item, scene);
  if (memo === null) return answerTo(scene, item.command, item);
  const before = answerBefore(scene, memo);
  if (before !== null) return before;
  const answer = await answerTo(scene, item.command, item);
  remember(scene, memo, answer);
  return answer;
}

async function takeTime(sql: Sql): Promise<void> {
  const ms = limits.bulkStatementTimeoutMs;
  await sql.unsafe(`set local statement_timeout = ${ms}; set local idle_in_transaction_session_timeout = ${ms}`);
}

/** Whether a command waited too long to be begun. By two clocks, so that one that is wrong does not drop every command. */
export const isPast = (storedAt: number, now: Date): boolean =>
  Math.min(now.getTime(), Date.now()) > storedAt + limits.commandBeginMs;

const answerTo = (scene: Scene, command: ClientCommand, item: Item): Answer | Promise<Answer> =>
  isWhole(item) ? decideWhole(scene, command) : decide(scene, command);

function noteWoken(scene: Scene, wakes: number): void {
  if (wakes > 0) scene.woken = true;
}

function noteIds(scene: Scene, ids: readonly number[]): void {
  scene.eventIds = ids;
}

const changesOf = (scene: Scene) => ({
  rows: [...scene.changed].map((row) => ({ row, before: scene.before.get(row.id) ?? row })),
  batches: [...scene.changedBatches],
  events: scene.events,
  deliveries: scene.deliveries,
  specs: [...scene.specs.values()],
  ruled: scene.ruled,
  unheld: [...scene.unheld],
  answers: scene.answers,
  now: scene.now,
});
