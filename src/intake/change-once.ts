// A change that is kept with its key in one transaction: a repetition gets the first answer.
import { limits } from "#config";
import { usedBefore } from "#intake/created";
import { once } from "#intake/once";
import { type Reply, reply } from "#intake/reply";
import { allow } from "#store/create/create";
import { type CreateKey, rememberAnswer, take } from "#store/create/key";
import type { Db, Sql } from "#store/pg/pool";

export async function changeOnce(
  db: Db,
  key: CreateKey | undefined,
  decide: (sql: Sql) => Promise<Reply>,
): Promise<Reply> {
  // A worker may have the row while it makes many batches.
  const change = (sql: Sql) => {
    void allow(sql, limits.workTimeoutMs);
    return decide(sql);
  };
  if (key === undefined) return db.tx(change);
  return once(db, key, () =>
    db.tx(async (sql, send) => {
      const before = await take(sql, key);
      if (before === "in_flight") return before;
      if (before !== "taken") return before.hash === key.hash ? again(before.began) : usedBefore;
      const answer = await change(sql);
      send(rememberAnswer(sql, key, { status: answer.status, body: answer.body }));
      return answer;
    }),
  );
}

function again(kept: unknown): Reply {
  const { status, body } = kept as { readonly status: number; readonly body: unknown };
  return reply(status, body);
}
