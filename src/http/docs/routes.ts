// The pages of the docs at /docs and below, and llms.txt. Pages and files hold no data, so they need no token.
import type { FastifyInstance } from "fastify";
import type { Site } from "#http/docs/site";
import { sendFile, sendPage } from "#http/files/send";
import { operations } from "#http/operations/table";
import { route } from "#http/route";

export function docsRoutes(app: FastifyInstance, { first, files }: Site): void {
  route(app, operations.getDocs, async ({ request }, out) => sendPage(request, out, first));
  route(app, operations.getLlmsTxt, async ({ request }, out) => {
    const file = files.get("llms.txt");
    return file ? sendFile(request, out, file, false) : out.type("text/plain; charset=utf-8").send(noText);
  });
  app.get<{ Params: { "*": string } }>("/docs/*", { config: { isPage: true } }, async (request, out) => {
    const path = request.params["*"];
    const page = files.get(`${path || "index"}.html`);
    if (page) return sendPage(request, out, page);
    const file = files.get(path);
    return file ? sendFile(request, out, file, false) : out.callNotFound();
  });
}

const noText =
  "# Baton\n\n> The docs are not built here: `npm run site` builds them.\n\n- [OpenAPI 3.1](openapi.json)\n";
