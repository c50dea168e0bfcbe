// A process of its own: what an API would be with no state behind it. Reads a report, parses it, answers as Baton would.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { FloorApiTell } from "./messages.ts";

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const { status } = JSON.parse(Buffer.concat(chunks).toString()) as { status: string };
    const id = (request.url ?? "").slice("/task/".length);
    const body = JSON.stringify({ id, status, attempt: 0 });
    response
      .writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) })
      .end(body);
  });
});
process.on("disconnect", () => process.exit(0));
server.keepAliveTimeout = 120_000;
server.listen(0, "127.0.0.1", () => {
  const message: FloorApiTell = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
  process.send?.(message);
});
