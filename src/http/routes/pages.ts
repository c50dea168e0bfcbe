// What people look at: the OpenAPI document, its pages at /docs, and /view, a page that says what runs.
import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { FastifyInstance } from "fastify";
import type { RouteDoc } from "#http/route";
import { viewPage } from "#http/view";

const openapi: RouteDoc = {
  tag: "system",
  summary: "This document",
  answers: { 200: { what: "OpenAPI 3.1.", schema: { type: "object" } } },
};
const view: RouteDoc = {
  tag: "system",
  summary: "A page that says what runs",
  answers: { 200: { what: "HTML.", type: "text/html", schema: { type: "string" } } },
};

/** `document` is complete when all routes are registered; it is read when it is asked for. */
export async function pageRoutes(app: FastifyInstance, document: Record<string, unknown>): Promise<void> {
  app.get("/openapi.json", { config: { doc: openapi, right: "read" } }, async () => document);
  app.get("/view", { config: { doc: view, right: "read" } }, async (_request, out) =>
    out
      .type("text/html; charset=utf-8")
      .header(
        "content-security-policy",
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'",
      )
      .send(viewPage),
  );
  await app.register(swagger, { mode: "static", specification: { document: document as never } });
  await app.register(swaggerUi, { routePrefix: "/docs" });
}
