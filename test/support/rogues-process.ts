// The program of rogues.ts: receivers that misbehave. Writes their URLs as one line of JSON, and ends with its parent.
import { createServer, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const chunk = Buffer.alloc(65_536, "x");
const chunks = (100 * 1_048_576) / chunk.length;

/** As fast as it is read. */
function flood(response: ServerResponse): void {
  let left = chunks;
  const more = () => {
    while (left > 0 && !response.destroyed)
      if (--left === 0) response.end(chunk);
      else if (!response.write(chunk)) return void response.once("drain", more);
  };
  response.writeHead(200, { "content-length": chunks * chunk.length });
  more();
}

const behaviors: Readonly<Record<string, RequestListener>> = {
  hangs() {},
  fails: (_, response) => void response.writeHead(500).end(),
  resets: (request) => void request.socket.resetAndDestroy(),
  floods: (_, response) => flood(response),
};

const urls: Record<string, string> = {};
for (const [name, answer] of Object.entries(behaviors)) {
  const server = createServer((request, response) => {
    response.on("error", () => {});
    request.resume().on("end", () => answer(request, response));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  urls[name] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
process.stdout.write(`${JSON.stringify(urls)}\n`);
process.on("disconnect", () => process.exit());
