// Reads request bodies: JSON in UTF-8 only, parsed by the strict parser of the domain, with the length kept beside it.
// An empty body is undefined, and a route that needs one says so. A body of an unknown route is not looked at. A large one of a
// creation stays bytes.
import type { FastifyInstance, FastifyRequest } from "fastify";
import { limits } from "#config";
import { BatonError } from "#domain/errors";
import { Faults, quoted } from "#domain/faults";
import { parseJson } from "#domain/values/json";
import { type Reply, refusal } from "#intake/reply";

declare module "fastify" {
  interface FastifyRequest {
    /** Length of the body in bytes. */
    bodyBytes: number;
    /** What is wrong with values of the body, whatever it is for; null where there was no body to look at. */
    bodyFaults: Faults | null;
  }
}

export function acceptJson(app: FastifyInstance): void {
  app.decorateRequest("bodyBytes", 0);
  app.decorateRequest("bodyFaults", null);
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
  const coding = request.headers["content-encoding"];
  if (coding !== undefined && !/^identity$/i.test(coding)) throw new Coded(coding);
  request.bodyBytes = body.length;
  if (body.length === 0) return undefined;
  const { large, bareTasks } = request.routeOptions.config.operation?.body ?? {};
  if (large && body.length > limits.largeBodyBytes) return body;
  request.bodyFaults = new Faults();
  return parseJson(body, bareTasks === true && "bareTasks", request.bodyFaults);
}

/** A body that would have to be unpacked first. */
class Coded extends BatonError {
  readonly _tag = "Coded";
  readonly status = 415;
  readonly code = "unsupported_media_type";
  constructor(coding: string) {
    const faults = new Faults();
    const wrong = `must be left out, not ${quoted(coding)}`;
    faults.addOutside("header:Content-Encoding", "Content-Encoding", "not_allowed", wrong);
    super("The body must not have a content coding", faults);
  }
}

/** A body that was refused unread: how large it may be, or what type it came with. */
export function withReason(answer: Reply, type: string | undefined, bytesMax: number): Reply {
  const { code, details } = answer.body as { readonly code: string; readonly details: readonly string[] };
  const faults = new Faults();
  if (code === "body_too_large") faults.add([], "too_large", `must take at most ${bytesMax} bytes (PAYLOAD_MAX_BYTES)`);
  else if (code === "unsupported_media_type" && details.length === 0) {
    const wrong = type === undefined ? "" : `, not ${quoted(type)}`;
    faults.addOutside(
      "header:Content-Type",
      "Content-Type",
      "not_allowed",
      `must be application/json in UTF-8${wrong}`,
    );
  } else return answer;
  const { error } = answer.body as { readonly error: string };
  return refusal(code, error, { details: faults.list, faults: faults.faults });
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
