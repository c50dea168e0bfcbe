// The HTTP servers: the whole API, and the three status pages that every role serves. Neither listens: the caller does.
// Every error leaves as JSON through one handler. Closing waits for requests under way, and cuts what is still open
// when the grace is over.
import type { Socket } from "node:net";
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from "fastify";
import { Invalid } from "#domain/errors";
import { guard } from "#http/auth";
import { acceptJson, drain } from "#http/body";
import { allowOrigins } from "#http/cors";
import { replyOf } from "#http/errors";
import { documentRoutes } from "#http/openapi";
import { type Deps, send } from "#http/route";
import { batchRoutes } from "#http/routes/batch";
import { circuitRoutes } from "#http/routes/circuit";
import { deliveryRoutes } from "#http/routes/delivery";
import { eventRoutes } from "#http/routes/events";
import { pageRoutes } from "#http/routes/pages";
import { reportRoutes } from "#http/routes/report";
import { rerunRoutes } from "#http/routes/rerun";
import { type StatusDeps, systemRoutes } from "#http/routes/system";
import { taskRoutes } from "#http/routes/task";
import { metrics } from "#telemetry/metrics";

export { createBatch } from "#http/create";
export type { Deps } from "#http/route";

const version = "0.1.0";

/** The API and the status pages: role `api`. */
export async function makeServer(deps: Deps): Promise<FastifyInstance> {
  const app = bare(deps);
  const document = documentRoutes(app, version);
  systemRoutes(app, deps);
  taskRoutes(app, deps);
  reportRoutes(app, deps);
  batchRoutes(app, deps);
  rerunRoutes(app, deps);
  deliveryRoutes(app, deps);
  eventRoutes(app, deps);
  circuitRoutes(app, deps);
  await pageRoutes(app, document);
  await app.ready();
  return app;
}

/** /health, /ready and /metrics alone: the other roles. */
export async function makeStatusServer(deps: StatusDeps): Promise<FastifyInstance> {
  const app = bare(deps);
  systemRoutes(app, deps);
  await app.ready();
  return app;
}

/** What is no HTTP never becomes a request; it is answered in the same words all the same. */
function refuseGarbage(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
  const status = error.code === "HPE_HEADER_OVERFLOW" ? "431 Request Header Fields Too Large" : "400 Bad Request";
  const body = JSON.stringify({ error: status.slice(4), details: ["request: is not valid HTTP"] });
  const head = `HTTP/1.1 ${status}\r\ncontent-type: application/json; charset=utf-8\r\n`;
  socket.end(`${head}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`);
}

// Hooks that need not wait call back: a promise for each costs every request as much as what they look at.

/** What Node would answer by itself, without a body: refused in the same words as everything else. */
function expectHost(app: FastifyInstance): void {
  app.addHook("onRequest", ({ raw }, _out, done) => {
    const isMissing = raw.headers.host === undefined && raw.httpVersion !== "1.0";
    done(isMissing ? new Invalid("Bad Request", ["host: is required"]) : undefined);
  });
  app.server.on("checkExpectation", (_request, response) => {
    response.writeHead(417, { "content-type": "application/json; charset=utf-8", connection: "close" });
    response.end(JSON.stringify({ error: "Expectation Failed", details: ["expect: must be 100-continue"] }));
  });
}

/** What is no percent-encoded UTF-8 would be searched for as it stands. */
function expectEncoded(app: FastifyInstance): void {
  app.addHook("preValidation", ({ url }, _out, done) => {
    const mark = url.indexOf("?");
    const isSound = mark < 0 || !url.includes("%", mark) || isEncoded(url.slice(mark + 1));
    done(isSound ? undefined : new Invalid("Invalid query", ["query: is no percent-encoded UTF-8"]));
  });
}

function isEncoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

function bare({ config, log }: StatusDeps): FastifyInstance {
  const app = Fastify({
    loggerInstance: log as unknown as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    // One for each request would cost more than the request says.
    childLoggerFactory: (logger) => logger,
    bodyLimit: config.payloadMaxBytes,
    http: { requireHostHeader: false },
    routerOptions: { maxParamLength: 4096 },
    clientErrorHandler: refuseGarbage,
    frameworkErrors: (error, _request, out) => {
      send(out as never, replyOf(error));
    },
  });
  expectHost(app);
  expectEncoded(app);
  acceptJson(app);
  allowOrigins(app, config.corsOrigins);
  guard(app, config);
  app.setNotFoundHandler((request, out) =>
    out.code(404).send({ error: "No such route", details: [`${request.method} ${pathOf(request.url)}`] }),
  );
  app.setErrorHandler(async (error, request, out) => {
    const answer = replyOf(error);
    if (answer.status === 500) log.error({ err: error, req: request }, "a request failed for a reason of ours");
    if (answer.status === 413) await drain(request, drainMaxMs);
    return send(out, answer);
  });
  app.addHook("onResponse", (request, out, done) => {
    metrics.httpRequests.add(1, request.method, request.routeOptions.url ?? "none", String(out.statusCode));
    done();
  });
  closeInTime(app, config.shutdownTimeoutSecs * 1000);
  return app;
}

/** Without the query, which may hold what is nobody's business. */
const pathOf = (url: string) => url.split("?")[0]?.slice(0, 200);

/** How long a client may go on sending a body that was refused. */
const drainMaxMs = 2_000;

/** Idle keep-alive connections, and those that never said a word, would hold `close` for over a minute. */
function closeInTime(app: FastifyInstance, graceMs: number): void {
  let open = 0;
  let idle: NodeJS.Timeout | undefined;
  let hard: NodeJS.Timeout | undefined;
  app.server.on("request", (_request, response) => {
    open++;
    response.once("close", () => open--);
  });
  app.addHook("preClose", async () => {
    idle = setInterval(() => (open === 0 ? app.server.closeAllConnections() : app.server.closeIdleConnections()), 50);
    hard = setTimeout(() => app.server.closeAllConnections(), graceMs / 2);
  });
  app.addHook("onClose", async () => {
    clearInterval(idle);
    clearTimeout(hard);
  });
}
