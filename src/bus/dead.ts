// Dead letters: what cannot be worked on goes to `baton.dead` with its reason, and from there into a table for
// people to look at. Setting a message aside never throws. The stream keeps them while no process can write the table.
import { createHash } from "node:crypto";
import type { JsMsg } from "@nats-io/jetstream";
import { headers as newHeaders } from "@nats-io/transport-node";
import type { Bus } from "#bus/client";
import { consume, InHand } from "#bus/consume";
import { consumers, headers, subjects } from "#bus/subjects";
import { isUuid } from "#domain/schema/text";
import type { DeadLetter } from "#domain/values/dead-letter";
import { Batcher } from "#flow/batcher";
import type { Logger } from "#telemetry/log";

const subjectCharsMax = 1_000;
const reasonCharsMax = 500;
const payloadBytesMax = 65_536;
const againMs = 500;

interface Refused {
  readonly subject: string;
  readonly data: Uint8Array | string;
  /** What comes again within a while under the same one is one dead letter. */
  readonly key?: string;
}

export function setAside(bus: Bus, { subject, data, key }: Refused, reason: string, log: Logger): void {
  const about = { ...idsIn(subject), subject, reason };
  const failed = (error: unknown) => log.error({ err: error, ...about }, "a dead letter could not be stored");
  try {
    const h = newHeaders();
    if (key !== undefined) h.set(headers.msgId, idOf(key));
    h.set(headers.reason, reason.replace(/[^\x20-\x7e]+/g, " ").slice(0, reasonCharsMax));
    // Longer subjects the server does not take: it hangs up.
    const dead = subjects.deadOf(subject).slice(0, subjectCharsMax).replace(/\.+$/, "");
    bus.js.publish(dead, data, { headers: h }).catch(failed);
    log.warn(about, "a dead letter: it could not be worked on and is set aside");
  } catch (error) {
    failed(error);
  }
}

/** The task, batch or delivery that a subject names. */
function idsIn(subject: string): Readonly<Record<string, string>> {
  const [, of = "", id] = subject.split(".");
  return isUuid(id) && ["task", "batch", "delivery"].includes(of) ? { [of]: id.toLowerCase() } : {};
}

export interface DeadLetters {
  stop(): Promise<void>;
  /** Gives back what is not kept. */
  close(): void;
}

/** Hands dead letters over to be kept, as many at once as there are; those that could not be kept again after a pause. */
export function takeDeadLetters(
  bus: Bus,
  keep: (letters: readonly DeadLetter[]) => Promise<void>,
  whenFree: () => Promise<void>,
  log: Logger,
): DeadLetters {
  const inHand = new InHand(bus, log);
  const batches = new Batcher<JsMsg>({
    max: Number.POSITIVE_INFINITY,
    run: async (messages) => {
      await keep(messages.map(letterOf));
      for (const message of messages) inHand.ack(message);
      return [];
    },
    remedy: (error) => {
      log.debug({ err: error }, "dead letters are kept later");
      return againMs;
    },
    giveUp() {},
  });
  const take = (message: JsMsg) => batches.put(message);
  const intake = consume({ bus, inHand, source: consumers.dead, log, ahead: 64, whenFree, take });
  return {
    stop: () => intake.stop(),
    close() {
      batches.stop();
      inHand.close();
    },
  };
}

function letterOf(message: JsMsg): DeadLetter {
  const { subject, data, headers: h, seq, timestampNanos } = message;
  return {
    id: idOf(`${seq}-${timestampNanos}`),
    subject: subject.replace(subjects.deadOf(""), "baton."),
    reason: h?.get(headers.reason) || "no reason was given",
    at: new Date(Number(timestampNanos / 1_000_000n)),
    payload: data.subarray(0, payloadBytesMax),
    cut: data.length > payloadBytesMax,
  };
}

/** A UUID (of version 8) made of a text. */
function idOf(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
