// A worker without a port: it pulls work that Baton publishes (`Nats` actions) from a queue group, does it, and reports by
// command. Start as many as you like; each message goes to one of them, and comes again if that one dies before it has acked.
//
//   NATS_URL=nats://client:<password>@host:4222 node examples/nats-worker.ts [queue]      the queue is `words` by default
//
// Keys of work that was begun are kept in memory here, so work of a worker that dies is begun again by another one. Give `ledger` a table
// of your database, and it is begun once, and once more in each retry of its task.
import { connect } from "@nats-io/transport-node";
import { worker } from "../src/sdk/nats.ts"; // "@baton/sdk/nats"

const queue = process.argv[2] ?? "words";
const url = new URL(process.env.NATS_URL ?? "nats://127.0.0.1:4229");
const connection = await connect({
  ...{ servers: url.host, user: url.username, pass: decodeURIComponent(url.password) },
  ...{ inboxPrefix: "_INBOX_client", maxReconnectAttempts: -1 },
}).catch((error: Error) => {
  console.error(`No NATS answers at ${url.host}: ${error.message}`);
  console.error("Start Baton first (npm start), or say where NATS is: NATS_URL=nats://127.0.0.1:<port>");
  process.exit(1);
});

const words = await worker<{ text?: unknown } | null>(
  {
    connection,
    queue,
    onNotice: ({ trigger, baton }) => console.log(`${trigger} ${baton.task_id}`),
    onError: (error, { taskId }) => console.log(`failed ${taskId} ${(error as Error).message}`),
  },
  (task) => {
    const text = task.body?.text;
    if (typeof text !== "string") throw new Error("there is no text to count");
    const result = { words: text.split(/\s+/).filter((word) => word !== "").length };
    console.log(`done ${task.taskId} ${JSON.stringify(result)}`);
    return result;
  },
);
console.log(`pulling ${queue} from ${url.host}`);
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => words.close().then(() => connection.drain()));
