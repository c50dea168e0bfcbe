// Bulk operations on a real Postgres, without NATS: an API that is asked, workers that decide and call nobody, and loops that may
// be stopped in the middle of a portion as if their process had died.
import { onTestFinished } from "vitest";
import { Replays } from "#actor/deliveries/replays";
import type { BulkCommand } from "#domain/bulk";
import { rerunFor } from "#intake/bulk/rerun";
import { askActor } from "#roles/bulk";
import { until } from "#test/until";
import { bulkLoop } from "#timers/bulk/bulk";
import type { Loop } from "#timers/loop";
import { log, startRig } from "../actor/stage.ts";
import { openApi } from "../http/api.ts";

export type BulkStage = Awaited<ReturnType<typeof openBulkStage>>;
/** Stands between a loop and the actor. */
export type Between = (command: BulkCommand, ask: () => Promise<unknown>) => Promise<unknown>;

export async function openBulkStage() {
  const loops = new Set<Loop>();
  /** What the loops logged as wrong. */
  const errors: unknown[] = [];
  const watched = Object.assign(Object.create(log), {
    error: (fields: { err?: unknown }) => void errors.push(fields.err),
  });
  const notifyBulk = () => {
    for (const one of loops) one.nudge();
  };
  const api = await openApi({ MAX_TASKS_PER_BATCH: "20000", PAYLOAD_MAX_BYTES: "50000000" }, { notifyBulk });
  const { db, app } = api;
  const rig = startRig(db);
  // Its tasks stay Pending: nobody claims.
  rig.worker.stopClaiming();
  const replays = new Replays({ db, log, due: () => {}, flush: () => {}, deadLetter: () => {} });
  const call = async (method: "GET" | "POST" | "DELETE" | "PATCH", url: string, body?: unknown, headers = {}) => {
    const sent = body === undefined ? {} : { payload: JSON.stringify(body) };
    const answer = await app.inject({
      ...{ method, url, ...sent },
      headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
    });
    return { status: answer.statusCode, body: answer.body === "" ? undefined : answer.json(), headers: answer.headers };
  };
  return {
    ...{ api, db, rig, call, errors },
    /** A loop of its own, ended with the test. */
    work(between: Between = (_, ask) => ask(), leaseMs = 600) {
      const loop = bulkLoop({
        ...{ db, leaseMs, log: watched },
        ask: (command) =>
          between(command, () =>
            askActor({ mailbox: rig.mailbox, replay: (item) => replays.put(item) }, command),
          ) as never,
        rerun: (id, batch) => rerunFor({ ...api.deps, log }, id, batch),
      });
      loops.add(loop);
      onTestFinished(async () => {
        loops.delete(loop);
        await loop.stop();
      });
      return loop;
    },
    async create(tasks: readonly object[], more: object = {}): Promise<{ batch: string; ids: string[] }> {
      const named = tasks.map((task, n) => ({ id: `t${n}`, name: `t${n}`, kind: "k", ...task }));
      const { status, body, headers } = await call("POST", "/task", { tasks: named, ...more });
      if (status !== 201 && status !== 204) throw new Error(JSON.stringify(body));
      return { batch: String(headers["x-batch-id"]), ids: (body ?? []).map(({ id }: { id: string }) => id) };
    },
    async ask(body: object, headers = {}): Promise<{ bulk_id: string; matched: number | null }> {
      const answer = await call("POST", "/bulk", body, headers);
      if (answer.status !== 202) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
      return answer.body;
    },
    get: async (id: string) => (await call("GET", `/bulk/${id}`)).body,
    /** Once it is over. */
    over: (id: string, ms = 15_000) =>
      until(async () => {
        const { body } = await call("GET", `/bulk/${id}`);
        return body.ended_at !== null && body;
      }, ms),
    /** Of one operation, or of all. */
    items: async (id: string | null = null) =>
      (
        await db.use(
          (sql) => sql<{ n: number }[]>`
            select count(*)::int as n from bulk_item where bulk_id = coalesce(${id}::uuid, bulk_id)`,
        )
      )[0]?.n as number,
    async close() {
      await rig.stop();
      await api.close();
    },
  };
}
