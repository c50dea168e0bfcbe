// What people and tools look at: who they are to Baton, the OpenAPI and AsyncAPI documents, the docs, and the console.
import type { FastifyInstance } from "fastify";
import { consoleRoutes } from "#http/console/routes";
import { asyncApi } from "#http/docs/asyncapi";
import { openApi } from "#http/docs/openapi";
import { docsRoutes } from "#http/docs/routes";
import { operations } from "#http/operations/table";
import { type Deps, route } from "#http/route";

export function pageRoutes(app: FastifyInstance, { console, site }: Pick<Deps, "console" | "site">): void {
  route(app, operations.getWhoAmI, async ({ request: { actor, role } }) => ({ actor, role }));
  route(app, operations.getOpenApi, async () => openApi());
  route(app, operations.getAsyncApi, async () => asyncApi());
  // Relative, so that it leads on behind a proxy with a path of its own.
  route(app, operations.getRoot, async (_call, out) => out.code(303).header("location", "view").send());
  consoleRoutes(app, console);
  docsRoutes(app, site);
}
