// A start has its place in the window of a Rate from its claim on, and its call has to leave soon after. A call that is later than that
// moves its place first, all that are late together in one statement (docs/decisions/0020-rate-windows.md).
import { inBatches } from "#flow/batcher";
import type { Db } from "#store/pg/pool";
import { renewStarts } from "#store/rules/rates";

const max = 1_000;
const timeoutMs = 2_000;

/**
 * By claim: until when its call may begin, by the steady clock of this process, now that its place is moved; null where the place is too
 * old for that. With null, as when this fails, the call is not made, and the claim is given back.
 */
export const makeRenew = (db: Db): ((claimId: number) => Promise<number | null>) =>
  inBatches<number, number | null>({
    max,
    run: async (claims) => {
      const until = await db.use((sql) => renewStarts(sql, claims), timeoutMs);
      return claims.map((claim) => until.get(claim) ?? null);
    },
    // The claims are given back, and the tasks are claimed anew.
    remedy: () => "give_up",
  });
