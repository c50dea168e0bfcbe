// A Baton of ours that keeps what is reported to it, and calls as Baton makes and signs them.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { signatureHeaders } from "#domain/calls/signature";
import { withHandle } from "#domain/calls/webhook";

export const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;

export interface Report {
  readonly method: string;
  readonly path: string;
  readonly key: string | undefined;
  readonly body: Readonly<Record<string, unknown>>;
}

/** `answer` says what a report gets: 200 and nothing where it says nothing. */
export async function startBaton() {
  const reports: Report[] = [];
  const stage: { answer: (report: Report) => readonly [status: number, code: string] | undefined } = {
    answer: () => undefined,
  };
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    const { method = "", url: path = "", headers } = request;
    const report = { method, path, key: headers["idempotency-key"]?.toString(), body: JSON.parse(text || "{}") };
    reports.push(report);
    const [status, code] = stage.answer(report) ?? [200, ""];
    response.writeHead(status).end(JSON.stringify({ error: code, code }));
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  return Object.assign(stage, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    reports,
    /** What ended tasks. */
    ends: () => reports.filter(({ method }) => method === "PATCH").map(({ body }) => body),
    close() {
      server.closeAllConnections();
      server.close();
    },
  });
}

export interface Sent {
  readonly task?: string;
  /** Behind the id of the task. */
  readonly key?: string;
  readonly body?: unknown;
  readonly handle?: string;
  readonly secrets?: readonly string[];
  readonly at?: Date;
}

/** A call as Baton makes it: headers, URL below `at`, and the text of the body. */
export function callOf(baton: string, { task = randomUUID(), key = ":start", body, handle, secrets, at }: Sent = {}) {
  const id = key.startsWith("batch:") ? key : `${task}${key}`;
  const text = body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body);
  const list = signatureHeaders(secrets ?? [secret], id, at ?? new Date(), text);
  const signed = Object.fromEntries(list.flatMap((name, i) => (i % 2 === 0 ? [[name, `${list[i + 1]}`]] : [])));
  return {
    task,
    url: withHandle("/jobs/resize?x=1", handle ?? `${baton}/task/${task}`),
    headers: { "content-type": "application/json", "idempotency-key": id, ...signed } as Record<string, string>,
    text,
    bytes: new TextEncoder().encode(text),
  };
}
