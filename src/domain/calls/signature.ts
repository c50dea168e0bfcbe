// Signs what Baton sends, as Standard Webhooks (https://www.standardwebhooks.com) has it. Pure, the time is passed in:
// a repetition has the same id and the same bytes, and a signature of its own time.
import { Webhook } from "standardwebhooks";

/**
 * The three headers, names and values in turn; none without a secret. `id` is the `Idempotency-Key`, `text` exactly what
 * is sent as the body. The time is in whole seconds. One signature a secret (`whsec_…`), the first secret's first: while
 * secrets are changed, receivers may know either.
 */
export function signatureHeaders(secrets: readonly string[], id: string, at: Date, text: string): string[] {
  if (secrets.length === 0) return [];
  const signatures = secrets.map((secret) => new Webhook(secret).sign(id, at, text));
  const seconds = Math.floor(at.getTime() / 1000);
  return ["webhook-id", id, "webhook-timestamp", String(seconds), "webhook-signature", signatures.join(" ")];
}
