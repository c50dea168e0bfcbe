// How files and pages are sent: in the smallest form that the client takes, with a tag that tells whether it has them already; pages
// under a policy that allows nothing from other hosts, and no script or style in a page.
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Coding, StaticFile } from "#http/files/read";

const policy =
  "default-src 'self'; img-src 'self' data:; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'";

export function sendPage(request: FastifyRequest, out: FastifyReply, page: StaticFile): FastifyReply {
  out.header("content-security-policy", policy).header("referrer-policy", "same-origin");
  return sendFile(request, out, page, false);
}

/** `isHashed`: its name changes with its content. */
export function sendFile(
  request: FastifyRequest,
  out: FastifyReply,
  file: StaticFile,
  isHashed: boolean,
): FastifyReply {
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

function codingFor({ forms }: StaticFile, accepted: string): Coding {
  const takes = (coding: string) => new RegExp(`\\b${coding}\\b(?!\\s*;\\s*q=0(?:\\.0*)?(?:,|$))`).test(accepted);
  return (["br", "gzip"] as const).find((coding) => forms[coding] && takes(coding)) ?? "identity";
}
