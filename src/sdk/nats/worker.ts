/**
 * The service side of Baton without a port: pulls the work that Baton publishes (`Nats` actions) from a queue group, does each once by
 * its ledger, and reports by command. A message is acknowledged only when its report is stored, so that work of a worker that dies
 * comes to another one.
 */
import { type Consumer, type JsMsg, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { type NatsConnection, nanos } from "@nats-io/transport-node";
import { sleep } from "../service/clock.ts";
import type { HandlerOptions, Notice } from "../service/handler.ts";
import { type Identity, identityOf } from "../service/identity.ts";
import { memoryLedger } from "../service/ledger.ts";
import { checkSecrets } from "../service/options.ts";
import { heardBy, isUnsigned, refusedOf, sayRefusal, unsigned, warnings } from "../service/refused.ts";
import { run, type Start, type Work } from "../service/running.ts";
import { openWorks } from "../service/works.ts";
import { type CallHeaders, proven } from "../verify.ts";
import { type Commands, openCommands } from "./commands.ts";

/** As those of `handler`, where both have them. */
export interface WorkerOptions
  extends Pick<HandlerOptions, "ledger" | "heartbeatMs" | "onNotice" | "onError" | "onRefused" | "token" | "fetch"> {
  /** Of `@nats-io/transport-node`. It stays yours to close, after the worker. */
  readonly connection: NatsConnection;
  /** `words` pulls what is published under `baton.work.words`; all workers of one queue share its messages. */
  readonly queue: string;
  /** How many works run at once: 1 by default. */
  readonly concurrency?: number;
  /** After how long a message of a worker that died comes to another one, in milliseconds: 30,000 by default. */
  readonly ackWaitMs?: number;
  /** One or more `whsec_…` of WEBHOOK_SIGNING_SECRET: messages are verified, too. Left out: the permissions of NATS guard them. */
  readonly secrets?: string | readonly string[];
}

export interface Worker {
  /** How many works run. */
  readonly running: number;
  /**
   * Takes no more, waits for what runs, after `graceMs` aborts it, with its reports that wait for NATS, and hands back what was aborted.
   * A work whose report was not taken comes again after `ackWaitMs`. One that does not listen to `task.signal` is waited for.
   */
  close(graceMs?: number): Promise<void>;
}

const stream = "BATON_WORK";
/** How long one look into the queue waits. */
const lookMs = 2_000;
const againMs = 1_000;

/**
 * Pulls a queue; resolves when it does. `work` is called for each start; what it returns is the result of the task, what it throws fails it.
 *
 *     const connection = await connect({ servers: "nats.example.com", inboxPrefix: "_INBOX_client", maxReconnectAttempts: -1 });
 *     const words = await worker<{ text: string }>({ connection, queue: "words" }, (task) => ({ words: task.body.text.split(" ").length }));
 *     process.once("SIGTERM", () => words.close().then(() => connection.drain()));
 */
export async function worker<Body = unknown>(options: WorkerOptions, work: Work<Body>): Promise<Worker> {
  const { connection, queue, concurrency = 1, ackWaitMs = 30_000 } = options;
  if (!/^[\w-]+(\.[\w-]+)*$/.test(queue))
    throw new TypeError(`queue: "${queue}" is no name; say "words" for what is published under baton.work.words`);
  if (options.secrets !== undefined) checkSecrets(options.secrets, "left out, the permissions of NATS guard the queue");
  const works = openWorks();
  const commands = openCommands(connection);
  const taker = takerOf(options, commands, works, work);

  const consumer = async (): Promise<Consumer> => {
    const durable = `${queue.replaceAll(".", "-")}-workers`;
    const config = { durable_name: durable, filter_subject: `baton.work.${queue}.>`, ack_policy: "explicit" } as const;
    await (await jetstreamManager(connection)).consumers.add(stream, { ...config, ack_wait: nanos(ackWaitMs) });
    return jetstream(connection).consumers.get(stream, durable);
  };
  /** Looks and works in turn, so that no message waits in a buffer of this process. */
  const puller = async (first: Consumer): Promise<void> => {
    for (let queued: Consumer | undefined = first; !works.isClosing && !connection.isClosed(); ) {
      try {
        queued ??= await consumer();
        const message = await queued.next({ expires: lookMs });
        if (message !== null) await handled(message);
      } catch {
        // The consumer is gone, or NATS is away.
        queued = undefined;
        await sleep(againMs);
      }
    }
  };
  const handled = async (message: JsMsg): Promise<void> => {
    if (works.isClosing) return message.nak();
    const alive = setInterval(() => message.working(), ackWaitMs / 3);
    await taker(message).finally(() => clearInterval(alive));
  };
  const first = await consumer();
  const pullers = Promise.all(Array.from({ length: concurrency }, () => puller(first)));
  return {
    get running() {
      return works.size;
    },
    async close(graceMs = 10_000) {
      await works.close(graceMs);
      await pullers;
      commands.close();
    },
  };
}

type Works = ReturnType<typeof openWorks>;
interface Message {
  readonly task_id?: string;
  readonly attempt?: number;
  readonly handle?: string;
  readonly body?: unknown;
  readonly inputs?: Start["inputs"];
}

function takerOf<Body>(options: WorkerOptions, commands: Commands, works: Works, work: Work<Body>) {
  const { secrets, ledger = memoryLedger(), heartbeatMs = 15_000, ackWaitMs = 30_000 } = options;
  const { onNotice = () => {}, onError = sayRefusal } = options;
  const heard = heardBy(options.onRefused ?? warnings());

  async function begin(message: JsMsg, key: string, { task, attempt }: Begun, sent: Message): Promise<void> {
    const name = `${task}:${attempt}`;
    if (!(await ledger.take(key))) {
      // At work here, it is acknowledged when that ends. Anywhere else it was begun: Baton hears of its end, or times it out.
      if (!works.has(name)) message.ack();
      return;
    }
    if (works.isCanceled(name)) return message.ack();
    if (works.isClosing) return handBack(message, key);
    const { handle = "", inputs = {}, body } = sent;
    const start = { taskId: task, attempt, key, inputs, path: message.subject, body: body as Body };
    const reporter = commands.reporterOf(task, attempt, handle, options);
    const running = run(start, work, reporter, { heartbeatMs, onError, saysBegun: true });
    works.begin(name, running);
    const end = await running.done;
    if (end === "settled") message.ack();
    if (end === "stopped") await handBack(message, key);
  }

  async function handBack(message: JsMsg, key: string): Promise<void> {
    await ledger.release(key);
    message.nak();
  }

  async function tell(message: JsMsg, key: string, identity: Exclude<Identity, Begun>, sent: Message): Promise<void> {
    const { trigger } = identity;
    if (trigger === "cancel") works.cancel(`${identity.task}:${identity.attempt}`);
    if (!(await ledger.take(key))) return message.ack();
    try {
      const { baton = {}, ...body } = (sent.body ?? {}) as { baton?: Notice["baton"] };
      await onNotice({ trigger, key, body, baton, path: message.subject });
      message.ack();
    } catch {
      await ledger.release(key);
      message.nak(ackWaitMs / 3);
    }
  }

  return async (message: JsMsg): Promise<void> => {
    const key = message.headers?.get("Idempotency-Key") ?? "";
    const identity = identityOf(key);
    const sent = readable(message);
    const fault = secrets === undefined ? undefined : await faultOf(message, secrets, key);
    if (identity === undefined || sent === undefined || fault !== undefined) {
      const other = identity === undefined ? `"${key.slice(0, 100)}" is no key of Baton's` : "the message is no JSON";
      heard(refusedOf(fault ?? other, message.subject, key));
      return message.term("it is no work of Baton's");
    }
    if (identity.trigger === "start") return begin(message, key, identity, sent);
    return tell(message, key, identity, sent);
  };
}

type Begun = Extract<Identity, { trigger: "start" }>;

function readable(message: JsMsg): Message | undefined {
  try {
    return message.json<Message>();
  } catch {
    return undefined;
  }
}

/** Why a message is not believed; it may have waited for long, so its time says nothing. */
async function faultOf(message: JsMsg, secrets: string | readonly string[], key: string): Promise<string | undefined> {
  const names = message.headers?.keys() ?? [];
  const values: CallHeaders = Object.fromEntries(names.map((name) => [name, message.headers?.get(name)]));
  if (isUnsigned(values)) return unsigned;
  return proven(secrets, values, message.data, { ofAnyAge: true }).then(
    (id) => (id === key ? undefined : "the signature is that of another key"),
    (error: Error) => error.message,
  );
}
