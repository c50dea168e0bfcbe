// POST /bulk: finds what matches, and writes the operation down. Up to 10,000 matches are found here, as of one moment; a larger
// set is collected by a worker. Nothing is done yet when it is answered: workers do that.
import type { CommandPublisher } from "#bus/commands/publisher";
import { limits } from "#config";
import type { BulkAsk } from "#domain/bulk";
import { uuidv7 } from "#domain/values/uuid";
import { hashOf } from "#intake/create";
import { usedBefore } from "#intake/created";
import { once } from "#intake/once";
import { type Reply, reply } from "#intake/reply";
import { findBulkKey, insertBulk, matchingNow } from "#store/bulk/rows";
import type { CreateKey, Kept } from "#store/create/create";
import type { Db } from "#store/pg/pool";

interface BulkDeps {
  readonly db: Db;
  readonly commands: Pick<CommandPublisher, "notifyBulk">;
}

export async function answerBulk(
  deps: BulkDeps,
  { isRehearsal, ...asked }: BulkAsk & { readonly isRehearsal: boolean },
  { actor, key }: { readonly actor: string; readonly key: string | undefined },
): Promise<Reply> {
  if (isRehearsal) return rehearse(deps, asked);
  // A key belongs to its method and path.
  const mine = key === undefined ? undefined : { text: `/bulk ${key}`, hash: hashOf(asked) };
  if (mine === undefined) return (await begin(deps, asked, actor, mine)) as Reply;
  return once(deps.db, mine, async () => {
    const kept = await findBulkKey(deps.db, mine.text);
    return kept ? again(kept, mine) : begin(deps, asked, actor, mine);
  });
}

async function rehearse({ db }: BulkDeps, asked: BulkAsk): Promise<Reply> {
  const { ids, isMore } = await matchingNow(db, asked, limits.bulkCountedMax);
  const sample = ids.slice(0, limits.bulkSampleMax);
  return reply(200, { matched: ids.length, sample, ...(isMore ? { more: true } : {}) });
}

async function begin(
  { db, commands }: BulkDeps,
  asked: BulkAsk,
  actor: string,
  key: CreateKey | undefined,
): Promise<Reply | "in_flight"> {
  const { ids, isMore, at } = await matchingNow(db, asked, limits.bulkMatchedMax);
  const id = uuidv7(Date.now());
  const before = await insertBulk(db, { id, asked, actor, ids: isMore ? null : ids, at }, key);
  if (before === "in_flight") return before;
  if (before !== null) return again(before, key as CreateKey);
  commands.notifyBulk();
  return reply(202, { bulk_id: id, matched: isMore ? null : ids.length });
}

const again = (kept: Kept, key: CreateKey): Reply => (kept.hash === key.hash ? reply(202, kept.began) : usedBefore);
