// An API without workers whose batches grow: how tasks are added, and what has become of those that are there, as turns would
// have written it.
import { afterAll } from "vitest";
import { signatureOf } from "#domain/calls/handle";
import { openApi } from "./api.ts";

export const secret = "a secret of at least some length";
export const api = await openApi({ HANDLE_SECRET: secret, MAX_TASKS_PER_BATCH: "50" });
afterAll(api.close);

export const task = (id: string, more: object = {}) => ({ id, name: id, kind: "k", ...more });
export const needs = (id: string, more: object = {}) => ({ dependencies: [{ id, ...more }] });
export type Added = { id: string; local_id: string; status: string; failure_reason: string | null };

export async function send(url: string, body: unknown, headers: Record<string, string> = {}) {
  const payload = JSON.stringify(body);
  const all = { "content-type": "application/json", ...headers };
  const answer = await api.app.inject({ method: "POST", url, headers: all, payload });
  const json = answer.body === "" ? undefined : answer.json();
  return { status: answer.statusCode, body: json, headers: answer.headers };
}
export const add = (batch: string, body: unknown, headers = {}, query = "") =>
  send(`/batch/${batch}/tasks${query}`, body, headers);
export const byTask = (id: string, body: unknown, query = `?sig=${signatureOf(secret, id, 0)}`) =>
  send(`/task/${id}/tasks${query}`, body);

export async function create(body: unknown) {
  const { body: made, headers } = await send("/task", body);
  const tasks = (made ?? []) as Added[];
  return {
    batch: headers["x-batch-id"] as string,
    ids: Object.fromEntries(tasks.map((one) => [one.local_id, one.id])),
  };
}

/** What a turn would have written; `status` is final, or that of a task at work. */
export async function become(id: string | undefined, status: "Success" | "Failure" | "Skipped" | "Running") {
  const isFinal = status !== "Running";
  const column = { Success: "succeeded", Failure: "failed", Skipped: "skipped", Running: "" }[status];
  await api.db.tx(async (sql) => {
    const [row] = await sql`
      update task set status = ${status}::task_status, ended_at = case when ${isFinal} then clock_timestamp() end
      where id = ${id as string} returning batch_id`;
    if (!isFinal) return;
    await sql`
      update batch set unfinished = unfinished - 1, ${sql(column)} = ${sql(column)} + 1,
        completed_at = case when unfinished = 1 and not open then now() end where id = ${row?.batch_id}`;
  });
}
export const counts = async (batch: string) =>
  (
    await api.db.use(
      (sql) =>
        sql`select total, unfinished, links, failed, followed, skipped, to_json(kinds) as kinds from batch where id = ${batch}`,
    )
  )[0];
export const row = async (id: string | undefined) =>
  (
    await api.db.use(
      (sql) => sql`
    select status::text, rank, children, open_children as open, wait_finished as waits, acts from task where id = ${id as string}`,
    )
  )[0];
export const begun = (added: readonly Added[]) => added.map(({ status, failure_reason }) => [status, failure_reason]);
