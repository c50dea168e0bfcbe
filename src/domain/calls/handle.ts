// The handle: where a service reports to, and the signature that lets it do so without a token. Pure; a signature is good
// for one task and one attempt, and is compared in constant time.
import { createHmac, timingSafeEqual } from "node:crypto";

/** Of the configuration, what handles are made of. */
export interface HandleSettings {
  readonly hostUrl: string;
  readonly handleSecret: string | undefined;
}

/** A task with retries names the attempt, so that a report of an earlier one is recognized. */
export function handleOf(settings: HandleSettings, task: string, attempt: number, hasRetry: boolean): string {
  const { hostUrl, handleSecret } = settings;
  const params: string[] = [];
  if (hasRetry) params.push(`attempt=${attempt}`);
  if (handleSecret !== undefined) params.push(`sig=${signatureOf(handleSecret, task, attempt)}`);
  return `${hostUrl}/task/${task}${params.length === 0 ? "" : `?${params.join("&")}`}`;
}

/** HMAC-SHA256 in base64url, 43 characters. `task` in lower case. */
export function signatureOf(secret: string, task: string, attempt: number): string {
  return createHmac("sha256", secret).update(`${task}:${attempt}`).digest("base64url");
}

/** Whether `sig` is the signature of exactly this task and attempt. */
export function isSignatureOf(sig: string, secret: string, task: string, attempt: number): boolean {
  const [sent, right] = [Buffer.from(sig), Buffer.from(signatureOf(secret, task, attempt))];
  return sent.length === right.length && timingSafeEqual(sent, right);
}
