// Ids of tasks that were left out when they were sent: dependencies of tasks that are added later may name them.
import type { BatchPlan } from "#domain/create/batch";
import type { Sql } from "#store/pg/pool";
import { array } from "#store/pg/unnest";

/** `addedBy`: the task that sent them; null: none. One that is left out twice stays who it was. */
export const noteOmitted = (
  sql: Sql,
  { id, deduplicated }: Pick<BatchPlan, "id" | "deduplicated">,
  addedBy: string | null,
): Promise<unknown> => sql`
  insert into deduplicated (batch_id, local_id, added_by)
  select ${id}, name, ${addedBy}::uuid from unnest(${array(deduplicated)}::text[]) u (name)
  on conflict do nothing`;
