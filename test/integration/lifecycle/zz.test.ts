import { it } from "vitest";
import { startCluster } from "#test/cluster";
import { startReceiver } from "#test/receiver";
import { httpDoor } from "./doors.ts";
import { has, isLateStart, pathsFrom } from "./model.ts";
import { play } from "./player.ts";

const env = {
  WEBHOOK_HOST_CONCURRENCY: "1",
  CIRCUIT_BREAKER_ENABLED: "0",
  WORKER_LOOP_INTERVAL_MS: "100",
  WORKER_CLAIM_TIMEOUT_SECS: "2",
};
it("x", { timeout: 100000 }, async () => {
  const cluster = await startCluster({ env });
  const service = await startReceiver();
  let t0 = performance.now();
  const at = () => (performance.now() - t0).toFixed(0).padStart(6);
  const w = cluster.workers[0]!;
  const world = {
    cluster,
    service,
    loseWorker: async () => {
      console.log(at(), "call freeze");
      cluster.freeze(w);
      await cluster.start("worker");
      console.log(at(), "call new worker");
    },
    reviveWorker() {
      console.log(at(), "call thaw");
      cluster.thaw(w);
    },
  };
  const orig = cluster.call.bind(cluster);
  cluster.call = async (v, p, b, h) => {
    const a = performance.now();
    const r = await orig(v, p, b, h);
    console.log(at(), "call", v, p.slice(0, 40), r.status, (performance.now() - a).toFixed(0));
    return r;
  };
  const p = pathsFrom(0, 0, 1).filter(isLateStart)[Number(process.env.N ?? 0)]!;
  t0 = performance.now();
  console.log("PATH", p.title);
  try {
    await play(world, p, httpDoor(cluster));
  } catch (e) {
    console.log((e as Error).message);
    console.log(
      "call",
      JSON.stringify(
        await cluster.sql`select t.kind, e.from,e.to,e.event,e.at,e.reason,e.actor from event e join task t on t.id=e.task_id order by e.id`,
        null,
        0,
      ).replaceAll("},", "},\ncall "),
    );
    console.log(cluster.said().replaceAll("\n", "\ncall "));
  }
  console.log(at(), "done");
});
