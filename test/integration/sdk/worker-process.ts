// A worker in a process of its own, which a test may kill: node worker-process.ts <nats> <ledger file>. Says what it begins and what it did.
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { connect } from "@nats-io/transport-node";
import type { Ledger } from "../../../src/sdk/index.ts";
import { worker } from "../../../src/sdk/nats.ts";

const [servers = "", file = ""] = process.argv.slice(2);
const keys = new Set(existsSync(file) ? readFileSync(file, "utf8").split("\n") : []);
const ledger: Ledger = {
  take(key) {
    if (keys.has(key)) return false;
    keys.add(key);
    appendFileSync(file, `${key}\n`);
    return true;
  },
  release: (key) => void keys.delete(key),
};

const connection = await connect({ servers });
const jobs = await worker<{ holdMs: number }>(
  { connection, queue: "jobs", concurrency: 3, ledger, heartbeatMs: 400, ackWaitMs: 1_500 },
  async (task) => {
    console.log(`begin ${task.key}`);
    if (task.attempt === 0) await task.sleep(task.body.holdMs);
    await task.progress(1);
    console.log(`did ${task.taskId}`);
    return { by: process.pid };
  },
);
process.once("SIGTERM", async () => {
  await jobs.close();
  await connection.drain();
});
console.log("pulls");
