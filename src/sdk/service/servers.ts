// How requests are read and answered on each kind of server: the bytes as they came, for the signature is over them. Types are those that
// every version of a server has, so that the package needs none of them.
import type { Answer, Call } from "./call.ts";

type Take = (call: Call) => Promise<Answer>;

export interface NodeRequest extends AsyncIterable<Uint8Array> {
  readonly url?: string | undefined;
  /** Express: the URL before a router took its part off. */
  readonly originalUrl?: string | undefined;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Express: what a body parser made. */
  readonly body?: unknown;
  readonly readableEnded?: boolean;
}

export interface NodeResponse {
  writeHead(status: number, headers: Record<string, string>): unknown;
  end(text: string): unknown;
}

/** Of Fastify, what a plugin needs. */
export interface Fastify {
  removeAllContentTypeParsers(): unknown;
  // biome-ignore lint/suspicious/noExplicitAny: its overloads hang on type parameters that this package does not have
  addContentTypeParser(...args: any[]): unknown;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  all(...args: any[]): unknown;
}

interface FastifyRequest {
  readonly body: unknown;
  readonly headers: NodeRequest["headers"];
  readonly url: string;
}

interface FastifyReply {
  code(status: number): unknown;
  headers(values: Readonly<Record<string, string>>): unknown;
}

const json = { "content-type": "application/json" };
const tooLarge = (most: number): Answer => ({ status: 413, body: { error: `the body has more than ${most} bytes` } });
const parsedBefore: Answer = {
  status: 500,
  body: { error: "a body parser came first, and the signature is over the bytes: put Baton's handler before it" },
};

export async function serveNode(take: Take, most: number, request: NodeRequest, response: NodeResponse): Promise<void> {
  const body = await bytesOf(request, most);
  const url = request.originalUrl ?? request.url ?? "/";
  const answer = body instanceof Uint8Array ? await answered(take, { headers: request.headers, url, body }) : body;
  response.writeHead(answer.status, { ...json, ...answer.headers });
  response.end(JSON.stringify(answer.body));
}

async function bytesOf(request: NodeRequest, most: number): Promise<Uint8Array | Answer> {
  if (request.body instanceof Uint8Array) return request.body;
  if (request.body !== undefined && request.readableEnded) return parsedBefore;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    // The rest is read and dropped: a sender that is cut off in the middle does not see the answer.
    if (bytes <= most) chunks.push(chunk);
  }
  return bytes > most ? tooLarge(most) : joined(chunks, bytes);
}

function joined(chunks: readonly Uint8Array[], bytes: number): Uint8Array {
  const all = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

export async function serveFetch(take: Take, most: number, request: Request): Promise<Response> {
  const body = new Uint8Array(await request.arrayBuffer());
  const call = { headers: request.headers, url: request.url, body };
  const { status, body: said, headers } = body.length > most ? tooLarge(most) : await answered(take, call);
  return new Response(JSON.stringify(said), { status, headers: { ...json, ...headers } });
}

/** In a scope of its own: other routes keep their parsers. */
export async function serveFastify(take: Take, most: number, app: Fastify): Promise<void> {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer", bodyLimit: most }, parseNothing);
  for (const path of ["/", "/*"])
    app.all(path, async ({ body, headers, url }: FastifyRequest, reply: FastifyReply) => {
      const bytes = body instanceof Uint8Array ? body : new Uint8Array();
      const answer = await answered(take, { headers, url, body: bytes });
      reply.code(answer.status);
      reply.headers({ ...json, ...answer.headers });
      return JSON.stringify(answer.body);
    });
}

const parseNothing = (_: unknown, body: unknown, done: (error: null, body: unknown) => void) => done(null, body);

/** A ledger that cannot be reached, say: Baton brings the call again, and counts it as no failure. */
async function answered(take: Take, call: Call): Promise<Answer> {
  try {
    return await take(call);
  } catch (error) {
    const body = { error: error instanceof Error ? error.message : String(error) };
    return { status: 503, body, headers: { "retry-after": "1" } };
  }
}
