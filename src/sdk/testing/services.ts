/**
 * The services of a test: calls them as Baton does, signed and under the same keys, and runs functions as `handler` and `worker` do.
 */
import type { Clock } from "../service/clock.ts";
import { handler } from "../service/handler.ts";
import { httpReporter, type Reach } from "../service/reporter.ts";
import { run, type Start, type Work } from "../service/running.ts";
import { openWorks } from "../service/works.ts";
import type { Action, StartAction } from "../types.ts";

/** A function that works, or a server: what `handler` makes, an app of Hono, or anything else with a `fetch` like theirs. */
export type Service = Work<never> | { fetch(request: Request): Response | Promise<Response> };

/** By URL or subject, or the beginning of one; `*` serves what no other does. */
export type Services = Readonly<Record<string, Service>>;

/** A call that the fake Baton made. */
export interface MadeCall {
  /** When, in virtual time. */
  readonly at: Date;
  readonly trigger: "start" | "end" | "cancel";
  /** The `Idempotency-Key`. */
  readonly key: string;
  /** The local id of the task; null: the batch is complete. */
  readonly task: string | null;
  readonly attempt: number;
  /** The URL of a call, without its handle; the subject of a message. */
  readonly to: string;
  /** What was sent as JSON, with what Baton adds as `baton`. */
  readonly body: unknown;
  /** HTTP status of the answer; 0: there was none. */
  readonly status: number;
}

export interface Outgoing extends Omit<MadeCall, "at" | "to" | "status"> {
  readonly taskId: string | null;
  readonly action: Action | StartAction;
  readonly handle: string | null;
  readonly inputs?: Readonly<Record<string, unknown>> | undefined;
  /** Aborted when Baton waits no longer. */
  readonly waits: AbortController;
}

export interface Answered {
  readonly status: number;
  readonly text: string;
  readonly retryAfterMs: number | null;
}

interface Setting extends Reach {
  readonly url: string;
  readonly secret: string;
  readonly clock: Clock;
  readonly heartbeatMs: number;
  readonly services: Services;
  readonly onError: (error: unknown, start: Start) => void;
}

export function callsTo(setting: Setting) {
  const { url: baton, secret, clock, heartbeatMs, services, onError } = setting;
  const works = openWorks();
  let before: Promise<unknown> = Promise.resolve();
  const handlers = new Map<Service, { fetch(request: Request): Response | Promise<Response> }>();
  const serverOf = (service: Service) => {
    if (typeof service !== "function") return service;
    const options = { secrets: secret, baton, fetch: setting.fetch, clock, heartbeatMs, onError };
    const server = handlers.get(service) ?? handler(options, service as Work);
    handlers.set(service, server);
    return server;
  };

  function serviceFor(action: Action | StartAction): Service | undefined {
    if (action.kind === "Wait") return undefined;
    const to = toOf(action);
    const fits = Object.keys(services).filter((key) => to === key || (to.startsWith(key) && isBorder(key, to)));
    const best = fits.toSorted((a, b) => b.length - a.length)[0] ?? "*";
    return services[best];
  }

  return {
    /** What is wrong with an action in this test; undefined: nothing. */
    faultOf(action: Action | StartAction): string | undefined {
      const service = serviceFor(action);
      if (action.kind === "Wait") return undefined;
      if (service === undefined) return `no service of this test is called at ${toOf(action)}; name it in \`services\``;
      if (action.kind === "Nats" && typeof service !== "function")
        return `${toOf(action)} is a subject: its service must be a function`;
      return undefined;
    },

    async call(asked: Outgoing): Promise<Answered> {
      const service = serviceFor(asked.action) as Service;
      if (asked.action.kind === "Nats") return take(asked, service as Work);
      const built = clock.begin(asked.waits.signal);
      // One after the other: signing takes an uncertain time, and calls reach services in the order in which they are made.
      const building = before.then(() => requestOf(asked, secret));
      before = building.catch(() => {});
      const request = await building.finally(built);
      const ended = clock.begin(request.signal);
      try {
        const response = await serverOf(service).fetch(request);
        const after = Number(response.headers.get("retry-after") ?? Number.NaN) * 1000;
        const retryAfterMs = Number.isFinite(after) ? Math.min(after, 3_600_000) : null;
        return { status: response.status, text: await response.text(), retryAfterMs };
      } finally {
        ended();
      }
    },
  };

  /** A message is taken from its queue at once. */
  function take({ trigger, taskId, attempt, key, handle, inputs = {}, action, body }: Outgoing, work: Work): Answered {
    const name = `${taskId}:${attempt}`;
    if (trigger === "cancel") works.cancel(name);
    if (trigger === "start" && handle !== null && taskId !== null) {
      const reporter = httpReporter(handle, setting);
      const start = { taskId, attempt, key, body, inputs, path: toOf(action) };
      works.begin(name, run(start, work, reporter, { clock, heartbeatMs, onError, saysBegun: true }));
    }
    return { status: 200, text: "", retryAfterMs: null };
  }
}

export const toOf = (action: Action | StartAction): string =>
  action.kind === "Webhook" ? action.params.url : action.kind === "Nats" ? action.params.subject : "";

const isBorder = (key: string, to: string): boolean => /[/?#.]$/.test(key) || /^[/?#.]/.test(to.slice(key.length));

async function requestOf(
  { action, handle, key, trigger, taskId, body, waits }: Outgoing,
  secret: string,
): Promise<Request> {
  const { params } = action as Extract<Action, { kind: "Webhook" }>;
  const url = new URL(params.url);
  if (handle !== null) url.searchParams.set("handle", handle);
  const headers = new Headers(params.headers);
  const isText = typeof body === "string" && !/[/+]json\s*(;|$)/i.test(headers.get("content-type") ?? "json/json");
  const text = params.verb === "Get" || body === undefined ? null : isText ? body : JSON.stringify(body);
  if (text !== null && !headers.has("content-type")) headers.set("content-type", "application/json");
  const seconds = `${Math.floor(Date.now() / 1000)}`;
  headers.set("idempotency-key", key);
  headers.set("x-task-trigger", trigger);
  if (taskId !== null) headers.set("x-task-id", taskId);
  headers.set("webhook-id", key);
  headers.set("webhook-timestamp", seconds);
  headers.set("webhook-signature", `v1,${await signed(secret, `${key}.${seconds}.${text ?? ""}`)}`);
  return new Request(url, { method: params.verb.toUpperCase(), headers, body: text, signal: waits.signal });
}

async function signed(secret: string, text: string): Promise<string> {
  const raw = Uint8Array.from(atob(secret.replace(/^whsec_/, "")), (letter) => letter.charCodeAt(0));
  const key = await crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const bytes = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(text));
  return btoa(String.fromCharCode(...new Uint8Array(bytes)));
}
