// `baton mcp --http`: the same server behind a guard. A page in a browser can reach what listens on this machine, so Host and Origin are
// looked at, and a token is always asked for.
import { timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import {
  createMcpHandler,
  hostHeaderValidationResponse,
  localhostAllowedHostnames,
  localhostAllowedOrigins,
  originValidationResponse,
} from "@modelcontextprotocol/server";
import type { Client } from "../../sdk/client.ts";
import { makeServer } from "./server.ts";

export interface HttpOptions {
  readonly host: string;
  readonly port: number;
  /** What clients send as `Authorization: Bearer <token>`. */
  readonly token: string;
  /** Names beside those of this machine by which clients, and pages of browsers, may ask. */
  readonly names: readonly string[];
}

const path = "/mcp";

/** Answers requests of the protocol that the guard lets through. */
export function guarded(baton: Client, isWriting: boolean, { token, names }: Pick<HttpOptions, "token" | "names">) {
  const handler = createMcpHandler(() => makeServer(baton, isWriting));
  const wanted = Buffer.from(`Bearer ${token}`);
  return async (request: Request): Promise<Response> => {
    const refused =
      hostHeaderValidationResponse(request, [...localhostAllowedHostnames(), ...names]) ??
      originValidationResponse(request, [...localhostAllowedOrigins(), ...names]);
    if (refused) return refused;
    if (new URL(request.url).pathname !== path) return refusal(404, `there is only ${path}`);
    const sent = Buffer.from(request.headers.get("authorization") ?? "");
    if (sent.length !== wanted.length || !timingSafeEqual(sent, wanted))
      return refusal(401, "send the token of BATON_MCP_TOKEN as Authorization: Bearer …", {
        "www-authenticate": "Bearer",
      });
    return handler.fetch(request);
  };
}

const refusal = (status: number, message: string, headers: Record<string, string> = {}): Response =>
  Response.json({ jsonrpc: "2.0", id: null, error: { code: -32_000, message } }, { status, headers });

/** Serves until `close`. */
export async function serveHttp(baton: Client, isWriting: boolean, options: HttpOptions) {
  const answer = guarded(baton, isWriting, options);
  const server = createServer((request, response) => {
    answer(requestOf(request))
      .then((answered) => write(response, answered))
      .catch(() => response.destroy());
  });
  server.listen(options.port, options.host);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${options.host.includes(":") ? `[${options.host}]` : options.host}:${port}${path}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function requestOf(request: IncomingMessage): Request {
  const { method = "GET", url = "/", headers } = request;
  const sent = Object.entries(headers).flatMap(([name, value]) =>
    typeof value === "string" ? [[name, value] as [string, string]] : [],
  );
  const hasBody = method !== "GET" && method !== "HEAD";
  const body = hasBody ? { body: Readable.toWeb(request) as ReadableStream, duplex: "half" as const } : {};
  return new Request(new URL(url.replace(/^\/+/, "/"), "http://mcp"), {
    method,
    headers: sent,
    ...body,
  } as RequestInit);
}

async function write(response: ServerResponse, answer: Response): Promise<void> {
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  if (answer.body === null) response.end();
  else await pipeline(Readable.fromWeb(answer.body as never), response);
}
