// Reading the circuits of receivers: who fails, who is not called for now, and until when.
import type { FastifyInstance } from "fastify";
import { shownCircuit } from "#domain/calls/circuit";
import { operations } from "#http/operations/table";
import { type Deps, route } from "#http/route";
import { listCircuits } from "#store/read/tasks";

export function circuitRoutes(app: FastifyInstance, { db, config }: Deps): void {
  route(app, operations.listCircuits, async () =>
    config.circuitBreakerEnabled ? (await listCircuits(db)).map(shownCircuit) : [],
  );
}
