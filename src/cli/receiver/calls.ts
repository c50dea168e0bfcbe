// Makes calls as Baton makes them: the headers, the handle in the query, and the signature over the bytes of the body.
import { createHmac, randomUUID } from "node:crypto";

export interface Wanted {
  readonly trigger: "start" | "cancel";
  readonly task: string;
  /** What is signed, and sent unless `sent` is something else. */
  readonly body: string;
  readonly sent?: string;
  /** How old the signature is, in seconds; negative: from the future. */
  readonly ageSecs?: number;
  /** null: no signature. */
  readonly secret: string | null;
}

export interface Answered {
  /** 0: the connection broke, or there was no answer in time. */
  readonly status: number;
  /** The beginning of the answer, or why there is none. */
  readonly text: string;
  readonly ms: number;
}

const answerMs = 10_000;
const textCharsMax = 200;

/** Makes one call to a receiver. `handles`: what the handle begins with. */
export async function call(url: string, handles: string, wanted: Wanted): Promise<Answered> {
  const { trigger, task, body, sent = body } = wanted;
  const key = `${task}:${trigger}`;
  const at = new URL(url);
  at.searchParams.set("handle", `${handles}/task/${task}`);
  const beganMs = performance.now();
  try {
    const response = await fetch(at, {
      method: "POST",
      body: sent,
      redirect: "manual",
      signal: AbortSignal.timeout(answerMs),
      headers: {
        "content-type": "application/json",
        "user-agent": "Baton/check-receiver",
        ...{ "idempotency-key": key, "x-task-id": task, "x-task-trigger": trigger },
        ...signature(key, wanted),
      },
    });
    const text = await response.text().catch(() => "");
    return { status: response.status, text: text.slice(0, textCharsMax), ms: Math.round(performance.now() - beganMs) };
  } catch (error) {
    const { cause, message } = error as { cause?: { code?: string }; message: string };
    return { status: 0, text: cause?.code ?? message, ms: Math.round(performance.now() - beganMs) };
  }
}

function signature(id: string, { secret, body, ageSecs = 0 }: Wanted): Record<string, string> {
  if (secret === null) return {};
  const timestamp = String(Math.floor(Date.now() / 1000) - ageSecs);
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const signed = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
  return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": `v1,${signed}` };
}

/** Of a task that Baton never had: ids begin with the time. */
export function newTaskId(): string {
  const time = Date.now().toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}
