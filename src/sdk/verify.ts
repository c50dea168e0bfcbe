/**
 * For services that Baton calls: tells a call that Baton made, and made now, from any other. Needs nothing but the raw
 * body as it came: parsed and written again it has other bytes. What is not proven throws, and is never half accepted.
 * Standard Webhooks (https://www.standardwebhooks.com) on WebCrypto.
 */

/** The call is not proven to be one that Baton made just now. */
export class WebhookVerificationError extends Error {
  override readonly name: string = "WebhookVerificationError";
}

/** As Node, Express and Fastify have them, or as `fetch` has. Names in any case. */
export type CallHeaders = Headers | Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * Verifies the Standard Webhooks headers of a call and returns its body, parsed; undefined where the body is empty.
 *
 * `secrets`: one or more `whsec_…` of Baton's WEBHOOK_SIGNING_SECRET; any one that fits is enough, so that secrets can be
 * changed without a pause. `rawBody`: exactly what came, as text or bytes. The payload of a `Nats` action is verified in
 * the same way, with the message's headers.
 *
 * Rejects with a `WebhookVerificationError` when a header is missing, when no signature fits, or when the call is over five
 * minutes old or ahead; with a `SyntaxError` when a signed body is no JSON. To take each call once, remember `webhook-id`: a
 * repetition has the same.
 *
 * The signature does not cover the URL: of a call that somebody replays, the `handle` in the query may be another one. Report to
 * `baton.handle` of the verified body where there is one (end and cancel calls); else to the task that `webhook-id` names
 * (`<task>:start`), at the address of Baton that you have configured. `handler` does all of this.
 *
 *     const server = createServer(async (request, response) => {
 *       const chunks = [];
 *       for await (const chunk of request) chunks.push(chunk);
 *       try {
 *         const body = await verify(secret, request.headers, Buffer.concat(chunks));
 *         response.writeHead(200).end();
 *       } catch {
 *         response.writeHead(401).end();
 *       }
 *     });
 */
export async function verify(
  secrets: string | readonly string[],
  headers: CallHeaders,
  rawBody: string | Uint8Array,
): Promise<unknown> {
  const bytes = typeof rawBody === "string" ? new TextEncoder().encode(rawBody) : rawBody;
  await proven(secrets, headers, bytes);
  return bytes.length === 0 ? undefined : JSON.parse(new TextDecoder().decode(bytes));
}

/** The same without reading the body, which need not be JSON. Gives the id of the call, which the signature covers. */
export async function proven(
  secrets: string | readonly string[],
  headers: CallHeaders,
  body: Uint8Array,
  { ofAnyAge = false } = {},
): Promise<string> {
  const [id, timestamp, signatures] = ["webhook-id", "webhook-timestamp", "webhook-signature"].map((name) => {
    const value = headerOf(headers, name);
    if (value === "") throw new WebhookVerificationError(`The header ${name} is missing`);
    return value;
  }) as [string, string, string];
  if (!/^\d{1,12}$/.test(timestamp)) throw new WebhookVerificationError("webhook-timestamp is no time");
  const age = Date.now() / 1000 - Number(timestamp);
  if (age > toleranceSecs && !ofAnyAge) throw new WebhookVerificationError("The call is too old");
  if (age < -toleranceSecs) throw new WebhookVerificationError("The call is from the future");
  const signed = joined(new TextEncoder().encode(`${id}.${timestamp}.`), body);
  const sent = signatures
    .split(" ", signaturesMax)
    .flatMap((one) => (one.startsWith("v1,") ? bytesOf(one.slice(3)) : []));
  for (const secret of typeof secrets === "string" ? [secrets] : secrets) {
    const key = await keyOf(secret);
    for (const signature of sent) if (await crypto.subtle.verify("HMAC", key, signature, signed)) return id;
  }
  throw new WebhookVerificationError("No signature fits");
}

/** The value of a header, in whichever case its name is written; empty where there is none. */
export function headerOf(headers: CallHeaders, name: string): string {
  if (isHeaders(headers)) return headers.get(name) ?? "";
  const key = name in headers ? name : Object.keys(headers).find((one) => one.toLowerCase() === name);
  const value = key === undefined ? undefined : headers[key];
  return typeof value === "string" ? value : (value?.join(" ") ?? "");
}

/** `whsec_` and base64, with its padding: the form that Baton takes in WEBHOOK_SIGNING_SECRET. */
export const isSecret = (secret: string): boolean =>
  /^whsec_(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)$/.test(secret);

const isHeaders = (headers: CallHeaders): headers is Headers => typeof headers.get === "function";

const toleranceSecs = 300;
/** A sender signs with each of its secrets, of which it has few. */
const signaturesMax = 10;

type Bytes = Uint8Array<ArrayBuffer>;
const keys = new Map<string, Promise<CryptoKey>>();

/** Imported once: a service has few secrets, and many calls. */
function keyOf(secret: string): Promise<CryptoKey> {
  const known = keys.get(secret);
  if (known !== undefined) return known;
  const [bytes] = bytesOf(secret.replace(/^whsec_/, ""));
  if (bytes === undefined || !isSecret(secret)) throw new TypeError("a secret to verify with is whsec_<base64>");
  const made = crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
  if (keys.size >= signaturesMax) keys.clear();
  keys.set(secret, made);
  return made;
}

/** Of base64; none where it is something else. */
function bytesOf(text: string): [] | [Bytes] {
  try {
    return [Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))];
  } catch {
    return [];
  }
}

function joined(first: Uint8Array, second: Uint8Array): Bytes {
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}
