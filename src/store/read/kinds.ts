// Which kinds there are: one step of an index a kind, however many tasks have it.
import type { Sql } from "#store/pg/pool";
import { containing } from "#store/read/walk";

const kindsMax = 2_000;
/** More are no help to a search. */
const fewMax = 20;

/** The kinds that contain this text; undefined: too many to go by. */
export async function kindsLike(sql: Sql, text: string): Promise<string[] | undefined> {
  const found = await sql<{ kind: string; n: number }[]>`
    with recursive k as (
      (select kind, 1 as n from batch_kind order by kind limit 1)
      union all
      select b.kind, k.n + 1 from k cross join lateral (
        select kind from batch_kind where kind > k.kind order by kind limit 1) b where k.n <= ${kindsMax}
    )
    select kind, n from k where kind like ${containing(text)} or n > ${kindsMax} order by n desc limit ${fewMax + 1}`;
  const isCut = found.length > fewMax || (found[0]?.n ?? 0) > kindsMax;
  return isCut ? undefined : found.map(({ kind }) => kind);
}
