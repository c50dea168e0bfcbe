// Lets pages of the configured origins call the API; off when none is configured. Preflights need no token.
import type { FastifyInstance } from "fastify";

/** What scripts of a page may read of an answer, besides what every browser lets them. */
const exposed = "Link, Baton-Warning, Baton-Deduplicated, X-Batch-ID, Retry-After";

export function allowOrigins(app: FastifyInstance, origins: readonly string[]): void {
  if (origins.length === 0) return;
  const anyOrigin = origins.includes("*");
  app.addHook("onRequest", async (request, out) => {
    out.header("vary", "Origin");
    const { origin } = request.headers;
    if (origin === undefined || !(anyOrigin || origins.includes(origin))) return;
    out.header("access-control-allow-origin", anyOrigin ? "*" : origin);
    out.header("access-control-expose-headers", exposed);
    if (request.method !== "OPTIONS" || request.headers["access-control-request-method"] === undefined) return;
    out.header("access-control-allow-methods", "GET, HEAD, POST, PUT, PATCH, DELETE");
    out.header("access-control-allow-headers", "Authorization, Content-Type, Idempotency-Key, Last-Event-ID");
    out.header("access-control-max-age", "600");
    return out.code(204).send();
  });
}
