// Who is alive and who is thought dead: a worker keeps its lease, gives back claims that it does not know of, and takes over
// from others only when it has itself been able to renew for a whole lease. The table is faked, with a clock that it shares.
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { LocalCommand } from "#actor/mailbox";
import type { Db } from "#store/client";
import type { Claim } from "#store/due";
import { makeLogger } from "#telemetry/log";
import { stays, until } from "#test/until";
import { Leases } from "#timers/leases";

const log = makeLogger({ logLevel: "silent" }, "test");
const table = vi.hoisted(() => ({
  away: false,
  registered: 0,
  renewed: [] as number[],
  looks: 0,
  resigned: [] as number[],
  known: new Set<number>(),
  claims: [] as Claim[],
  orphans: [] as Claim[],
}));
vi.mock("#store/due", () => {
  const answer = async <T>(value: () => T): Promise<T> => {
    if (table.away) throw new Error("away");
    return value();
  };
  return {
    register: () =>
      answer(() => {
        table.known.add(++table.registered);
        return { id: table.registered, drawn: 0 };
      }),
    renew: (_: Db, id: number) =>
      answer(() => {
        table.renewed.push(id);
        return table.known.has(id) ? 0 : null;
      }),
    resign: (_: Db, id: number) => answer(() => void table.resigned.push(id)),
    claimsOf: () => answer(() => table.claims),
    orphans: () =>
      answer(() => {
        table.looks++;
        return table.orphans;
      }),
  };
});

/** In seconds: a lease is renewed three times in it. */
const lease = 0.3;
let leases: Leases;
let told: LocalCommand[];
let held: Set<number>;
/** How often the lease became good. */
let good: number;

function start(leaseSecs = lease) {
  good = 0;
  leases = new Leases({
    ...{ db: {} as Db, name: "w", leaseSecs, sweepMs: 10, log },
    held: () => held,
    tell: (command) => void told.push(command),
    onGood: () => {
      good++;
    },
    teller: { told: 0, registered: () => {}, quiet: () => 0, endsAt: () => {}, inherit: () => {} },
  });
}
beforeEach(() => {
  Object.assign(table, { away: false, registered: 0, renewed: [], looks: 0, resigned: [], claims: [], orphans: [] });
  table.known.clear();
  told = [];
  held = new Set();
});
afterEach(async () => {
  table.away = false;
  await leases.stop();
});

it("is registered before it may start anything, and renews again and again under its id", async () => {
  table.away = true;
  start();
  await stays(() => leases.id === null && !leases.good(), 50);
  table.away = false;
  await until(() => leases.id === 1 && leases.good());
  await until(() => table.renewed.length >= 3);
  expect(new Set(table.renewed)).toEqual(new Set([1]));
  expect(table.registered).toBe(1);
});

it("is not good any more once a lease has passed without a renewal, and is again with the next one", async () => {
  start();
  await until(() => leases.good());
  table.away = true;
  await until(() => !leases.good(), 2_000);
  table.away = false;
  await until(() => leases.good(), 2_000);
  expect([leases.id, good]).toEqual([1, 2]);
});

it("lets a claim be sent only while nobody else may have taken it over", async () => {
  start();
  await until(() => leases.good());
  const now = performance.now();
  expect(leases.mayStart(now)).toBe(true);
  expect(leases.mayStart(now - lease * 1000)).toBe(false);
  table.away = true;
  await until(() => !leases.good(), 2_000);
  expect(leases.mayStart(performance.now())).toBe(false);
});

it("gets a new id where its row is gone", async () => {
  start();
  await until(() => leases.id === 1);
  table.known.clear();
  await until(() => leases.id === 2, 2_000);
});

it("gives back its own claims that it does not know of, and no others", async () => {
  held.add(7);
  table.claims = [
    { task: "a", claimId: 7 },
    { task: "b", claimId: 8 },
  ];
  start();
  await until(() => told.length > 0);
  expect(told[0]).toEqual({ type: "released", task: "b", claimId: 8 });
  held.add(8);
  const before = told.length;
  const renewals = table.renewed.length;
  await until(() => table.renewed.length > renewals + 1);
  expect(told.slice(before + 1)).toEqual([]);
});

it("takes over from the dead, but only after one whole lease of renewals without a gap", async () => {
  table.orphans = [{ task: "x", claimId: 3 }];
  const began = performance.now();
  start();
  await until(() => told.length > 0, 3_000);
  expect(performance.now() - began).toBeGreaterThan(lease * 1000);
  expect(told[0]).toEqual({ type: "lease_expired", task: "x", claimId: 3 });
});

it("takes nobody for dead after an outage, until a whole lease has passed again", async () => {
  start();
  await until(() => table.looks > 0, 3_000);
  table.away = true;
  await until(() => !leases.good(), 3_000);
  table.orphans = [{ task: "x", claimId: 3 }];
  const looks = table.looks;
  table.away = false;
  await until(() => leases.good(), 2_000);
  const back = performance.now();
  await until(() => told.length > 0, 3_000);
  // It was good from the moment its renewal was asked for, a little before it was seen here.
  expect(performance.now() - back).toBeGreaterThan(lease * 1000 - 60);
  expect(table.looks).toBeGreaterThan(looks);
});

it("says that it ends; whether that is heard or not, it ends", async () => {
  start();
  await until(() => leases.id === 1);
  await leases.stop();
  await leases.resign(true);
  expect(table.resigned).toEqual([1]);
  const renewals = table.renewed.length;
  await stays(() => table.renewed.length === renewals, 150);
  table.away = true;
  await leases.resign(true);
});

it("has nothing to say before it was registered", async () => {
  table.away = true;
  start();
  await leases.resign(true);
  expect(table.resigned).toEqual([]);
});
