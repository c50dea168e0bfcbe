// The console at /view and below. Any address that is no file is the page: what it shows is decided in the browser. Pages and
// files hold no data, so they need no token.
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Console } from "#http/console/files";
import { sendFile, sendPage } from "#http/files/send";
import { operations } from "#http/operations/table";
import { route } from "#http/route";

export function consoleRoutes(app: FastifyInstance, console: Console): void {
  route(app, operations.getView, async ({ request }, out) => sendView(console, request, out, ""));
  app.get<{ Params: { "*": string } }>("/view/*", { config: { isPage: true } }, async (request, out) => {
    const path = request.params["*"];
    const file = console.files.get(path);
    if (file) return sendFile(request, out, file, path.startsWith("assets/"));
    // A file that an older page asks for is gone; the page in its place would be taken for a script.
    if (path.startsWith("assets/")) return out.callNotFound();
    return sendView(console, request, out, path);
  });
}

function sendView(console: Console, request: FastifyRequest, out: FastifyReply, path: string): FastifyReply {
  const below = pathOf(request.url).replace(/^.*?\/view/, "");
  const depth = path.split("/").filter((part) => part !== "").length;
  if (!console.isBuilt) out.code(503);
  return sendPage(request, out, console.page(depth, below.endsWith("/")));
}

const pathOf = (url: string): string => url.split("?")[0] ?? "";
