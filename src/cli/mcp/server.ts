// The server of the Model Context Protocol: tools from the table, answers as JSON and as text, errors as a model can act on them.
import { McpServer } from "@modelcontextprotocol/server";
import { version } from "#domain/values/version";
import type { Client } from "../../sdk/client.ts";
import { explained } from "../explain.ts";
import { type Arguments, schemaOf } from "./input.ts";
import { readingTools } from "./reading.ts";
import { readsOnly, type Tool } from "./tool.ts";
import { writingTools } from "./writing.ts";

/** Those that a client is shown. */
export const toolsOf = (isWriting: boolean): readonly Tool[] =>
  isWriting ? [...readingTools, ...writingTools] : readingTools;

const instructions = [
  "Baton runs batches: DAGs of tasks, each a call to somebody's service, which reports back.",
  "To find out why something does not run or has failed: `overview` or `list`, then `why` on a task, and on what that waits for; `events` has its history.",
  "Ids may be given by their first 13 characters or more, where only one fits.",
].join(" ");

/** One for each connection, or for each call over HTTP. */
export function makeServer(baton: Client, isWriting: boolean): McpServer {
  const server = new McpServer({ name: "baton", title: "Baton", version }, { instructions });
  for (const tool of toolsOf(isWriting)) {
    const annotations = {
      title: tool.title,
      readOnlyHint: readsOnly(tool),
      destructiveHint: tool.isDestructive ?? false,
      idempotentHint: tool.isIdempotent,
      openWorldHint: tool.isOpenWorld ?? false,
    };
    const { title, description, input } = tool;
    server.registerTool(tool.name, { title, description, inputSchema: schemaOf(input), annotations }, (asked) =>
      answered(tool, baton, asked),
    );
  }
  return server;
}

async function answered(tool: Tool, baton: Client, asked: Arguments) {
  try {
    const { text, content } = await tool.run(baton, asked);
    const json = { type: "text" as const, text: JSON.stringify(content) };
    return {
      content: text === undefined ? [json] : [{ type: "text" as const, text }, json],
      structuredContent: content,
    };
  } catch (error) {
    throw new Error(said(error));
  }
}

/** What is wrong, without the commands of a shell to try next, and never a stack. */
function said(error: unknown): string {
  const text = explained(error) ?? (error instanceof Error ? error.message : String(error));
  return text
    .split("\n")
    .filter((line) => !/^(Try| or): /.test(line))
    .join("\n");
}
