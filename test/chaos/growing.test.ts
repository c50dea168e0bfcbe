// Tasks that are added in the very moment in which a batch would be complete: each addition is either in the batch and runs, or is
// refused with 409, and the batch is complete once, after all that is in it. Two API processes and two workers.
import { beforeAll, expect, test } from "vitest";
import { type Cluster, type Member, type Reply, startCluster } from "#test/cluster";
import { type Receiver, startReceiver } from "#test/receiver";
import { seed } from "#test/seed";
import { until } from "#test/until";

const rounds = 1_000;
const atOnce = 25;
const roundMs = 30_000;

let cluster: Cluster;
let service: Receiver;
let apis: readonly Member[];
beforeAll(async () => {
  service = await startReceiver();
  cluster = await startCluster({ apis: 2, workers: 2, env: { LOG_LEVEL: "warn" } });
  apis = cluster.members.filter(({ role }) => role === "api");
}, 60_000);

/** What one round ended in. */
interface Round {
  readonly batch: string;
  readonly added: number;
  readonly code: string | undefined;
}

test(`of ${rounds} additions against a completion each is whole or refused (seed ${seed})`, {
  timeout: 300_000,
}, async () => {
  const done: Round[] = [];
  for (let n = 0; n < rounds; n += atOnce)
    done.push(...(await Promise.all(Array.from({ length: atOnce }, (_, i) => round(n + i)))));
  const ids = done.map(({ batch }) => batch);
  // Each batch says once that it is complete; all have when the last delivery has arrived.
  await until(() => new Set(completions()).size === rounds, roundMs);
  expect(new Set(done.map(({ added }) => added))).toEqual(new Set([201, 409]));
  expect(new Set(done.filter(({ added }) => added === 409).map(({ code }) => code))).toEqual(
    new Set(["batch_complete"]),
  );
  const rows = await cluster.sql<{ id: string; tasks: number; succeeded: number; completed: boolean }[]>`
    select b.id, count(t.id)::int as tasks, count(*) filter (where t.status = 'Success')::int as succeeded,
      b.completed_at >= max(t.ended_at) as completed
    from batch b join task t on t.batch_id = b.id where b.id = any(${ids}) group by b.id`;
  const expected = new Map(done.map(({ batch, added }) => [batch, added === 201 ? 2 : 1]));
  for (const { id, tasks, succeeded, completed } of rows)
    expect({ id, tasks, succeeded, completed }).toEqual({
      ...{ id, tasks: expected.get(id), succeeded: expected.get(id), completed: true },
    });
  expect(rows).toHaveLength(rounds);
  expect(completions()).toHaveLength(rounds);
});

const completions = () =>
  service.to("/complete").map(({ body }) => (body as { baton: { batch_id: string } }).baton.batch_id);

/** A gate is opened, which ends the only task of a batch, while a task that ends by itself is added. */
async function round(n: number): Promise<Round> {
  const one = apis[n % 2] as Member;
  const other = apis[(n + 1) % 2] as Member;
  const webhook = { kind: "Webhook", params: { url: `${service.url}/complete`, verb: "Post" } };
  const gate = { id: "gate", name: "gate", kind: "grow", on_start: { kind: "Wait", params: {} } };
  const { body: made } = await send(one, "POST", "/task", { tasks: [gate], on_batch_complete: [webhook] });
  const [{ id, batch_id: batch }] = made as [{ id: string; batch_id: string }];
  await until(async () => (await send(one, "GET", `/task/${id}`)).body.status === "Running", roundMs);
  const open = () => send(one, "PATCH", `/task/${id}`, { status: "Success" });
  const add = () => send(other, "POST", `/batch/${batch}/tasks`, [{ id: "more", name: "more", kind: "grow" }]);
  const isFirst = ((seed + n * 2_654_435_761) >>> 7) % 2 === 0;
  const calls = isFirst ? [open(), add()] : [add(), open()];
  const answers = await Promise.all(calls);
  const [opened, added] = isFirst ? answers : answers.toReversed();
  expect(opened?.status).toBe(200);
  return { batch, added: added?.status ?? 0, code: added?.body.code };
}

async function send(
  { url }: Member,
  method: string,
  path: string,
  body?: unknown,
): Promise<Pick<Reply, "status" | "body">> {
  const answer = await fetch(`${url}${path}`, {
    ...{ method, headers: { "content-type": "application/json" } },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: await answer.json() };
}
