// Whether this process works: for load balancers, for Prometheus, and for people. Served in every role.
// Health is always 200 while the process answers at all; readiness follows Postgres and NATS within 5 s.
import type { FastifyInstance } from "fastify";
import type { Deps, RouteDoc } from "#http/route";
import { ref } from "#http/shapes";
import { contentType, renderMetrics } from "#telemetry/metrics";

const docs = {
  health: {
    tag: "system",
    summary: "Whether the process is alive, and whether it is degraded",
    answers: { 200: { what: "Alive; degraded while Postgres or NATS is away.", schema: ref("Health") } },
  },
  ready: {
    tag: "system",
    summary: "Whether the process can do its work now",
    answers: {
      200: { what: "Ready.", schema: ref("Ready") },
      503: { what: "Postgres or NATS is away.", schema: ref("Ready") },
    },
  },
  metrics: {
    tag: "system",
    summary: "Metrics for Prometheus",
    answers: { 200: { what: "The metrics of this process.", type: "text/plain", schema: { type: "string" } } },
  },
} satisfies Record<string, RouteDoc>;

export type StatusDeps = Pick<Deps, "config" | "log"> & {
  readonly db: Pick<Deps["db"], "up">;
  readonly door: Pick<Deps["door"], "up">;
};

export function systemRoutes(app: FastifyInstance, { db, door }: StatusDeps): void {
  const isReady = () => db.up && door.up;

  app.get("/health", { config: { doc: docs.health, right: "open" } }, async () => ({
    status: isReady() ? "ok" : "degraded",
  }));

  app.get("/ready", { config: { doc: docs.ready, right: "open" } }, async (_request, out) => {
    const ready = isReady();
    if (!ready) out.code(503).header("retry-after", "1");
    return { ready, postgres: db.up, nats: door.up };
  });

  app.get("/metrics", { config: { doc: docs.metrics, right: "read" } }, async (_request, out) =>
    out.type(contentType).send(renderMetrics()),
  );
}
