// From whatever was thrown, by Fastify too, to an HTTP answer. What is ours is logged in full by the server.
import { BatonError, type ErrorCode } from "#domain/errors";
import { Faults } from "#domain/faults";
import { type Reply, refusal, replyOf } from "#intake/reply";

/** What to answer to an error; 500 stands for errors that are ours. */
export function httpReplyOf(error: unknown): Reply {
  if (error instanceof BatonError) return replyOf(error);
  const code = String((error as { code?: unknown } | null)?.code ?? "");
  if (code === "FST_ERR_BAD_URL") return malformedUrl();
  const known = fastifyErrors[code];
  if (known) return refusal(...known);
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  if (typeof status === "number" && status >= 400 && status < 500) {
    return refusal("validation_failed", (error as Error).message, { status });
  }
  return replyOf(error);
}

function malformedUrl(): Reply {
  const faults = new Faults();
  faults.addOutside(":path", "path", "invalid_format", "is no percent-encoded UTF-8");
  return refusal("validation_failed", "Malformed URL", { details: faults.list, faults: faults.faults });
}

const fastifyErrors: Readonly<Record<string, readonly [code: ErrorCode, error: string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ["body_too_large", "Body too large"],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ["unsupported_media_type", "Content type must be application/json"],
  FST_ERR_CTP_EMPTY_TYPE: ["unsupported_media_type", "Content type must be application/json"],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ["validation_failed", "Body does not have the length that was announced"],
  FST_ERR_MAX_PARAM_LENGTH: ["validation_failed", "URL too long"],
};
