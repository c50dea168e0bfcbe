// The HTTP servers: the whole API, and the three status pages that every role serves. Neither listens: the caller does.
// Every error leaves as JSON through one handler. Closing waits for requests under way, and cuts what is still open
// when the grace is over.
import { maxHeaderSize } from "node:http";
import type { Socket } from "node:net";
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyRequest, LogController } from "fastify";
import { Invalid } from "#domain/errors";
import { nearest } from "#domain/values/nearest";
import { guard } from "#http/auth";
import { acceptJson, drain, withReason } from "#http/body";
import { allowOrigins } from "#http/cors";
import { httpReplyOf } from "#http/errors";
import type { Operation } from "#http/operations/operation";
import { statusOperations } from "#http/operations/system";
import { methodsAt, operations } from "#http/operations/table";
import { type Deps, send } from "#http/route";
import { batchRoutes } from "#http/routes/batch";
import { bulkRoutes } from "#http/routes/bulk";
import { circuitRoutes } from "#http/routes/circuit";
import { deliveryRoutes } from "#http/routes/delivery";
import { eventRoutes } from "#http/routes/events";
import { growingRoutes } from "#http/routes/growing";
import { operatorRoutes } from "#http/routes/operators/operators";
import { pageRoutes } from "#http/routes/pages";
import { reportRoutes } from "#http/routes/report";
import { rerunRoutes } from "#http/routes/rerun";
import { scheduleRoutes } from "#http/routes/schedules/schedules";
import { type StatusDeps, systemRoutes } from "#http/routes/system";
import { taskRoutes } from "#http/routes/task";
import { type Reply, refusal } from "#intake/reply";
import { metrics } from "#telemetry/metrics";

/** The API and the status pages: role `api`. */
export async function makeServer(deps: Deps): Promise<FastifyInstance> {
  const app = bare(deps, Object.values(operations) as unknown as Operation[]);
  systemRoutes(app, deps);
  taskRoutes(app, deps);
  reportRoutes(app, deps);
  batchRoutes(app, deps);
  rerunRoutes(app, deps);
  growingRoutes(app, deps);
  scheduleRoutes(app, deps);
  deliveryRoutes(app, deps);
  eventRoutes(app, deps);
  bulkRoutes(app, deps);
  circuitRoutes(app, deps);
  operatorRoutes(app, deps);
  pageRoutes(app, deps);
  await app.ready();
  return app;
}

/** /health, /ready and /metrics alone: the other roles. */
export async function makeStatusServer(deps: StatusDeps): Promise<FastifyInstance> {
  const app = bare(deps, Object.values(statusOperations));
  systemRoutes(app, deps);
  await app.ready();
  return app;
}

/** What is no HTTP never becomes a request; it is answered in the same words all the same. */
function refuseGarbage(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
  const isLong = error.code === "HPE_HEADER_OVERFLOW";
  const status = isLong ? "431 Request Header Fields Too Large" : "400 Bad Request";
  const wrong = isLong ? `must have at most ${maxHeaderSize} bytes of headers` : "is not valid HTTP";
  const code = isLong ? "too_large" : "invalid_format";
  const answer = httpReplyOf(Invalid.outside(status.slice(4), "request", "request", code, wrong));
  const body = JSON.stringify(answer.body);
  const head = `HTTP/1.1 ${status}\r\ncontent-type: application/json; charset=utf-8\r\n`;
  socket.end(`${head}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`);
}

// Hooks that need not wait call back: a promise for each costs every request as much as what they look at.

/** What Node would answer by itself, without a body: refused in the same words as everything else. */
function expectHost(app: FastifyInstance): void {
  app.addHook("onRequest", ({ raw }, _out, done) => {
    const isMissing = raw.headers.host === undefined && raw.httpVersion !== "1.0";
    done(isMissing ? Invalid.outside("Bad Request", "header:Host", "Host", "required", "is required") : undefined);
  });
  app.server.on("checkExpectation", (_request, response) => {
    response.writeHead(417, { "content-type": "application/json; charset=utf-8", connection: "close" });
    const wrong = "must be 100-continue";
    const { body } = httpReplyOf(
      Invalid.outside("Expectation Failed", "header:Expect", "Expect", "not_allowed", wrong),
    );
    response.end(JSON.stringify(body));
  });
}

/** What is no percent-encoded UTF-8 would be searched for as it stands. */
function expectEncoded(app: FastifyInstance): void {
  app.addHook("preValidation", ({ url }, _out, done) => {
    const mark = url.indexOf("?");
    const isSound = mark < 0 || !url.includes("%", mark) || isEncoded(url.slice(mark + 1));
    done(isSound ? undefined : notEncoded());
  });
}

const notEncoded = () =>
  Invalid.outside("Validation failed", "?", "query", "invalid_format", "is no percent-encoded UTF-8");

function isEncoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/** `rows`: the operations that are served. */
function bare({ config, log }: StatusDeps, rows: readonly Operation[]): FastifyInstance {
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
      send(out as never, httpReplyOf(error));
    },
  });
  expectHost(app);
  expectEncoded(app);
  acceptJson(app);
  allowOrigins(app, config.corsOrigins);
  guard(app, config);
  app.setNotFoundHandler((request, out) => send(out, notFound(request, rows)));
  app.setErrorHandler(async (error, request, out) => {
    const answer = withReason(httpReplyOf(error), request.headers["content-type"], config.payloadMaxBytes);
    if (isNamed(request, rows)) return send(out, notFound(request, rows));
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

/** A path that is known for other methods says which. */
function notFound({ method, url }: FastifyRequest, rows: readonly Operation[]): Reply {
  const path = pathOf(url);
  const details = [`${method} ${path.slice(0, 200)}`];
  const allowed = methodsAt(path, rows);
  if (allowed.length === 0) {
    const near = nearPath(path, rows);
    return refusal("unknown_route", "No such route", {
      details: near === undefined ? details : [`${details[0]}; did you mean ${near}?`],
    });
  }
  const error = `This path takes ${allowed.join(", ")} only`;
  return refusal("method_not_allowed", error, { details, headers: { allow: allowed.join(", ") } });
}

/** The path that was meant where its first word is nearly right, as `/tasks` is. */
function nearPath(path: string, rows: readonly Operation[]): string | undefined {
  const [, first = "", ...rest] = path.slice(0, 200).split("/");
  const words = new Set(rows.map((row) => row.path.split("/")[1] ?? "").filter((word) => word !== first));
  const word = nearest(first, words);
  const meant = ["", word, ...rest].join("/");
  return word !== undefined && methodsAt(meant, rows).length > 0 ? meant : undefined;
}

/** What was taken for an id is a name, which has other methods. */
function isNamed({ url, routeOptions }: FastifyRequest, rows: readonly Operation[]): boolean {
  const { operation } = routeOptions.config;
  return operation?.path.includes("{") === true && rows.some(({ path }) => path === pathOf(url));
}

/** Without the query, which may hold secrets. */
const pathOf = (url: string): string => url.split("?")[0] ?? "";

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
