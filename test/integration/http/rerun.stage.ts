// An API for reruns: it creates batches, ends them as workers would have, and runs them again.
import { openApi } from "./api.ts";

export const missing = "019b0000-0000-7000-8000-000000000000";
export const hook = (path: string) => ({
  kind: "Webhook",
  params: { url: `http://127.0.0.1:9/${path}`, verb: "Post" },
});
export const task = (id: string, more: object = {}) => ({ id, name: `name ${id}`, kind: "k", ...more });
export const ids = (tasks: readonly { local_id: string }[]) => tasks.map((one) => one.local_id);

export async function openReruns() {
  const api = await openApi({ MAX_TASKS_PER_BATCH: "20000", PAYLOAD_MAX_BYTES: "50000000" });
  return {
    api,
    rerun: (batch: string, body: unknown = { only: "failed" }, headers: Record<string, string> = {}) =>
      api.app.inject({
        method: "POST",
        url: `/batch/${batch}/rerun`,
        headers: { "content-type": "application/json", ...headers },
        ...(body === "" ? {} : { payload: JSON.stringify(body) }),
      }),
    async create(body: unknown): Promise<string> {
      const answer = await api.post(body);
      if (answer.statusCode >= 300) throw new Error(answer.body);
      return String(answer.headers["x-batch-id"]);
    },
    /** Ends every task as `ends` says by local id, the others by Success, as workers would have. */
    async end(batch: string, ends: Record<string, string> = {}): Promise<void> {
      await api.db.tx(async (sql) => {
        await sql`
          update task t set status = coalesce((${JSON.stringify(ends)}::text::jsonb ->> s.local_id)::task_status, 'Success'),
            ended_at = now(), due_at = null, attempt = 3, success = 5, failures = 6, failure_reason = 'why', next_retry_at = now()
          from task_spec s where s.id = t.id and t.batch_id = ${batch}`;
        await sql`update task_spec set result = '{"old":true}' where batch_id = ${batch}`;
        await sql`update batch set unfinished = 0, succeeded = total, completed_at = now() where id = ${batch}`;
      });
    },
    count: async () => (await api.db.use((sql) => sql`select count(*)::int as n from batch`))[0]?.n as number,
  };
}
