// Schedules: making, changing and reading them. A change is one transaction of the API; workers hear of it.
import type { FastifyInstance } from "fastify";
import { mayOperate } from "#domain/actor";
import { warningsOf } from "#domain/create/warnings";
import { found, Invalid } from "#domain/errors";
import { readSchedule } from "#domain/schema/schedule";
import { operations } from "#http/operations/table";
import { pageOf, sayNext } from "#http/query";
import { type Deps, route, send } from "#http/route";
import { listedView, wholeView } from "#http/routes/schedules/view";
import { changeOnce } from "#intake/change-once";
import { hashOf } from "#intake/create";
import { warned } from "#intake/created";
import { batchLimits } from "#intake/limits";
import { type Reply, reply } from "#intake/reply";
import { isAlone, rulesOf } from "#intake/schedules/body";
import { type Changed, dropSchedule, pauseSchedule, putSchedule } from "#intake/schedules/change";
import { runAny } from "#intake/schedules/run";
import type { Sql } from "#store/pg/pool";
import { ensureKeyTemplates } from "#store/rules/key-templates";
import { findSchedule, listSchedules } from "#store/schedules/read";

export function scheduleRoutes(app: FastifyInstance, deps: Deps): void {
  const { db, config, commands } = deps;

  route(app, operations.listSchedules, async ({ query, request }, out) => {
    const range = pageOf(query, config.paginationDefault, config.paginationMax);
    const { rows, next } = await listSchedules(db, range);
    sayNext(request, out, "schedules", range, next);
    return rows.map(listedView);
  });

  route(app, operations.getSchedule, async ({ name, request }) =>
    wholeView(found(await findSchedule(db, name), "schedule"), mayOperate(request)),
  );

  /** Workers hear of it once it is committed. */
  const changed = async (
    key: Parameters<typeof changeOnce>[1],
    change: (sql: Sql) => Promise<Changed>,
  ): Promise<Reply> => {
    let dueMs: number | null = null;
    const answer = await changeOnce(db, key, async (sql) => {
      const made = await change(sql);
      dueMs = made.dueMs;
      return reply(made.isNew ? 201 : 200, wholeView(made.schedule, true));
    });
    if (dueMs !== null) commands.notifySchedule(dueMs);
    return answer;
  };
  const keyOf = (call: string, key: string | undefined, body: unknown = null) =>
    key === undefined ? undefined : { text: `${call} ${key}`, hash: hashOf(body) };

  route(app, operations.putSchedule, async ({ name, key, faults, request }, out) => {
    const { body, bodyBytes: bytes } = request;
    const read = readSchedule(body, bytes, batchLimits(deps), Date.now(), faults);
    if (read === undefined) throw new Invalid("Validation failed", faults);
    const { read: batch, ...sent } = read;
    // Too many different rules are refused here, not at each time.
    await ensureKeyTemplates(db, rulesOf(batch));
    const asked = { ...sent, name, bytes, alone: isAlone(batch, bytes) };
    const own = keyOf(`PUT /schedules/${name}`, key, body);
    const answer = await changed(own, (sql) => putSchedule(sql, asked));
    if (answer.status >= 300) return send(out, answer);
    const warnings = warningsOf(batch, new Set()).map((warning) => `batch.${warning}`);
    return send(out, { ...answer, headers: { ...answer.headers, ...warned(warnings) } });
  });

  route(app, operations.deleteSchedule, async ({ name, key }, out) => {
    const own = keyOf(`DELETE /schedules/${name}`, key);
    return send(
      out,
      await changeOnce(db, own, async (sql) => reply(200, wholeView(await dropSchedule(sql, name), true))),
    );
  });

  for (const [operation, paused] of [
    [operations.pauseSchedule, true],
    [operations.resumeSchedule, false],
  ] as const)
    route(app, operation, async ({ name, key }, out) => {
      const own = keyOf(`POST /schedules/${name}/${paused ? "pause" : "resume"}`, key);
      return send(out, await changed(own, (sql) => pauseSchedule(sql, name, paused)));
    });

  route(app, operations.runSchedule, async ({ name, key, request: { actor } }, out) =>
    send(out, await runAny(deps, { name, actor, key })),
  );
}
