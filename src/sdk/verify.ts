/**
 * For services that Baton calls: tells a call that Baton made, and made now, from any other. Needs nothing but the raw
 * body as it came: parsed and written again it has other bytes. What is not proven throws, and is never half accepted.
 */
import { Webhook, WebhookVerificationError } from "standardwebhooks";

export { WebhookVerificationError } from "standardwebhooks";

/** As Node, Express and Fastify have them, or as `fetch` has. Names in any case. */
export type CallHeaders = Headers | Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * Verifies the Standard Webhooks headers of a call and returns its body, parsed; undefined where the body is empty.
 *
 * `secrets`: one or more `whsec_…` of Baton's WEBHOOK_SIGNING_SECRET; any one that fits is enough, so that secrets can be
 * changed without a pause. `rawBody`: exactly what came, as text or bytes. The payload of a `Nats` action is verified in
 * the same way, with the message's headers.
 *
 * Throws a `WebhookVerificationError` when a header is missing, when no signature fits, or when the call is over five
 * minutes old or ahead; a `SyntaxError` when a signed body is no JSON. To take each call once, remember `webhook-id`: a
 * repetition has the same.
 *
 *     const server = createServer(async (request, response) => {
 *       const chunks = [];
 *       for await (const chunk of request) chunks.push(chunk);
 *       try {
 *         const body = verify(secret, request.headers, Buffer.concat(chunks));
 *         response.writeHead(200).end();
 *       } catch {
 *         response.writeHead(401).end();
 *       }
 *     });
 */
export function verify(
  secrets: string | readonly string[],
  headers: CallHeaders,
  rawBody: string | Uint8Array,
): unknown {
  const text = typeof rawBody === "string" ? rawBody : new TextDecoder("utf-8", { ignoreBOM: true }).decode(rawBody);
  const sent = {
    "webhook-id": headerOf(headers, "webhook-id"),
    "webhook-timestamp": headerOf(headers, "webhook-timestamp"),
    "webhook-signature": headerOf(headers, "webhook-signature"),
  };
  let refusal = new WebhookVerificationError("No secret to verify with");
  for (const secret of typeof secrets === "string" ? [secrets] : secrets) {
    try {
      return new Webhook(secret).verify(text, sent);
    } catch (error) {
      if (!(error instanceof WebhookVerificationError)) throw error;
      refusal = error;
    }
  }
  throw refusal;
}

function headerOf(headers: CallHeaders, name: string): string {
  if (headers instanceof Headers) return headers.get(name) ?? "";
  const key = Object.keys(headers).find((one) => one.toLowerCase() === name);
  const value = key === undefined ? undefined : headers[key];
  return typeof value === "string" ? value : (value?.join(" ") ?? "");
}
