// Who may call what: a bearer token, compared by its hash in constant time, and the right of its role. Pages are open, and
// what they show is not. Unknown routes need a token too, so that none can be probed. Without AUTH_TOKEN and AUTH_TOKENS
// everything is allowed, except reports where HANDLE_SECRET is set: these need a signed handle or a token with `operate`.
// A signed handle stands in for a token where one task is reported on, and nowhere else; where a token is sent it decides.
import { createHash, timingSafeEqual } from "node:crypto";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Config } from "#config";
import { anonymous, type Role } from "#domain/actor";
import { isSignatureOf } from "#domain/calls/handle";
import type { ErrorCode } from "#domain/errors";
import type { Right } from "#http/operations/operation";
import { notAllowed, send } from "#http/route";
import { refusal } from "#intake/reply";

const rank: Record<Right, number> = { open: 0, read: 1, submit: 2, operate: 3 };

declare module "fastify" {
  interface FastifyRequest {
    /** The attempt of the signed handle that let this call in; null where a token did, or none was needed. */
    signedAttempt: number | null;
    /** Who calls, as events say it. */
    actor: string;
    /** What the caller may do; that of a signed handle is `read`. */
    role: Role;
  }
  interface FastifyContextConfig {
    /** A page or a part of one: it holds no data, so a browser gets it without a token. */
    readonly isPage?: boolean;
  }
}

export function guard(app: FastifyInstance, config: Pick<Config, "authToken" | "authTokens" | "handleSecret">): void {
  app.decorateRequest("signedAttempt", null);
  app.decorateRequest("actor", anonymous);
  app.decorateRequest("role", "operate");
  const tokens = tokensOf(config);
  const { handleSecret } = config;
  if (tokens.length === 0 && handleSecret === undefined) return;
  app.addHook("onRequest", async (request, out) => {
    const { operation, isPage } = request.routeOptions.config;
    const { byHandle = false } = operation ?? {};
    // Of a call that needs less as a rehearsal, the body says which it is: the rest is asked once that is read.
    const right = operation?.rehearsalRight ?? operation?.right ?? "read";
    const takesHandle = byHandle && handleSecret !== undefined;
    if (right === "open" || isPage || (tokens.length === 0 && !takesHandle)) return;
    const header = tokens.length === 0 ? undefined : request.headers.authorization;
    if (header === undefined && takesHandle) {
      request.signedAttempt = signedAttempt(request, handleSecret);
      if (request.signedAttempt !== null) return letIn(request, { actor: "handle", role: "read" });
    }
    const token = tokenOf(tokens, header);
    if (token === undefined) {
      const needed = needs(takesHandle, tokens.length > 0);
      return refuse(out.header("www-authenticate", "Bearer"), "unauthorized", needed);
    }
    const { role } = token;
    if (rank[role] < rank[right]) return send(out, notAllowed({ role }));
    return letIn(request, token);
  });
}

function letIn(request: FastifyRequest, { actor, role }: Pick<FastifyRequest, "actor" | "role">): void {
  request.actor = actor;
  request.role = role;
}

function needs(takesHandle: boolean, hasTokens: boolean): string {
  if (!takesHandle) return "A valid bearer token is needed";
  if (!hasTokens) return "The handle as it was sent, with its signature, is needed";
  return "A valid bearer token, or the handle as it was sent, with its signature, is needed";
}

interface Token {
  readonly actor: string;
  readonly role: Role;
  readonly hash: Buffer;
}

function tokensOf({ authToken, authTokens }: Pick<Config, "authToken" | "authTokens">): Token[] {
  const named = authTokens.map(({ name, role, sha256 }) => ({
    ...{ actor: `token:${name}`, role, hash: Buffer.from(sha256, "hex") },
  }));
  return authToken === undefined ? named : [{ actor: "token", role: "operate", hash: hashOf(authToken) }, ...named];
}

const hashOf = (token: string): Buffer => createHash("sha256").update(token).digest();

/** Every token is compared, whatever matched before: the time taken tells nothing. */
function tokenOf(tokens: readonly Token[], header: string | undefined): Token | undefined {
  const sent = /^Bearer +([\x21-\x7e]+)$/i.exec(header ?? "")?.[1] ?? "";
  const hash = hashOf(sent);
  let found: Token | undefined;
  for (const token of tokens) if (timingSafeEqual(token.hash, hash)) found ??= token;
  return sent === "" ? undefined : found;
}

/** The attempt that the handle's signature is good for; null without a good one. */
function signedAttempt({ params, query }: FastifyRequest, secret: string): number | null {
  const { sig, attempt = "0" } = query as Record<string, unknown>;
  const { id } = params as { readonly id: string };
  if (typeof sig !== "string" || typeof attempt !== "string") return null;
  // As it is written in handles: another spelling of the number is another handle.
  if (!/^(0|[1-9]\d{0,9})$/.test(attempt)) return null;
  return isSignatureOf(sig, secret, id.toLowerCase(), Number(attempt)) ? Number(attempt) : null;
}

const refuse = (out: FastifyReply, code: ErrorCode, error: string): FastifyReply => send(out, refusal(code, error));
