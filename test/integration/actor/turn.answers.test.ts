// The cancel action in the answer of a start: it is kept with the task once, and sent whenever the task is canceled.
import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, expect, it } from "vitest";
import { turn } from "#actor/turn/turn";
import type { ClientCommand } from "#domain/command";
import type { Item } from "#domain/turn/items";
import type { Db } from "#store/pg/pool";
import { until } from "#test/until";
import { create, env, openStage, type Rig, rowsOf, startRig } from "./stage.ts";

let db: Db;
let rig: Rig;
beforeEach(async () => {
  ({ db } = await openStage());
  rig = startRig(db);
});
afterEach(() => rig.stop());

const statusOf = async (id: string) => (await rowsOf(db, [id]))[0]?.status;

/** A task that this rig has claimed. */
async function claimed() {
  const { ids } = await create(db, [{}]);
  rig.look();
  const claim = await until(() => rig.started.find((one) => one.task === ids[0]));
  return { id: claim.task, claimId: claim.claimId };
}

it("an action in the answer of a start is sent, also where a cancel is decided in the same turn", async () => {
  const cancelAction = { kind: "Webhook", params: { url: "http://127.0.0.1:9/stop", verb: "Post" } } as const;
  const { id, claimId } = await claimed();
  const started: Item = { from: "local", command: { type: "started", task: id, claimId, cancelAction } };
  const cancel: Item = {
    ...{ from: "client", storedAt: Date.now(), expires: false, replyTo: null, settle: () => {} },
    command: { id: randomUUID(), verb: "cancel", target: id, actor: "test" } as ClientCommand,
  };
  const { settled } = await turn(db, env, "batch", [started, cancel], null);
  expect(settled.map(({ answer }) => answer?.status)).toEqual([undefined, 200]);
  const sent = await db.use((sql) => sql`select trigger, action from delivery where task_id = ${id}`);
  expect([...sent]).toEqual([{ trigger: "cancel", action: cancelAction }]);
});

it("the same action in the answer of every attempt is kept once", async () => {
  const cancelAction = { kind: "Webhook", params: { url: "http://127.0.0.1:9/stop", verb: "Post" } } as const;
  const other = { ...cancelAction, params: { ...cancelAction.params, body: { more: 1 } } };
  const { id, claimId } = await claimed();
  rig.mailbox.tell({ type: "started", task: id, claimId, cancelAction });
  for (const [n, action] of [cancelAction, other].entries()) {
    await until(async () => (await statusOf(id)) === "Running");
    await db.use((sql) => sql`update task set status = 'Pending', due_at = null, claim_id = null where id = ${id}`);
    rig.look();
    const again = await until(() => rig.started[n + 1]);
    rig.mailbox.tell({ type: "started", task: id, claimId: again.claimId, cancelAction: action });
  }
  const kept = async () =>
    (await db.use((sql) => sql<{ actions: object[] }[]>`select actions from task_spec where id = ${id}`))[0]?.actions;
  const answered = (action: object) => ({ ...action, trigger: "Cancel", answered: true });
  await until(async () => (await kept())?.length === 2);
  expect(await kept()).toEqual([answered(cancelAction), answered(other)]);
});
