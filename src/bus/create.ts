// `baton.batch.create`: request/reply for clients that speak NATS only. The answer is what HTTP gives, in one object.
import type { Msg } from "@nats-io/transport-node";
import type { Bus } from "#bus/client";
import { park } from "#bus/dead";
import { isInbox, headers as names, subjects } from "#bus/subjects";
import type { Logger } from "#telemetry/log";

export interface Created {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

const failed: Created = { status: 500, headers: {}, body: { error: "Internal error", details: [] } };

const reasonOf = (body: unknown): string => {
  const { error, details = [] } = body as { error?: string; details?: readonly string[] };
  return [error, ...details].join("; ");
};

/** All api processes share the queue group, so one of them answers. `Nats-Msg-Id` is the key of the creation. */
export function answerCreates(
  bus: Bus,
  create: (body: Uint8Array, key: string | undefined) => Promise<Created>,
  log: Logger,
): () => void {
  let of: unknown = null;
  let stopped = false;
  const answer = async (message: Msg) => {
    const key = message.headers?.get(names.msgId) || undefined;
    const { status, headers, body } = await create(message.data, key).catch((err) => {
      log.error({ err }, "a batch could not be created by NATS");
      return failed;
    });
    const batch_id = headers["x-batch-id"];
    const result =
      status < 300 ? { status, batch_id, tasks: Array.isArray(body) ? body : [] } : { status, ...(body as object) };
    if (!message.reply || !isInbox(message.reply)) {
      // Nobody would ever know.
      if (status >= 400) park(bus, message, reasonOf(body), log);
      return;
    }
    const text = JSON.stringify(result);
    // The tasks are more text than their request was: where they do not fit, they can be read by the batch's id.
    const fits = Buffer.byteLength(text) <= (bus.nc.info?.max_payload ?? 0);
    bus.nc.publish(message.reply, fits ? text : JSON.stringify({ ...result, tasks: [], truncated: true }));
  };
  bus.onReady(() => {
    if (stopped || of === bus.nc) return;
    of = bus.nc;
    bus.nc.subscribe(subjects.createBatch, {
      queue: "api",
      callback: (error, message) => {
        if (!error && !stopped)
          answer(message).catch((err) => log.error({ err }, "an answer could not be sent by NATS"));
      },
    });
  });
  return () => {
    stopped = true;
  };
}
