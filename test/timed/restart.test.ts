// A service that is killed under load and started again: its tasks wait for it, and none fails. Calls on their way on kept
// connections are made again under their keys; the others had not left.
import { describe, expect, it } from "vitest";
import { startCluster } from "#test/cluster";
import { startReceiver } from "#test/receiver";
import { until } from "#test/until";

const task = (id: string, on_start: unknown) => ({ id, name: id, kind: "k", on_start });

describe("a service that is killed under load, and back in 3 s", () => {
  it.each([
    ["without circuits", { CIRCUIT_BREAKER_ENABLED: "0" }],
    ["with circuits", { CIRCUIT_BREAKER_FAILURE_THRESHOLD: "5", CIRCUIT_BREAKER_RECOVERY_TIMEOUT_SECS: "1" }],
  ])(
    "fails no task, %s",
    async (_, env) => {
      const service = await startReceiver();
      service.answer("*", { delayMs: 10 });
      // Few connections: soon each has carried a call, and what was on its way is not lost with it.
      const load = await startCluster({ workers: 2, env: { WEBHOOK_HOST_CONCURRENCY: "5", ...env } });
      const total = 1_000;
      const start = service.action("/work", { completes: "on_response" });
      const ids = Object.values(await load.create(Array.from({ length: total }, (_, i) => task(`t${i}`, start))));
      await until(() => service.calls.length > 200, 30_000);
      await service.down();
      const killedAt = performance.now();
      expect(service.calls.length).toBeLessThan(total - 100);
      await until(() => performance.now() - killedAt > 3_000);
      expect((await load.sql`select from unsent`).length).toBeGreaterThan(0);
      await service.up();
      const states = () =>
        load.sql`select status::text, failure_reason as reason, count(*)::int as n from task where id in ${load.sql(ids)} group by 1, 2`;
      await until(async () => (await states()).every(({ status }) => ["Success", "Failure"].includes(status)), 60_000);
      expect(await states()).toEqual([{ status: "Success", reason: null, n: total }]);
      expect(new Set(service.calls.map(({ key }) => key)).size).toBe(total);
      expect(await load.sql`select from unsent`).toHaveLength(0);
    },
    120_000,
  );
});
