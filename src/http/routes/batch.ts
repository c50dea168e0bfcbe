// Reading batches, and asking to stop, pause or resume one whole: the actor answers how many tasks that touched.
import type { FastifyInstance } from "fastify";
import { reasonIn } from "#domain/actor";
import type { BatchVerb } from "#domain/command";
import { rulesWarnings } from "#domain/create/warnings";
import { found } from "#domain/errors";
import { batchStates, stoppedCounts } from "#domain/schema/answers/batch";
import type { RulesPatch } from "#domain/schema/rules";
import { taskStates } from "#domain/state";
import { uuidv7 } from "#domain/values/uuid";
import { operations } from "#http/operations/table";
import { pageOf, sayNext } from "#http/query";
import { type Deps, route, send } from "#http/route";
import { warned } from "#intake/created";
import { goingOn, reply, replyTo } from "#intake/reply";
import { findBatch, listBatches } from "#store/read/tasks";
import { ensureKeyTemplates } from "#store/rules/key-templates";
import { lacking } from "#store/rules/lacking";

/** The calls that act on a whole batch, and the counts that each always answers. */
const moves = [
  { operation: operations.stopBatch, verb: "stop_batch", counts: stoppedCounts },
  { operation: operations.pauseBatch, verb: "pause_batch", counts: ["paused"] },
  { operation: operations.resumeBatch, verb: "resume_batch", counts: ["resumed"] },
] as const satisfies readonly {
  readonly verb: BatchVerb;
  readonly counts: readonly string[];
  readonly operation: object;
}[];

/** The tasks are looked at for so many fields of rules. */
const warnedFieldsMax = 20;

export function batchRoutes(app: FastifyInstance, { db, commands, config, log }: Deps): void {
  route(app, operations.getBatch, async ({ id }) => found(await findBatch(db, id), "batch"));

  route(app, operations.listBatches, async ({ query, request }, out) => {
    const { page, page_size, after, created_after, created_before, status, ...rest } = query;
    const range = pageOf({ page, page_size, after }, config.paginationDefault, config.paginationMax);
    const ofTask = taskStates.filter((state) => status?.includes(state));
    const own = batchStates.filter((state) => status?.includes(state));
    const { rows, next } = await listBatches(db, {
      ...rest,
      ...range,
      ...(ofTask.length === 0 ? {} : { status: ofTask }),
      ...(own.length === 0 ? {} : { state: own }),
      ...(created_after === undefined ? {} : { createdAfter: created_after }),
      ...(created_before === undefined ? {} : { createdBefore: created_before }),
    });
    sayNext(request, out, "batches", range, next);
    return rows;
  });

  route(app, operations.setRules, async ({ id: target, body: rules, key, request: { actor } }, out) => {
    await ensureKeyTemplates(db, rules.rules);
    const command = { id: uuidv7(Date.now()), verb: "set_rules", target, actor, rules } as const;
    const answer = await commands.ask({ ...command, ...(key === undefined ? {} : { key }) });
    if (answer.status >= 300) return send(out, replyTo(answer, "batch"));
    const body = { batch_id: target, kind: rules.kind, ...answer.counts, ...goingOn(answer) };
    return send(out, reply(answer.status, body, warned(await warningsOf(target, rules))));
  });

  /** The rules are in force: what cannot be looked at now is not warned of. */
  const warningsOf = async (batch: string, sent: RulesPatch): Promise<readonly string[]> => {
    const names = new Set(sent.rules.flatMap(({ matcher }) => matcher.fields));
    try {
      const found = await lacking(db, batch, sent.kind, [...names].slice(0, warnedFieldsMax));
      return found === undefined ? [] : rulesWarnings(sent, found);
    } catch (error) {
      log.warn({ err: error, batch }, "what tasks lack of their new rules could not be looked at");
      return [];
    }
  };

  for (const { operation, verb, counts } of moves) {
    route(app, operation, async ({ id: target, key, query, request: { actor } }, out) => {
      const command = { id: uuidv7(Date.now()), verb, target, actor, ...reasonIn(query.reason) };
      const answer = await commands.ask({ ...command, ...(key === undefined ? {} : { key }) });
      if (answer.status >= 300) return send(out, replyTo(answer, "batch"));
      const zeros = Object.fromEntries(counts.map((name) => [name, 0]));
      return send(out, reply(answer.status, { batch_id: target, ...zeros, ...answer.counts, ...goingOn(answer) }));
    });
  }
}
