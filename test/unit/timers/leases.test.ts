// Who is alive and who is thought dead: a worker keeps its lease, gives back claims that it does not know of, and takes over
// from others only when it has itself been able to renew for a whole lease. The table is faked, with a clock that it shares.
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { limits } from "#config";
import type { LocalCommand } from "#domain/turn/items";
import type { Claim } from "#store/maintenance/process";
import type { Db } from "#store/pg/pool";
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
  /** What a look after the own claims waits for. */
  checking: null as Promise<void> | null,
}));
vi.mock("#store/maintenance/process", () => {
  const answer = async <T>(value: () => T): Promise<T> => {
    if (table.away) throw new Error("away");
    return value();
  };
  return {
    register: () =>
      answer(() => {
        table.known.add(++table.registered);
        return table.registered;
      }),
    renew: (_: Db, id: number) =>
      answer(() => {
        table.renewed.push(id);
        return table.known.has(id);
      }),
    resign: (_: Db, id: number) => answer(() => void table.resigned.push(id)),
    claimsOf: async () => {
      await table.checking;
      return answer(() => table.claims);
    },
    orphans: (_: Db, after: string, limit: number) =>
      answer(() => {
        table.looks++;
        return table.orphans.filter(({ task }) => task > after).slice(0, limit);
      }),
  };
});

/** In seconds: a lease is renewed three times in it. */
const lease = 0.3;
let leases: Leases;
let sent: LocalCommand[];
let held: Set<number>;
/** Tasks for which a sweep has sent a command already. */
let waiting: Set<string>;
/** How often the lease became good. */
let good: number;

function start(leaseSecs = lease) {
  good = 0;
  leases = new Leases({
    ...{ db: {} as Db, self: { name: "w", roles: ["worker"], version: "1" }, leaseSecs, sweepMs: 10, log },
    held: () => held,
    figures: () => ({ callsOpen: 0, lagMs: 0, skewMs: 0 }),
    isWaiting: (task) => waiting.has(task),
    tell: (command) => void sent.push(command),
    onGood: () => {
      good++;
    },
  });
}
beforeEach(() => {
  Object.assign(table, {
    away: false,
    registered: 0,
    renewed: [],
    looks: 0,
    resigned: [],
    claims: [],
    orphans: [],
    checking: null,
  });
  table.known.clear();
  sent = [];
  held = new Set();
  waiting = new Set();
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

it("lets a claim be sent only while no other worker may have taken it over", async () => {
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
  await until(() => sent.length > 0);
  expect(sent[0]).toEqual({ type: "released", task: "b", claimId: 8 });
  held.add(8);
  const before = sent.length;
  const renewals = table.renewed.length;
  await until(() => table.renewed.length > renewals + 1);
  expect(sent.slice(before + 1)).toEqual([]);
});

it("takes over from the dead, but only after one whole lease of renewals without a gap", async () => {
  table.orphans = [{ task: "x", claimId: 3 }];
  const began = performance.now();
  start();
  await until(() => sent.length > 0, 3_000);
  expect(performance.now() - began).toBeGreaterThan(lease * 1000);
  expect(sent[0]).toEqual({ type: "lease_expired", task: "x", claimId: 3 });
});

it("tells no claim of the dead twice while it waits, and goes past those to the others", async () => {
  const id = (n: number) => `task ${String(n).padStart(6, "0")}`;
  table.orphans = Array.from({ length: 2 * limits.sweepRowsMax + 1 }, (_, n) => ({ task: id(n), claimId: n }));
  waiting = new Set(table.orphans.slice(0, -1).map(({ task }) => task));
  start();
  await until(() => sent.length > 0, 3_000);
  expect(sent[0]).toMatchObject({ type: "lease_expired", task: id(2 * limits.sweepRowsMax) });
});

it("renews in time however long the look after its own claims takes", async () => {
  let letGo = () => {};
  table.checking = new Promise((resolve) => {
    letGo = resolve;
  });
  start();
  await until(() => leases.good());
  await stays(() => leases.good(), lease * 2_500);
  letGo();
});

it("takes no worker for dead after an outage, until a whole lease has passed again", async () => {
  start();
  await until(() => table.looks > 0, 3_000);
  table.away = true;
  await until(() => !leases.good(), 3_000);
  table.orphans = [{ task: "x", claimId: 3 }];
  const looks = table.looks;
  table.away = false;
  await until(() => leases.good(), 2_000);
  const back = performance.now();
  await until(() => sent.length > 0, 3_000);
  // It was good from the moment its renewal was asked for, a little before it was seen here.
  expect(performance.now() - back).toBeGreaterThan(lease * 1000 - 60);
  expect(table.looks).toBeGreaterThan(looks);
});

it("says that it ends; whether that is heard or not, it ends", async () => {
  start();
  await until(() => leases.id === 1);
  await leases.stop();
  await leases.resign();
  expect(table.resigned).toEqual([1]);
  const renewals = table.renewed.length;
  await stays(() => table.renewed.length === renewals, 150);
  table.away = true;
  await leases.resign();
});

it("has nothing to say before it was registered", async () => {
  table.away = true;
  start();
  await leases.resign();
  expect(table.resigned).toEqual([]);
});
