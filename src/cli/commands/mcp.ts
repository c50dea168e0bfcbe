// `baton mcp`: Baton as tools for a model, over stdio or HTTP. It only reads, unless `--write` is given.
import { once } from "node:events";
import { Mistake, numberOf } from "../arguments.ts";
import { contextOf, exits, type Settings } from "../context.ts";
import { interruption } from "../interrupt.ts";

export interface McpOptions extends Settings {
  readonly write?: boolean;
  readonly http?: boolean;
  readonly host: string;
  readonly port: string;
  readonly allowHost?: readonly string[];
}

const tokenCharsMin = 16;

export async function mcp(options: McpOptions): Promise<number> {
  const { baton } = contextOf({ ...options, plain: true });
  const isWriting = options.write ?? false;
  const interrupt = interruption();
  // stdout belongs to the protocol.
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const does = isWriting ? "reads and writes" : "reads only (--write lets it write)";
  if (!options.http) {
    const { serve } = await import("../mcp/stdio.ts");
    say(`baton mcp ${does}; Baton at ${baton.url}`);
    await serve(baton, isWriting, interrupt);
    return exits.success;
  }
  const token = process.env.BATON_MCP_TOKEN ?? "";
  if (token.length < tokenCharsMin)
    throw new Mistake(
      `over HTTP a token of ${tokenCharsMin} characters or more is asked for, and BATON_MCP_TOKEN has ${token.length}\nTry: BATON_MCP_TOKEN=$(openssl rand -hex 16) baton mcp --http`,
    );
  const { serveHttp } = await import("../mcp/http.ts");
  const port = numberOf("port", options.port, 0, 65_535);
  const served = await serveHttp(baton, isWriting, { host: options.host, port, token, names: options.allowHost ?? [] });
  say(`baton mcp ${does} at ${served.url}; Baton at ${baton.url}; Ctrl-C ends it`);
  if (!interrupt.aborted) await once(interrupt, "abort");
  served.close();
  return exits.success;
}
