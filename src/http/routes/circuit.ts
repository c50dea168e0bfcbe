// Reading the circuits of receivers: who fails, who is not called for now, and until when.
import type { FastifyInstance } from "fastify";
import { shownCircuit } from "#domain/circuit";
import type { Deps, RouteDoc } from "#http/route";
import { listOf } from "#http/shapes";
import { listCircuits } from "#store/list";

const list: RouteDoc = {
  tag: "deliveries",
  summary: "List the receivers that have failed lately, by name",
  description:
    "A receiver that fails `CIRCUIT_BREAKER_FAILURE_THRESHOLD` times in a row is `open`: it is not called, its tasks stay Pending and its deliveries wait, until single calls have tried it (`half_open`). One that is `closed` has failed, not often enough; all others are not listed. Empty with `CIRCUIT_BREAKER_ENABLED=0`.",
  answers: { 200: { what: "Every circuit that is not as if nothing had happened.", schema: listOf("Circuit") } },
};

export function circuitRoutes(app: FastifyInstance, { db, config }: Deps): void {
  app.get("/circuits", { config: { doc: list, right: "read" } }, async () =>
    config.circuitBreakerEnabled ? (await listCircuits(db)).map(shownCircuit) : [],
  );
}
