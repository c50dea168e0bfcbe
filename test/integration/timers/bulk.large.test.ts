// Bulk reruns of batches so large that another thread makes them: counted, and tried again, as small ones are.
import { afterAll, expect, it } from "vitest";
import { rerunFor } from "#intake/bulk/rerun";
import type { LargeCalls } from "#intake/large/calls";
import { refusal } from "#intake/reply";
import { limits } from "#limits";
import { openApi } from "../http/api.ts";

const size = limits.largeRerunTasks + 1;
const bulk = "019b0000-0000-7000-8000-00000000000b";
const api = await openApi({ MAX_TASKS_PER_BATCH: "2000", MAX_UNFINISHED_TASKS: String(size) });
afterAll(api.close);
/** The thread takes seconds to start on a machine that does much else. */
const timeout = 60_000;

const run = (batch: string, large: Pick<LargeCalls, "rerun"> = api.large) =>
  rerunFor({ ...api.deps, large: large as LargeCalls }, bulk, batch);

async function create(): Promise<string> {
  const answer = await api.post(Array.from({ length: size }, (_, n) => ({ id: `t${n}`, name: "N", kind: "k" })));
  expect(answer.statusCode).toBe(201);
  return String(answer.headers["x-batch-id"]);
}
/** As workers would have ended it. */
async function failed(batch: string): Promise<string> {
  await api.db.tx(async (sql) => {
    await sql`update task set status = 'Failure', ended_at = now(), due_at = null where batch_id = ${batch}`;
    await sql`update batch set unfinished = 0, failed = total, completed_at = now() where id = ${batch}`;
  });
  return batch;
}

it("says of a batch that has not ended why it is not run again", { timeout }, async () => {
  const batch = await create();
  const answer = await run(batch);
  await failed(batch);
  expect(answer).toEqual({ status: 409, code: "batch_not_complete" });
});

it("leaves open what has no place now, and makes it once there is one", { timeout }, async () => {
  const batch = await failed(await create());
  const other = await create();
  expect(await run(batch)).toBeNull();
  await failed(other);
  expect(await run(batch)).toEqual({ status: 201 });
});

it.each(["busy", "unavailable", "key_in_flight"] as const)("leaves open what is %s", async (code) => {
  const [row] = await api.db.use((sql) => sql`select id from batch limit 1`);
  const answer = refusal(code, "Not now");
  const printed = { ...answer, body: Buffer.from(JSON.stringify(answer.body)) };
  expect(await run(row?.id, { rerun: async () => printed })).toBeNull();
});
