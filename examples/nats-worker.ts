// A worker without a port: it pulls work that Baton publishes (`Nats` actions) from a queue group, does it, and reports by
// command. Start as many as you like; each message goes to one of them, and comes again if that one dies before it has acked.
//
//   NATS_URL=nats://client:<password>@host:4222 node examples/nats-worker.ts [queue]      the queue is `words` by default
//
// A message may come twice, and so a job may be done twice: a report counts once all the same, by its Nats-Msg-Id.
import { type JsMsg, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, createInbox, headers, nanos } from "@nats-io/transport-node";

/** What Baton publishes under baton.work. */
interface Work {
  readonly task_id: string;
  readonly attempt: number;
  readonly trigger: "start" | "end" | "cancel";
  readonly body: unknown;
}

/** The job's own fault: the task fails. Every other error is one of the way, and the message comes again. */
class JobError extends Error {}

const queue = process.argv[2] ?? "words";
const inboxPrefix = "_INBOX_client";
const stillWorkingMs = 10_000;
const answerMs = 10_000;

const url = new URL(process.env.NATS_URL ?? "nats://127.0.0.1:4229");
const nc = await connect({
  ...{ servers: url.host, user: url.username, pass: decodeURIComponent(url.password) },
  ...{ inboxPrefix, maxReconnectAttempts: -1 },
}).catch((error: Error) => {
  console.error(`No NATS answers at ${url.host}: ${error.message}`);
  console.error("Start Baton first (npm start), or say where NATS is: NATS_URL=nats://127.0.0.1:<port>");
  process.exit(1);
});
const js = jetstream(nc);

// The queue group. All workers name the same durable consumer; whoever comes first makes it.
const durable = `${queue}-workers`;
await (await jetstreamManager(nc)).consumers.add("BATON_WORK", {
  ...{ durable_name: durable, filter_subject: `baton.work.${queue}.>`, ack_policy: "explicit" },
  ack_wait: nanos(3 * stillWorkingMs),
});
const messages = await (await js.consumers.get("BATON_WORK", durable)).consume({ max_messages: 1 });
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void messages.close());
console.log(`pulling ${queue} from ${url.host}`);

for await (const message of messages) {
  const alive = setInterval(() => message.working(), stillWorkingMs);
  try {
    await handle(message);
    message.ack();
  } catch (error) {
    console.error(`${message.subject}: ${error}; it comes again`);
    message.nak(5_000);
  }
  clearInterval(alive);
}
await nc.drain();

/** Resolves when the report is settled: only then may the message go. */
async function handle(message: JsMsg): Promise<void> {
  const { task_id, attempt, trigger, body } = message.json<Work>();
  if (trigger !== "start") return console.log(`${trigger} ${task_id}`);
  try {
    const result = count(body);
    await report(`baton.task.${task_id}.succeed`, { attempt, result }, `${task_id}:${attempt}:succeed`);
    console.log(`done ${task_id} ${JSON.stringify(result)}`);
  } catch (error) {
    if (!(error instanceof JobError)) throw error;
    await report(
      `baton.task.${task_id}.fail`,
      { attempt, failure_reason: error.message },
      `${task_id}:${attempt}:fail`,
    );
    console.log(`failed ${task_id} ${error.message}`);
  }
}

/** The job itself. */
function count(body: unknown): { words: number } {
  const { text } = (body ?? {}) as { text?: unknown };
  if (typeof text !== "string") throw new JobError("there is no text to count");
  return { words: text.split(/\s+/).filter((word) => word !== "").length };
}

/** Asks for a transition and waits for the actor's word. A refusal (4xx) is a word: repeating it would change nothing. */
async function report(subject: string, fields: object, id: string): Promise<void> {
  const inbox = createInbox(inboxPrefix);
  const answers = nc.subscribe(inbox, { max: 1, timeout: answerMs });
  const head = headers();
  head.set("Baton-Reply", inbox);
  const stored = await js.publish(subject, JSON.stringify(fields), { msgID: id, headers: head });
  // The same report is stored already: sent by a worker that died before it acked. Nobody answers it a second time.
  if (stored.duplicate) return answers.unsubscribe();
  for await (const answer of answers) {
    const { status, error } = answer.json<{ status: number; error?: string }>();
    if (status >= 500) throw new Error(`${status} ${error}`);
    if (status >= 400) console.error(`${subject}: ${status} ${error}`);
    return;
  }
}
