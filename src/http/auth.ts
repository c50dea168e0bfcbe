// Who may call what: a bearer token, compared by its hash in constant time, and the right of its role.
// Without AUTH_TOKEN and AUTH_TOKENS everything is allowed. Unknown routes need a token too, so that none can be probed.
// A signed handle stands in for a token where one task is reported on, and nowhere else; where a token is sent it decides.
import { createHash, timingSafeEqual } from "node:crypto";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Config } from "#config";
import { isSignatureOf } from "#domain/handle";
import type { Right } from "#http/route";

type Role = Exclude<Right, "open">;
const rank: Record<Right, number> = { open: 0, read: 1, submit: 2, operate: 3 };

declare module "fastify" {
  interface FastifyContextConfig {
    /** A signed handle of the task in the path is as good as a token here. */
    readonly isHandle?: boolean;
  }
  interface FastifyRequest {
    /** The attempt of the signed handle that let this call in; null where a token did, or none was needed. */
    signedAttempt: number | null;
  }
}

export function guard(app: FastifyInstance, config: Pick<Config, "authToken" | "authTokens" | "handleSecret">): void {
  app.decorateRequest("signedAttempt", null);
  const tokens = tokensOf(config);
  if (tokens.length === 0) return;
  app.addHook("onRequest", async (request, out) => {
    const right = request.routeOptions.config.right ?? "read";
    if (right === "open") return;
    if (request.headers.authorization === undefined && request.routeOptions.config.isHandle === true) {
      request.signedAttempt = signedAttempt(request, config.handleSecret);
      if (request.signedAttempt !== null) return;
    }
    const role = roleOf(tokens, request.headers.authorization);
    if (role === undefined)
      return refuse(out.header("www-authenticate", "Bearer"), 401, "A valid bearer token is needed");
    if (rank[role] < rank[right]) return refuse(out, 403, `The token's role, ${role}, does not allow this`);
  });
}

interface Token {
  readonly role: Role;
  readonly hash: Buffer;
}

function tokensOf({ authToken, authTokens }: Pick<Config, "authToken" | "authTokens">): Token[] {
  const named = authTokens.map(({ role, sha256 }) => ({ role, hash: Buffer.from(sha256, "hex") }));
  return authToken === undefined ? named : [{ role: "operate", hash: hashOf(authToken) }, ...named];
}

const hashOf = (token: string): Buffer => createHash("sha256").update(token).digest();

/** Every token is compared, whatever matched before: the time taken tells nothing. */
function roleOf(tokens: readonly Token[], header: string | undefined): Role | undefined {
  const sent = /^Bearer +([\x21-\x7e]+)$/i.exec(header ?? "")?.[1] ?? "";
  const hash = hashOf(sent);
  let role: Role | undefined;
  for (const token of tokens) if (timingSafeEqual(token.hash, hash)) role ??= token.role;
  return sent === "" ? undefined : role;
}

/** The attempt that the handle's signature is good for; null without a good one. */
function signedAttempt({ params, query }: FastifyRequest, secret: string | undefined): number | null {
  const { sig, attempt = "0" } = query as Record<string, unknown>;
  const { id } = params as { readonly id: string };
  if (secret === undefined || typeof sig !== "string" || typeof attempt !== "string") return null;
  // As it is written in handles: another spelling of the number is another handle.
  if (!/^(0|[1-9]\d{0,9})$/.test(attempt)) return null;
  return isSignatureOf(sig, secret, id.toLowerCase(), Number(attempt)) ? Number(attempt) : null;
}

function refuse(out: FastifyReply, status: number, error: string): FastifyReply {
  return out.code(status).send({ error, details: [] });
}
