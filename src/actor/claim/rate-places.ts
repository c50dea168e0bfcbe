// A Rate keeps a place in its window for each start. Where the call comes later than that, the place is moved first, all that are
// late together in one statement.
import { inBatches } from "#flow/batcher";
import type { Db } from "#store/pg/pool";
import { renewStarts } from "#store/rules/rates";

const max = 1_000;
const timeoutMs = 2_000;

/**
 * By claim: until when its call may begin now, by the steady clock; null where its place is too old to be moved. With
 * null, as when this fails, the call is not made, and the claim is given back.
 */
export const makeRenew = (db: Db): ((claimId: number) => Promise<number | null>) =>
  inBatches<number, number | null>({
    max,
    run: async (claims) => {
      const until = await db.use((sql) => renewStarts(sql, claims), timeoutMs);
      return claims.map((claim) => until.get(claim) ?? null);
    },
    // The task is claimed anew, by a worker that can.
    remedy: () => "give_up",
  });
