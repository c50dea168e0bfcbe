// Whether this process works: for load balancers, for Prometheus, and for people. Served in every role.
// Health is always 200 while the process answers at all; readiness follows Postgres and NATS within 5 s.
import type { FastifyInstance } from "fastify";
import { statusOperations } from "#http/operations/system";
import { type Deps, route } from "#http/route";
import { contentType, renderMetrics } from "#telemetry/metrics";

export type StatusDeps = Pick<Deps, "config" | "log"> & {
  readonly db: Pick<Deps["db"], "up" | "connections">;
  readonly commands: Pick<Deps["commands"], "up">;
};

const upOrDown = (up: boolean) => (up ? "up" : "down");

export function systemRoutes(app: FastifyInstance, { db, commands }: StatusDeps): void {
  const isReady = () => db.up && commands.up;

  route(app, statusOperations.getHealth, async () => ({
    status: isReady() ? "ok" : "degraded",
    database: upOrDown(db.up),
    nats: upOrDown(commands.up),
    pool_size: db.connections.open,
    pool_idle: db.connections.idle,
  }));

  route(app, statusOperations.getReady, async (_call, out) => {
    const ready = isReady();
    if (!ready) out.code(503).header("retry-after", "1");
    return { status: ready ? "ready" : "not ready", ready, postgres: db.up, nats: commands.up };
  });

  route(app, statusOperations.getMetrics, async (_call, out) => out.type(contentType).send(renderMetrics()));
}
