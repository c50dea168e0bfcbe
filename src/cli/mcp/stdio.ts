// `baton mcp` over the pipe of the program that started it. It ends with that pipe.
import { once } from "node:events";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import type { Client } from "../../sdk/client.ts";
import { makeServer } from "./server.ts";

/** Serves until the other side closes the pipe, or until the signal. */
export async function serve(baton: Client, isWriting: boolean, signal: AbortSignal): Promise<void> {
  const ended = Promise.race([once(process.stdin, "end"), once(process.stdin, "close"), once(signal, "abort")]);
  const handle = serveStdio(() => makeServer(baton, isWriting));
  await ended;
  await handle.close();
  process.stdin.destroy();
}
