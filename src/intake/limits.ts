// What every creation is held to, whoever asks for it: the limits of one call, and how many tasks may be unfinished.
import type { Config } from "#config";
import type { Policy } from "#domain/calls/guard";
import { TooMany } from "#domain/errors";
import type { BatchLimits } from "#domain/schema/batch";
import { countUnfinished } from "#store/create/create";
import type { Db } from "#store/pg/pool";

export interface Limited {
  readonly config: Pick<
    Config,
    "maxTasksPerBatch" | "maxDepsPerTask" | "maxLinksPerBatch" | "maxActionsPerTask" | "maxUnfinishedTasks"
  >;
  readonly policy: Policy;
  readonly db: Db;
}

/** Of one call. */
export const batchLimits = ({ config, policy }: Pick<Limited, "config" | "policy">): BatchLimits => ({
  tasksMax: config.maxTasksPerBatch,
  dependenciesMax: config.maxDepsPerTask,
  linksMax: config.maxLinksPerBatch,
  actionsMax: config.maxActionsPerTask,
  policy,
});

/** Why nothing may be created now, where too many tasks are unfinished. Calls at the same moment may pass together. */
export async function fullness({ config, db }: Pick<Limited, "config" | "db">): Promise<TooMany | undefined> {
  const max = config.maxUnfinishedTasks;
  const n = max === 0 ? 0 : await countUnfinished(db);
  return max === 0 || n < max
    ? undefined
    : new TooMany("too_many_unfinished", "Too many tasks are unfinished", [
        `tasks: ${n} are unfinished, the limit is ${max}`,
      ]);
}
