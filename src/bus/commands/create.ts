// `baton.batch.create`, `.add` and `.close`: request/reply for clients that speak NATS only. The answer is what HTTP gives, in
// one object.
import type { Msg, Subscription } from "@nats-io/transport-node";
import type { Bus } from "#bus/client";
import { setAside } from "#bus/dead";
import { isInbox, headers as names, subjects } from "#bus/subjects";
import type { Logger } from "#telemetry/log";

/** The answer of HTTP. */
export interface Created {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[]>>;
  /** Bytes are JSON already. */
  readonly body: unknown;
}

const failed: Created = {
  status: 500,
  headers: {},
  body: { error: "Internal error", code: "internal", details: [], faults: [] },
};

const reasonOf = (refusal: string): string => {
  const { error, details = [] } = JSON.parse(refusal) as { error?: string; details?: readonly string[] };
  return [error, ...details].join("; ");
};

const jsonOf = (body: unknown): string | undefined =>
  body instanceof Uint8Array ? Buffer.from(body).toString() : JSON.stringify(body);

/** What HTTP says in headers beside the tasks. */
function notesIn(headers: Created["headers"]): { deduplicated?: readonly string[]; warnings?: readonly string[] } {
  const listed = (name: string) => [headers[name] ?? []].flat();
  const deduplicated = listed("baton-deduplicated").flatMap((line) => line.split(",").map(decodeURIComponent));
  const warnings = listed("baton-warning").map(decodeURIComponent);
  return { ...(deduplicated.length > 0 ? { deduplicated } : {}), ...(warnings.length > 0 ? { warnings } : {}) };
}

/** What is done with a request. `id`: of the batch, as the subject has it; empty where it has none. */
type Act = (id: string, body: Uint8Array, key: string | undefined) => Promise<Created>;
export interface Acts {
  readonly create: Act;
  readonly add: Act;
  readonly close: Act;
}

/**
 * All api processes share the queue group, so one of them answers. `Nats-Msg-Id` is the key of the request. Gives what stops it:
 * it leaves the group, so that the others get what is asked from then on, and answers what it has got.
 */
export function answerBatches(bus: Bus, acts: Acts, log: Logger): () => Promise<void> {
  let of: unknown = null;
  let stopped = false;
  const subscriptions: Subscription[] = [];
  const answering = new Set<Promise<void>>();
  const answer = async (message: Msg, act: Act) => {
    const key = message.headers?.get(names.msgId) || undefined;
    const id = message.subject.split(".")[2] as string;
    const { status, headers, body } = await act(id, message.data, key).catch((err) => {
      log.error({ err, subject: message.subject }, "a request for a batch by NATS could not be answered");
      return failed;
    });
    const batch = headers["x-batch-id"];
    const isCreation = status < 300 && batch !== undefined;
    const said = jsonOf(body) ?? (isCreation ? "[]" : "{}");
    if (!message.reply || !isInbox(message.reply)) {
      // No client waits for the answer, so the reason would be lost.
      if (status >= 400) setAside(bus, message, reasonOf(said), log);
      return;
    }
    const made = { status, batch_id: batch, ...notesIn(headers) };
    const text = isCreation
      ? `${JSON.stringify(made).slice(0, -1)},"tasks":${said}}`
      : JSON.stringify({ status, ...(JSON.parse(said) as object) });
    // The tasks are more text than their request was: where they do not fit, they can be read by the batch's id.
    const fits = Buffer.byteLength(text) <= (bus.nc.info?.max_payload ?? 0);
    const short = isCreation ? made : JSON.parse(text);
    bus.nc.publish(message.reply, fits ? text : JSON.stringify({ ...short, tasks: [], truncated: true }));
  };
  const take = (message: Msg, act: Act) => {
    const answered = answer(message, act)
      .catch((err) => log.error({ err }, "an answer could not be sent by NATS"))
      .finally(() => answering.delete(answered));
    answering.add(answered);
  };
  const subscribe = (subject: string, act: Act) => {
    const callback = (error: Error | null, message: Msg) => void (error ?? take(message, act));
    subscriptions.push(bus.nc.subscribe(subject, { queue: "api", callback }));
  };
  bus.onReady(() => {
    if (stopped || of === bus.nc) return;
    of = bus.nc;
    subscribe(subjects.createBatch, acts.create);
    subscribe(subjects.addToBatch("*"), acts.add);
    subscribe(subjects.closeBatch("*"), acts.close);
  });
  return async () => {
    stopped = true;
    await Promise.all(subscriptions.map((one) => leave(bus, one)));
    await Promise.all(answering);
  };
}

/** What is on its way still comes. While NATS is away nothing is, and nothing would tell when it has come. */
async function leave(bus: Bus, subscription: Subscription): Promise<void> {
  if (!bus.up) return subscription.unsubscribe();
  const lost = Promise.withResolvers<void>();
  const unwatch = bus.onLost(lost.resolve);
  await Promise.race([subscription.drain().catch(() => {}), lost.promise]);
  unwatch();
}
