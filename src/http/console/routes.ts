// The console at /view and below. Any address that is no file is the page: what it shows is decided in the browser. Pages and
// files hold no data, so they need no token; nothing may come from another host, and no script or style stands in a page.
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Coding, Console, ConsoleFile } from "#http/console/files";
import { operations } from "#http/operations/table";
import { route } from "#http/route";

const policy =
  "default-src 'self'; img-src 'self' data:; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'";

export function consoleRoutes(app: FastifyInstance, console: Console): void {
  route(app, operations.getView, async ({ request }, out) => sendPage(console, request, out, ""));
  app.get<{ Params: { "*": string } }>("/view/*", { config: { isPage: true } }, async (request, out) => {
    const path = request.params["*"];
    const file = console.files.get(path);
    if (file) return sendFile(request, out, file, path.startsWith("assets/"));
    // A file that an older page asks for is gone; the page in its place would be taken for a script.
    if (path.startsWith("assets/")) return out.callNotFound();
    return sendPage(console, request, out, path);
  });
}

function sendPage(console: Console, request: FastifyRequest, out: FastifyReply, path: string): FastifyReply {
  const below = pathOf(request.url).replace(/^.*?\/view/, "");
  const depth = path.split("/").filter((part) => part !== "").length;
  out.header("content-security-policy", policy).header("referrer-policy", "same-origin");
  if (!console.isBuilt) out.code(503);
  return sendFile(request, out, console.page(depth, below.endsWith("/")), false);
}

function sendFile(request: FastifyRequest, out: FastifyReply, file: ConsoleFile, isHashed: boolean): FastifyReply {
  out
    .type(file.type)
    .header("etag", file.etag)
    .header("vary", "accept-encoding")
    .header("x-content-type-options", "nosniff")
    .header("cache-control", isHashed ? "public, max-age=31536000, immutable" : "no-cache");
  if (request.headers["if-none-match"] === file.etag) return out.code(304).send();
  const coding = codingFor(file, String(request.headers["accept-encoding"] ?? ""));
  if (coding !== "identity") out.header("content-encoding", coding);
  return out.send(file.forms[coding]);
}

/** The smallest form that the client takes. */
function codingFor({ forms }: ConsoleFile, accepted: string): Coding {
  const takes = (coding: string) => new RegExp(`\\b${coding}\\b(?!\\s*;\\s*q=0(?:\\.0*)?(?:,|$))`).test(accepted);
  return (["br", "gzip"] as const).find((coding) => forms[coding] && takes(coding)) ?? "identity";
}

const pathOf = (url: string): string => url.split("?")[0] ?? "";
