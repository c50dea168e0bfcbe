// Publishes users' work (`baton.work.>`) to JetStream. Never throws: it says whether the message is stored, may be, or
// is not. The stream itself, its size and its bounds are ensured elsewhere.
import type { JetStreamClient } from "@nats-io/jetstream";
import { headers as natsHeaders } from "@nats-io/transport-node";
import type { WorkMessage } from "#domain/webhook";

export type Published =
  | { readonly ok: true }
  /** `sent` false: it is certain that nobody will get it, so it may be tried again as if it had not been. */
  | { readonly ok: false; readonly sent: boolean; readonly error: string };

export interface Work {
  /** `id` becomes the `Nats-Msg-Id`: within 2 min JetStream swallows another message of that id, so a repetition that must arrive needs a new one. */
  publish(message: WorkMessage, id: string, timeoutMs?: number): Promise<Published>;
}

export interface WorkOptions {
  readonly js: Pick<JetStreamClient, "publish">;
  /** The connection to NATS is there; without it nothing is handed to the client, which would keep it for later. */
  readonly up?: () => boolean;
}

const publishTimeoutMs = 5_000;

export function makeWork({ js, up = () => true }: WorkOptions): Work {
  return {
    async publish(message, id, timeoutMs = publishTimeoutMs) {
      if (!up()) return { ok: false, sent: false, error: "NATS is away" };
      try {
        const headers = natsHeaders();
        for (let i = 0; i < message.headers.length; i += 2)
          headers.set(message.headers[i] as string, message.headers[i + 1] as string);
        await js.publish(message.subject, message.payload, { msgID: id, headers, timeout: timeoutMs });
        return { ok: true };
      } catch (error) {
        return { ok: false, ...explain(error) };
      }
    },
  };
}

// JetStream's own refusals: the message was not stored.
const refusals: Readonly<Record<number, string>> = {
  10023: "JetStream has no resources left",
  10047: "JetStream has no storage left",
  10054: "message too large for the stream",
  10077: "the work stream is full",
};

function explain(error: unknown): { sent: boolean; error: string } {
  const { name, message, code } = error as { name?: string; message?: string; code?: number };
  const refusal = typeof code === "number" ? refusals[code] : undefined;
  if (refusal !== undefined) return { sent: code === 10054, error: refusal };
  if (name === "TimeoutError" || /timeout/i.test(message ?? ""))
    return { sent: true, error: "no answer from JetStream" };
  if (name === "JetStreamNotEnabled" || name === "NoRespondersError") return { sent: false, error: "no work stream" };
  if (/max_payload|payload/i.test(message ?? "")) return { sent: true, error: "message too large for NATS" };
  if (name === "ClosedConnectionError" || name === "DrainingConnectionError")
    return { sent: false, error: "NATS is away" };
  return { sent: true, error: `NATS: ${name ?? "error"}` };
}
