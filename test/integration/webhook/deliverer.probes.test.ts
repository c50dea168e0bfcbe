// Which delivery probes a receiver whose circuit is not closed.
import { expect, it } from "vitest";
import type { Config } from "#config";
import { ReceiverCapacity } from "#flow/receiver-capacity";
import type { Db } from "#store/pg/pool";
import { until } from "#test/until";
import type { DelivererParts } from "#webhook/deliverer";

import { db, process_, rowOf, service, statuses, write } from "./deliverer.stage.ts";

/** A process whose receiver's circuit turns out not to be closed, between its leases and its calls. */
function probing(callSlots: ReceiverCapacity, probe: DelivererParts["probe"], more: Partial<Config> = {}) {
  const givenUp: string[] = [];
  const use: Db["use"] = async (work) => {
    const leased = await db.use(work);
    callSlots.gate(new Map([[service.url, 1]]));
    return leased;
  };
  const giveUp = (receiver: string) => void givenUp.push(receiver);
  return { ...process_(more, { callSlots, probe, db: { use }, giveUp }), givenUp };
}

it("a probe that comes to no call is left to others", async () => {
  const callSlots = new ReceiverCapacity(1, 8);
  let asked = 0;
  const { deliverer, givenUp } = probing(callSlots, async (wishes) => {
    // The only slot goes to another call meanwhile.
    if (asked++ === 0) callSlots.take("http://other:1");
    return new Set(wishes.map(({ receiver }) => receiver));
  });
  await write(1);
  deliverer.nudge();
  await until(() => givenUp.length === 1);
  expect([givenUp, service.calls.length]).toEqual([[service.url], 0]);
  callSlots.release("http://other:1");
  await until(async () => (await statuses()).success === 1);
  expect([givenUp.length, asked]).toEqual([1, 2]);
});

it("a probe is for one call, however many were leased", async () => {
  let taken = false;
  // Before its first look, which knows of no circuit yet.
  await write(3);
  const hold = service.hold("/done");
  const { givenUp } = probing(new ReceiverCapacity(8, 8), async (wishes) => {
    const free = new Set(taken ? [] : wishes.map(({ receiver }) => receiver));
    taken = true;
    return free;
  });
  await until(() => service.calls.length > 0);
  hold.release();
  await until(async () => (await statuses()).success === 1);
  await until(async () => (await db.use((sql) => sql`select from delivery where lease_id is not null`)).length === 0);
  expect([service.calls.length, await statuses(), givenUp]).toEqual([1, { success: 1, pending: 2 }, []]);
});

it("a delivery that failed before leaves the probe to one that has not, however long it is due", async () => {
  const wished: boolean[] = [];
  const [tried] = await write(1, "/tried");
  await db.use((sql) => sql`update delivery set attempts = 3, next_at = now() - interval '1 hour'`);
  await write(1, "/fresh");
  const hold = service.hold("/fresh");
  const callSlots = new ReceiverCapacity(8, 8);
  callSlots.gate(new Map([[service.url, 1]]));
  const { deliverer } = probing(callSlots, async (wishes) => {
    wished.push(...wishes.map(({ hasFailed }) => hasFailed));
    return new Set(wishes.filter(({ hasFailed }) => !hasFailed).map(({ receiver }) => receiver));
  });
  deliverer.nudge();
  await until(() => service.calls.length === 1);
  expect([service.calls[0]?.path, wished]).toEqual(["/fresh", [true, false]]);
  expect(await rowOf(tried as string)).toMatchObject({ status: "pending", attempts: 3, lease_id: null });
  hold.release();
});
