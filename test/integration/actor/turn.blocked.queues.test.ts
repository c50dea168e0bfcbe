// Many queues that turn out to be blocked hold up nobody behind them: one look goes on until it has been through them all.
// No notification comes and no sweep runs here, so whoever is left out waits for ever.
import { expect, it } from "vitest";
import { until } from "#test/until";
import { create, openStage, startRig } from "./stage.ts";

const slots = (kind: string, max: number, ...fields: string[]) => ({
  ...{ type: "Concurrency", max_concurrency: max },
  matcher: { kind, status: "Running", fields },
});

it("one look starts a task behind more blocked queues than a round takes", async () => {
  const { db } = await openStage();
  const rig = startRig(db);
  const [first] = (await create(db, [{ kind: "k", priority: 9, rules: [slots("k", 1)] as never }])).ids;
  rig.look();
  await until(() => rig.started.some(({ task }) => task === first));
  const apart = Array.from({ length: 200 }, (_, own) => ({
    ...{ kind: "k", metadata: { own }, priority: 5, rules: [slots("k", 1), slots("k", 1, "own")] as never },
  }));
  await create(db, apart as never);
  const [last] = (await create(db, [{ kind: "free", priority: -5, rules: [slots("free", 1)] as never }])).ids;
  rig.look();
  await until(() => rig.started.some(({ task }) => task === last));
  expect(rig.started.map(({ task }) => task)).toEqual([first, last]);
  await rig.stop();
});
