// What people and tools look at: who they are to Baton, the OpenAPI document and its pages at /docs, the AsyncAPI document, and
// the console at /view.
import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { FastifyInstance } from "fastify";
import { consoleRoutes } from "#http/console/routes";
import { asyncApi } from "#http/docs/asyncapi";
import { openApi } from "#http/docs/openapi";
import { tokenScript } from "#http/docs/token";
import { operations } from "#http/operations/table";
import { type Deps, route } from "#http/route";

export async function pageRoutes(app: FastifyInstance, { console }: Pick<Deps, "console">): Promise<void> {
  route(app, operations.getWhoAmI, async ({ request: { actor, role } }) => ({ actor, role }));
  route(app, operations.getOpenApi, async () => openApi());
  route(app, operations.getAsyncApi, async () => asyncApi());
  // Relative, so that it leads on behind a proxy with a path of its own.
  route(app, operations.getRoot, async (_call, out) => out.code(303).header("location", "view").send());
  consoleRoutes(app, console);
  await app.register(swagger, { mode: "static", specification: { document: openApi() as never } });
  await app.register(async (docs) => {
    docs.addHook("onRoute", (added) => {
      added.config = { ...added.config, isPage: !documents.test(added.url) };
    });
    await docs.register(swaggerUi, {
      routePrefix: "/docs",
      theme: { js: [{ filename: "token.js", content: tokenScript }] },
    });
  });
}

/** What the pages at /docs show, which needs a token. */
const documents = /^\/docs\/(json|yaml)$/;
