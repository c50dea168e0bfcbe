// Publishes users' work (`baton.work.>`) to JetStream. Never throws: it says whether the message is stored, may be, or
// is not. The stream itself, its size and its bounds are ensured elsewhere.
import type { JetStreamClient } from "@nats-io/jetstream";
import { headers as natsHeaders } from "@nats-io/transport-node";
import type { WorkMessage } from "#domain/calls/webhook";

export type Published =
  | { readonly ok: true }
  /**
   * `sent` false: it is certain that no service gets it, so it may be tried again as if it had not been. `mayArrive` false:
   * no service gets it, and another try would fail as well.
   */
  | {
      readonly ok: false;
      readonly sent: boolean;
      readonly mayArrive?: boolean;
      /** There is no connection to NATS, or its stream is full: it waits until there is, however long that takes. */
      readonly waits?: true;
      readonly error: string;
    };

export interface Work {
  /**
   * `id` becomes the `Nats-Msg-Id`: within 2 min JetStream swallows another message of that id, so a repetition that must arrive
   * needs a new one. One of which it is not known whether it arrived is sent again under its id, until it is or `totalMs` are over.
   */
  publish(message: WorkMessage, id: string, totalMs?: number): Promise<Published>;
}

export interface WorkOptions {
  readonly js: Pick<JetStreamClient, "publish">;
  /** The connection to NATS is there; without it nothing is handed to the client, which would keep it for later. */
  readonly up?: () => boolean;
}

/** In all: well within the time in which a repetition is swallowed. One try, and the pause before the next. */
const publishTotalMs = 60_000;
const tryMs = 2_000;
const pauseMs = 200;
const away = { ok: false, sent: false, waits: true, error: "NATS is away" } as const;

export function makeWork({ js, up = () => true }: WorkOptions): Work {
  const once = async (message: WorkMessage, id: string, timeout: number): Promise<Published> => {
    if (!up()) return away;
    try {
      const headers = natsHeaders();
      for (let i = 0; i < message.headers.length; i += 2)
        headers.set(message.headers[i] as string, message.headers[i + 1] as string);
      await js.publish(message.subject, message.payload, { msgID: id, headers, timeout });
      return { ok: true };
    } catch (error) {
      return explain(error);
    }
  };
  return {
    async publish(message, id, totalMs = publishTotalMs) {
      const endsAt = performance.now() + totalMs;
      const first = await once(message, id, Math.min(tryMs, totalMs));
      if (first.ok || !first.mayArrive) return first;
      for (;;) {
        const leftMs = endsAt - performance.now() - pauseMs;
        if (leftMs <= 0) return first;
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
        // Whatever comes of this one but success, the first may still have arrived.
        if ((await once(message, id, Math.min(tryMs, leftMs))).ok) return { ok: true };
      }
    },
  };
}

const tooLarge = "message too large for the stream";
// JetStream's own refusals of a full stream: the message was not stored.
const refusals: Readonly<Record<number, string>> = {
  10023: "JetStream has no resources left",
  10047: "JetStream has no storage left",
  10077: "the work stream is full",
};

function explain(error: unknown): Extract<Published, { readonly ok: false }> {
  const { name, message, code } = error as { name?: string; message?: string; code?: number };
  const refusal = typeof code === "number" ? refusals[code] : undefined;
  if (code === 10054) return { ok: false, sent: true, error: tooLarge };
  if (refusal !== undefined) return { ok: false, sent: false, waits: true, error: refusal };
  if (name === "TimeoutError" || /timeout/i.test(message ?? ""))
    return { ok: false, sent: true, mayArrive: true, error: "no answer from JetStream" };
  if (name === "JetStreamNotEnabled" || name === "NoRespondersError")
    return { ok: false, sent: false, error: "no work stream" };
  if (/max_payload|payload/i.test(message ?? "")) return { ok: false, sent: true, error: "message too large for NATS" };
  if (name === "ClosedConnectionError" || name === "DrainingConnectionError") return away;
  return { ok: false, sent: true, mayArrive: true, error: `NATS: ${name ?? "error"}` };
}
