/**
 * The service side of Baton: takes the calls that Baton makes, refuses what Baton did not make, does each once, and reports.
 * One handler serves every kind of HTTP server; what differs is how a request is read (`servers.ts`).
 */
import { headerOf, proven, WebhookVerificationError } from "../verify.ts";
import { type Answer, bodyOf, type Call, type CallBody } from "./call.ts";
import type { Clock } from "./clock.ts";
import { type Identity, identityOf, isHandleOf } from "./identity.ts";
import { type Ledger, memoryLedger } from "./ledger.ts";
import { checkBaton, checkSecrets } from "./options.ts";
import { heardBy, isUnsigned, type OnRefused, refusedOf, sayRefusal, unsigned, warnings } from "./refused.ts";
import { httpReporter, type Reach } from "./reporter.ts";
import { run, type Start, type Work } from "./running.ts";
import { type Fastify, type NodeRequest, type NodeResponse, serveFastify, serveFetch, serveNode } from "./servers.ts";
import { openWorks } from "./works.ts";

/** A call that tells of an end: of a task, or of a whole batch. */
export interface Notice {
  readonly trigger: "end" | "complete" | "cancel";
  /** The same for a repetition. */
  readonly key: string;
  /** The body of the action, without what Baton adds. */
  readonly body: unknown;
  /** What Baton adds: `task_id` and `status`, or `batch_id` and `counts`, and more. */
  readonly baton: Readonly<Record<string, unknown>>;
  readonly path: string;
}

export interface HandlerOptions extends Reach {
  /** One or more `whsec_…` of Baton's WEBHOOK_SIGNING_SECRET. null: calls are believed as they come, which is for development. */
  readonly secrets: string | readonly string[] | null;
  /** The address of Baton, as in its HOST_URL: reports go there and nowhere else, whatever a call says. */
  readonly baton: string;
  /** For reports, where Baton asks for a token and signs no handles. */
  readonly token?: string | undefined;
  /** Where keys are written down; in memory if left out, so that a restart forgets them. */
  readonly ledger?: Ledger;
  /** How often a work says that it goes on, in milliseconds: 15,000 by default, well below the `timeout` of your tasks. */
  readonly heartbeatMs?: number;
  /** How many works run at once; Baton brings what is over that later. No limit by default. */
  readonly concurrency?: number;
  /** Called for end, cancel and batch-complete calls. One that throws is answered 500, and Baton makes the call again. */
  readonly onNotice?: (notice: Notice) => unknown;
  /** What a work threw, and reports that could not be made. By default one line for each that Baton refused goes to `console.warn`. */
  readonly onError?: (error: unknown, start: Start) => void;
  /**
   * Called for each call that is refused as none of Baton's (401, 400), with the reason. By default one line at most every 10 s goes to
   * `console.warn`: a secret that is not Baton's would else be seen nowhere. `() => {}` says nothing.
   */
  readonly onRefused?: OnRefused;
  /** By which time works run: that of a test (`@baton/sdk/testing`) instead of the real one. */
  readonly clock?: Clock;
  /** The largest body, in bytes: 4 MiB by default. */
  readonly bodyBytesMax?: number;
}

export interface Handler {
  /** For `createServer(service.node)` of node:http, and for Express: `app.post("/work", service.node)`, before any body parser. */
  readonly node: (request: NodeRequest, response: NodeResponse) => Promise<void>;
  /** For servers that take a Request and give a Response: Bun, Deno, Hono, Next.js, Workers. */
  readonly fetch: (request: Request) => Promise<Response>;
  /** A plugin of Fastify: `app.register(service.fastify, { prefix: "/work" })`. */
  readonly fastify: (app: Fastify) => Promise<void>;
  /** Any other server: give it what came, answer what it says. */
  readonly take: (call: Call) => Promise<Answer>;
  /** How many works run. */
  readonly running: number;
  /**
   * Takes no more, waits for what runs, and after `graceMs` aborts it, with its reports that wait for Baton. Tasks that did not end are
   * tried again by Baton. A work that does not listen to `task.signal` is waited for.
   */
  close(graceMs?: number): Promise<void>;
}

const bodyBytesMaxDefault = 4 * 2 ** 20;

/**
 * Makes a handler: `work` is called for each start, once. What it returns is the result of the task; what it throws fails it.
 *
 *     const service = handler({ secrets: process.env.BATON_SECRET ?? null, baton: "https://baton.example.com" }, async (task) => {
 *       const rows = await load(task.body, task.signal);
 *       await task.progress(rows.length);
 *       return { rows: rows.length };
 *     });
 *     createServer(service.node).listen(8000);
 */
export function handler<Body = unknown>(options: HandlerOptions, work: Work<Body>): Handler {
  const { secrets, ledger = memoryLedger(), heartbeatMs = 15_000, concurrency = Number.POSITIVE_INFINITY } = options;
  const { onNotice = () => {}, onError = sayRefusal, clock, bodyBytesMax = bodyBytesMaxDefault } = options;
  const heard = heardBy(options.onRefused ?? warnings());
  if (secrets !== null) checkSecrets(secrets, "null believes every call, for development");
  checkBaton(options.baton);
  const works = openWorks();
  let starting = 0;

  async function take(call: Call): Promise<Answer> {
    const path = new URL(call.url, "http://service").pathname;
    const refuse = (status: 400 | 401, reason: string): Answer => {
      heard(refusedOf(reason, path, headerOf(call.headers, "idempotency-key")));
      return { status, body: { error: reason } };
    };
    const key = await keyOf(call, secrets);
    if (typeof key !== "string") return refuse(401, key.fault);
    const identity = identityOf(key);
    if (identity === undefined) return refuse(400, `"${key.slice(0, 100)}" is no key of Baton's`);
    const read = bodyOf(call);
    if (read === undefined) return refuse(400, "the body is no JSON");
    if (identity.trigger === "start") {
      const handle = handleOf(call, read);
      if (isHandleOf(handle, options.baton, identity.task)) return begin(key, identity, { ...read, path }, handle);
      return refuse(
        401,
        `the handle is not one of task ${identity.task} at ${options.baton}: is that Baton's HOST_URL?`,
      );
    }
    return tell(key, identity, { ...read, path });
  }

  async function begin(key: string, { task, attempt }: Begun, { body, baton, path }: Sent, handle: string) {
    if (works.isClosing) return later("the service is closing");
    if (works.size + starting >= concurrency) return later("too much runs");
    starting += 1;
    const isNew = await Promise.resolve(ledger.take(key)).finally(() => (starting -= 1));
    if (!isNew) return { status: 200, body: { repeated: true } };
    if (works.isClosing) {
      await ledger.release(key);
      return later("the service is closing");
    }
    const name = `${task}:${attempt}`;
    if (works.isCanceled(name)) return { status: 200, body: { canceled: true } };
    const inputs = (baton.inputs ?? {}) as Start["inputs"];
    const start = { taskId: task, attempt, key, inputs, path, body: body as Body };
    works.begin(
      name,
      run(start, work, httpReporter(handle, options), { ...(clock ? { clock } : {}), heartbeatMs, onError }),
    );
    return { status: 202, body: {} };
  }

  /** A notice is done when its function is; only then is its key written down for good. */
  async function tell(key: string, identity: Exclude<Identity, Begun>, read: Sent): Promise<Answer> {
    if (identity.trigger === "cancel") works.cancel(`${identity.task}:${identity.attempt}`);
    if (!(await ledger.take(key))) return { status: 200, body: { repeated: true } };
    try {
      await onNotice({ trigger: identity.trigger, key, ...read });
      return { status: 200, body: {} };
    } catch (error) {
      await ledger.release(key);
      return { status: 500, body: { error: error instanceof Error ? error.message : String(error) } };
    }
  }

  return {
    take,
    node: (request, response) => serveNode(take, bodyBytesMax, request, response),
    fetch: (request) => serveFetch(take, bodyBytesMax, request),
    fastify: (app) => serveFastify(take, bodyBytesMax, app),
    get running() {
      return works.size;
    },
    close: (graceMs = 10_000) => works.close(graceMs),
  };
}

type Begun = Extract<Identity, { trigger: "start" }>;
type Sent = CallBody & { readonly path: string };

const later = (error: string): Answer => ({ status: 503, body: { error }, headers: { "retry-after": "1" } });
const handleOf = ({ url }: Call, { baton }: CallBody): string =>
  typeof baton.handle === "string" ? baton.handle : (new URL(url, "http://service").searchParams.get("handle") ?? "");

/** The key that is believed; what is wrong where the call is not. */
async function keyOf({ headers, body }: Call, secrets: HandlerOptions["secrets"]): Promise<string | { fault: string }> {
  if (secrets === null) return headerOf(headers, "idempotency-key");
  if (isUnsigned(headers)) return { fault: unsigned };
  try {
    return await proven(secrets, headers, body);
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    return { fault: error.message };
  }
}
