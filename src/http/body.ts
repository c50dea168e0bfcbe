// Reads request bodies: JSON in UTF-8 only, parsed by the strict parser of the domain, with the length kept beside it.
// An empty body is undefined, and whoever needs one says so. A body of an unknown route is not looked at.
import type { FastifyInstance, FastifyRequest } from "fastify";
import { parseExactJson } from "#domain/json";

declare module "fastify" {
  interface FastifyRequest {
    /** Length of the body in bytes. */
    bodyBytes: number;
  }
}

export function acceptJson(app: FastifyInstance): void {
  app.decorateRequest("bodyBytes", 0);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (request, body: Buffer, done) => {
    try {
      done(null, read(request, body));
    } catch (error) {
      done(error as Error);
    }
  });
}

function read(request: FastifyRequest, body: Buffer): unknown {
  if (request.is404) return undefined;
  const charset = /;\s*charset\s*=\s*"?([^\s";]*)/i.exec(request.headers["content-type"] ?? "")?.[1];
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) {
    throw Object.assign(new Error("charset"), { code: "FST_ERR_CTP_INVALID_MEDIA_TYPE" });
  }
  request.bodyBytes = body.length;
  return body.length === 0 ? undefined : parseExactJson(body);
}

/** Waits until the client has sent what is left of its body, so that it hears the refusal instead of a broken pipe. */
export async function drain(request: FastifyRequest, maxMs: number): Promise<void> {
  const { raw } = request;
  if (raw.complete || raw.destroyed) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, maxMs);
    const over = () => {
      clearTimeout(timer);
      resolve();
    };
    raw.once("end", over).once("close", over).once("error", over);
    raw.resume();
  });
}
