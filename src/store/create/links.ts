// The links of planned batches. Many of them go in statements of their own, in one transaction with the tasks.
import type { BatchPlan, PlannedLink } from "#domain/create/batch";
import { NotFound } from "#domain/errors";
import { endedLinks } from "#store/create/rerun";
import type { Sql } from "#store/pg/pool";
import { names, own, unnest } from "#store/pg/unnest";

/** The links of a plan that has more come in statements of their own, and it needs a transaction. */
export const linksInOne = 20_000;

/** Those of a batch that has ended, a page at a time. Retention keeps that batch from here on, or has deleted some of it before. */
export async function copyLinks(sql: Sql, { rerunOf, copied: from }: BatchPlan): Promise<void> {
  const { ids, links } = from as NonNullable<typeof from>;
  const [first] = await sql`select id from batch where id = ${rerunOf as string} for key share`;
  if (!first) throw new NotFound("batch");
  let copied = 0;
  for await (const page of endedLinks(sql, [...ids.keys()])) {
    const again = page.flatMap(({ parent_id, child_id, ...edge }) => {
      const parent = ids.get(parent_id);
      return parent === undefined ? [] : [{ parent_id: parent, child_id: ids.get(child_id) as string, ...edge }];
    });
    if (again.length > 0) await insertLinks(sql, again);
    copied += again.length;
  }
  if (copied !== links) throw new NotFound("batch");
}

/** As many at a time as keep their text, and what Postgres has to check at the end of each statement, small. */
export async function insertLinks(sql: Sql, links: readonly PlannedLink[]): Promise<void> {
  for (let from = 0; from < links.length; from += linksInOne) {
    const params: (string | null)[] = [];
    const statement = intoLink(params, links.slice(from, from + linksInOne));
    await sql.unsafe(statement, params, { prepare: true });
  }
}

const linkColumns = [
  own("parent_id", "uuid"),
  own("child_id", "uuid"),
  own("requires_success", "boolean"),
  own("condition", "text"),
] as const;

export const intoLink = (params: (string | null)[], links: readonly PlannedLink[]) => `
  insert into link (${names(linkColumns)}) select ${names(linkColumns)} from ${unnest(params, linkColumns, links)}`;
